import type { AskResult } from './types.ts';

/** An answer as a batch's history holds it. */
export interface RecordedAnswer {
  page: number;
  /** Index of the picture in its page. */
  index: number;
  prompt: string;
  result: AskResult;
  /** ISO 8601, UTC, when it was recorded. */
  at: string;
}

/** What was found when a run's results were written again. */
export interface Rebuilt {
  /** Files that were written, relative to the run's folder. */
  wrote: string[];
  images: number;
  questions: number;
  answered: number;
  failed: number;
  /** Answers that no shard held and that the answer store knew. */
  fromStore: number;
  /** Answers that only a batch's history knew. */
  fromHistory: number;
}
