import { ANALYZE_IMAGES, workflowIdOf } from '../shared/names.ts';
import type { Server } from './connection.ts';

const LIST_MS = 5000;

/** Runs that go on by themselves when a worker comes: neither ended nor paused nor blocked. Names, oldest first. */
export async function runsUnderWay(server: Server): Promise<string[]> {
  const query =
    `WorkflowType = '${ANALYZE_IMAGES}' AND ExecutionStatus = 'Running' AND ` +
    `ImageAnalysisState NOT IN ('paused', 'blocked')`;
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
