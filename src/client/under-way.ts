import { ANALYZE_IMAGES, workflowIdOf } from '../shared/names.ts';
import type { Server } from './connection.ts';

const LIST_MS = 5000;

/**
 * Runs that spend by themselves while a worker is there, by name, oldest first. `running`: neither ended nor paused nor
 * blocked; `blocked`: they try a call now and then.
 */
export async function runsUnderWay(server: Server, state: 'running' | 'blocked'): Promise<string[]> {
  const open = `WorkflowType = '${ANALYZE_IMAGES}' AND ExecutionStatus = 'Running'`;
  if (state === 'blocked') return (await names(server, `${open} AND ImageAnalysisState = 'blocked'`)) ?? [];
  // One that has just been started has no state yet. A server without the search attribute refuses the query: then
  // every run that is open.
  const spending = `${open} AND (ImageAnalysisState IS NULL OR ImageAnalysisState NOT IN ('paused', 'blocked'))`;
  return (await names(server, spending)) ?? (await names(server, open)) ?? [];
}

/** `null` when the server does not answer: the list only informs. */
async function names(server: Server, query: string): Promise<string[] | null> {
  const found: string[] = [];
  try {
    await server.client.connection.withDeadline(Date.now() + LIST_MS, async () => {
      for await (const { workflowId, taskQueue } of server.client.workflow.list({ query })) {
        // Another task queue is another team's, or another account's.
        if (taskQueue !== server.taskQueue) continue;
        found.push(
          workflowId.startsWith(workflowIdOf('')) ? workflowId.slice(workflowIdOf('').length) : workflowId,
        );
      }
    });
  } catch {
    return null;
  }
  return found.reverse();
}
