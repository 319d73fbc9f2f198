import { withHeartbeat } from './heartbeat.ts';

export interface FindClosedDeps {
  /** Whether a workflow runs; of one that the server does not know it is `false`. Rejects when the server cannot say. */
  isRunning: (workflowId: string) => Promise<boolean>;
}

/** Workflows asked about at once. */
const AT_ONCE = 16;

/**
 * Which of these workflows do not run. A parent that was reset hears nothing of children that ended while it was
 * closed, and would wait for them for ever.
 */
export function createFindClosed(deps: FindClosedDeps) {
  return async function findClosed({ workflowIds }: { workflowIds: string[] }): Promise<string[]> {
    return withHeartbeat(async () => {
      const closed: string[] = [];
      for (let from = 0; from < workflowIds.length; from += AT_ONCE) {
        const some = workflowIds.slice(from, from + AT_ONCE);
        const running = await Promise.all(some.map((workflowId) => deps.isRunning(workflowId)));
        closed.push(...some.filter((_, i) => running[i] === false));
      }
      return closed;
    });
  };
}
