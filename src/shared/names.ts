import type { Account } from './types.ts';

/** Task queue of the workflows and of every activity but the model's. */
export const TASK_QUEUE = 'image-analysis';

/** Task queue of the demonstration, which shares nothing with real runs. */
export const DEMO_TASK_QUEUE = 'image-analysis-demo';

/** `TaskQueueType` of the Temporal API. */
export const QUEUE_OF = { workflows: 1, activities: 2 } as const;

/** Temporal's names for what a person starts, asks and sends; used by our CLI and by the plain `temporal` CLI. */
export const ANALYZE_IMAGES = 'analyzeImages';

/** Search attributes that a run carries where the namespace has them. */
export const SEARCH_ATTRIBUTES = {
  ImageAnalysisRun: 'Keyword',
  ImageAnalysisState: 'Keyword',
  ImageAnalysisSimulated: 'Bool',
} as const;

/** Workflow ID of a run. */
export const workflowIdOf = (run: string): string => `image-analysis-${run}`;

/** Workflow ID of a run's batch; batches are numbered from 0, for people from 1. */
export const batchWorkflowIdOf = (workflowId: string, batch: number): string =>
  `${workflowId}-batch-${batch + 1}`;

/** The account's model queue: two accounts, or a real and a simulated one, never share one. */
export function modelQueueOf(taskQueue: string, account: Account): string {
  const kind = account.simulated ? 'simulated' : 'real';
  return `${taskQueue}-model-${kind}-${account.label}-${account.endpoint}`;
}

/** Workflow type that holds what was told of an account's limits, and the ID of the one that holds a model queue's. */
export const ACCOUNT_LIMITS = 'accountLimits';
export const limitsWorkflowIdOf = (modelQueue: string): string => `${modelQueue}-limits`;

/** `20251126_025312`, the UTC time of a start. */
export function runNameOf(start: Date): string {
  const digits = start.toISOString().replace(/\D/g, '');
  return `${digits.slice(0, 8)}_${digits.slice(8, 14)}`;
}

/** Files of a run, relative to its folder. */
export const files = {
  run: 'run.json',
  results: 'results.json',
  progress: 'progress.json',
  minutes: 'minutes.json',
  page: (page: number): string => `images/${number6(page)}.json`,
  shard: (batch: number): string => `shards/${number6(batch)}.json`,
  segment: (page: number): string => `index/${number6(page)}.json`,
} as const;

const number6 = (n: number): string => String(n).padStart(6, '0');
