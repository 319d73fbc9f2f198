import type { NativeConnection } from '@temporalio/worker';
import type { Logger } from '../logger.ts';
import { QUEUE_OF } from '../shared/names.ts';
import type { AccountLimits } from '../shared/types.ts';
import type { Telemetry } from './telemetry.ts';

/** Prometheus reads every 15 to 60 s; what changes in between nobody sees. */
const EVERY_MS = 15_000;

const LOOK_MS = 5_000;

/**
 * Keeps the gauges up to date that nothing else moves: the limits that this worker holds, and how many tasks wait in
 * each queue, as the server estimates. The first look is under way when it returns. A server that does not tell leaves
 * the last value and is no reason for a warning.
 */
export function watchGauges(options: {
  connection: Pick<NativeConnection, 'workflowService' | 'withDeadline'>;
  namespace: string;
  queues: readonly string[];
  limits: () => AccountLimits;
  telemetry: Pick<Telemetry, 'limits' | 'backlog'>;
  logger: Logger;
  everyMs?: number;
}): { stop(): Promise<void> } {
  const { connection, namespace, queues, telemetry, logger } = options;

  async function waitingIn(queue: string): Promise<number> {
    const kinds = await Promise.all(
      Object.values(QUEUE_OF).map((taskQueueType) =>
        connection.workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name: queue },
          taskQueueType,
          reportStats: true,
        }),
      ),
    );
    return kinds.reduce((sum, { stats }) => sum + Number(stats?.approximateBacklogCount ?? 0), 0);
  }

  async function look(): Promise<void> {
    telemetry.limits(options.limits());
    try {
      await connection.withDeadline(Date.now() + LOOK_MS, async () => {
        for (const queue of queues) telemetry.backlog(queue, await waitingIn(queue));
      });
    } catch (err) {
      logger.debug({ error: String(err) }, 'the backlog was not looked at');
    }
  }

  let current = look();
  const timer = setInterval(() => {
    current = current.then(look);
  }, options.everyMs ?? EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await current;
    },
  };
}
