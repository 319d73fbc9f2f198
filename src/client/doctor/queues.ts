import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { QUEUE_OF } from '../../shared/names.ts';
import { plural } from '../../shared/phrases.ts';
import { type Finding, ok, skipped, warn, wrong } from './check.ts';
import { GRPC, grpcCode, messageOfGrpc } from '../../connection/grpc.ts';
import type { ServerLink } from './server-link.ts';

/**
 * A poll without work lasts a minute, and the server keeps one that has ended in its list for five: whoever was not
 * noted for so long is gone, or held back by its limiter (`src/worker/queue-pace.ts`).
 */
const GONE_AFTER_MS = 75_000;

/** What is looked at, and with what. */
export interface Queues {
  server: ServerLink;
  namespace: string;
  taskQueue: string;
  modelQueue: string;
  calledAs: string;
  now: () => number;
}

/** Checks of the two task queues: what the server can do with the model's, and who polls both. */
export function queueChecks({ server, namespace, taskQueue, modelQueue, calledAs, now }: Queues): {
  lookAtModelQueue(): Promise<Finding>;
  lookAtWorkers(): Promise<Finding>;
} {
  const { call, embedded } = server;
  const startWorker = (): string => `\`TEMPORAL_ADDRESS=${server.address()} ${calledAs} worker\``;

  /** Whether the server has a rate for a queue to set. What is sent is refused by whoever has: a rate below 0. */
  async function rateProblem(): Promise<string | null> {
    try {
      await call((to) =>
        to.workflowService.updateTaskQueueConfig({
          namespace,
          taskQueue: modelQueue,
          taskQueueType: QUEUE_OF.workflows,
          updateQueueRateLimit: { rateLimit: { requestsPerSecond: -1 }, reason: 'image-analysis doctor' },
        }),
      );
      return null;
    } catch (error) {
      return [GRPC.permissionDenied, GRPC.unimplemented].includes(grpcCode(error))
        ? messageOfGrpc(error)
        : null;
    }
  }

  async function lookAtModelQueue(): Promise<Finding> {
    const [{ activityTaskQueuePartitions }, unsettable] = await Promise.all([
      call((to) =>
        to.workflowService.listTaskQueuePartitions({ namespace, taskQueue: { name: modelQueue } }),
      ),
      rateProblem(),
    ]);
    const partitions = activityTaskQueuePartitions?.length ?? 1;
    if (partitions > 1) {
      return warn(
        `${modelQueue} has ${partitions} partitions, where its rate is not exact: each worker takes its part of the ` +
          'limits instead, also while the others have nothing to do.',
        "Set in the server's dynamic configuration matching.numTaskqueueReadPartitions=1 and " +
          'matching.numTaskqueueWritePartitions=1 (deploy/temporal-dynamicconfig.yaml).',
      );
    }
    if (unsettable !== null) {
      return warn(
        `The server sets no rate for ${modelQueue}: ${unsettable}. Each worker takes its part of the limits instead.`,
        'Use a newer server (1.32 has it), and let the workers call UpdateTaskQueueConfig.',
      );
    }
    return ok(
      `${modelQueue} has one partition and takes a rate, by which all workers share the limits. Whether equal runs ` +
        'take turns (matching.enableFairness) no server tells.',
    );
  }

  /** Who has polled a queue, and how long ago, in milliseconds. */
  async function pollersOf(name: string, taskQueueType: number): Promise<{ name: string; ageMs: number }[]> {
    const { pollers } = await call((to) =>
      to.workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType }),
    );
    return (pollers ?? []).map(({ identity, lastAccessTime }) => ({
      name: identity ?? '',
      ageMs: now() - (optionalTsToMs(lastAccessTime) ?? 0),
    }));
  }

  async function lookAtWorkers(): Promise<Finding> {
    const [workflows, activities, calls] = await Promise.all([
      pollersOf(taskQueue, QUEUE_OF.workflows),
      pollersOf(taskQueue, QUEUE_OF.activities),
      pollersOf(modelQueue, QUEUE_OF.activities),
    ]);
    const all = [workflows, activities, calls];
    if (all.every((pollers) => pollers.length === 0)) {
      if (embedded) return skipped(`No worker polls yet: the engine starts one with \`${calledAs} run\`.`);
      return wrong(`No worker polls ${taskQueue}.`, `Start one with the same TASK_QUEUE: ${startWorker()}.`);
    }
    if (workflows.length === 0 || activities.length === 0) {
      return wrong(
        `Workers poll ${modelQueue}, and none polls ${taskQueue}.`,
        `Start one that does both: ${startWorker()}.`,
      );
    }
    if (calls.length === 0) {
      return wrong(
        `Workers poll ${taskQueue}, and none polls ${modelQueue}: they are of another account.`,
        'Give workers and commands the same ACCOUNT and OPENAI_BASE_URL, for example ACCOUNT=default ' +
          'OPENAI_BASE_URL=https://api.openai.com/v1.',
      );
    }
    const youngest = Math.max(...all.map((pollers) => Math.min(...pollers.map(({ ageMs }) => ageMs))));
    if (youngest > GONE_AFTER_MS) {
      return warn(
        `No worker was seen at one of its two queues for ${Math.round(youngest / 1_000)} s: it has ended, hangs, or ` +
          'waits for the limit of a day.',
        `Look at the worker's log; start one with ${startWorker()}.`,
      );
    }
    const fresh = new Set(calls.filter(({ ageMs }) => ageMs <= GONE_AFTER_MS).map(({ name }) => name));
    return ok(
      `${plural(fresh.size, 'worker')} polled ${taskQueue} and ${modelQueue} within the last minute or so.`,
    );
  }

  return { lookAtModelQueue, lookAtWorkers };
}
