import { ANALYZE_IMAGES, workflowIdOf } from '../shared/names.ts';
import type { Server } from './connection.ts';

const LIST_MS = 5000;

/**
 * Runs that spend by themselves while a worker is there, by name, oldest first. `running`: neither ended nor paused nor
 * blocked; `blocked`: they try a call now and then.
 */
export async function runsUnderWay(server: Server, state: 'running' | 'blocked'): Promise<string[]> {
  const query =
    `WorkflowType = '${ANALYZE_IMAGES}' AND ExecutionStatus = 'Running' AND ` +
    (state === 'blocked'
      ? `ImageAnalysisState = 'blocked'`
      : `ImageAnalysisState NOT IN ('paused', 'blocked')`);
  const names: string[] = [];
  try {
    await server.client.connection.withDeadline(Date.now() + LIST_MS, async () => {
      for await (const { workflowId } of server.client.workflow.list({ query })) {
        names.push(
          workflowId.startsWith(workflowIdOf('')) ? workflowId.slice(workflowIdOf('').length) : workflowId,
        );
      }
    });
  } catch {
    // The list only informs; a server without the search attribute refuses the query.
    return [];
  }
  return names.reverse();
}
