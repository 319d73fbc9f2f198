import type { NativeConnection, Worker } from '@temporalio/worker';

/** A server that takes longer answers no poll either; a probe's own time-out is a few seconds. */
const ANSWERS_MS = 2_000;

/** What says whether this process takes work: its parts are told as they come to be. */
export interface Readiness {
  /** The worker has its connection and polls with these. */
  working(
    connection: Pick<NativeConnection, 'workflowService' | 'withDeadline'>,
    workers: readonly Pick<Worker, 'getState'>[],
  ): void;
  /** Why it takes no work just now; `null`: it does. */
  problem(): Promise<string | null>;
}

/** A worker is ready while every one of its workers polls and the Temporal server answers. */
export function createReadiness(): Readiness {
  let problem = (): Promise<string | null> => Promise.resolve('the worker is starting');
  return {
    working(connection, workers) {
      problem = async () => {
        const states = workers.map((worker) => worker.getState());
        const other = states.find((state) => state !== 'RUNNING');
        if (other !== undefined) return `the worker does not poll: its state is ${other}`;
        try {
          await connection.withDeadline(Date.now() + ANSWERS_MS, () =>
            connection.workflowService.getSystemInfo({}),
          );
          return null;
        } catch {
          return 'the Temporal server does not answer';
        }
      };
    },
    problem: () => problem(),
  };
}
