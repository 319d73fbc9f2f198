import { serverIdentity } from '../shared/server-identity.ts';
import type { Server } from './connection.ts';
import { UsageError } from './deps.ts';
import { hasEnded, type RecordedRun } from './runs.ts';

/**
 * Refuses to start a run that is not under way here while its record says that another server has not ended it: two
 * executions would pay twice for the same answers. A run that is paused or blocked there goes on there, at once or by
 * itself. Throws a {@link UsageError} that names that server.
 *
 * @param line - Command line that starts it nevertheless.
 */
export async function refuseElsewhere(server: Server, recorded: RecordedRun, line: string): Promise<void> {
  const { run, progress } = recorded;
  const theirs = progress?.server;
  if (theirs === undefined || hasEnded(recorded)) return;
  const own = await serverIdentity(server.client.workflowService, server.namespace, server.label);
  if (own.id === theirs.id) return;
  throw new UsageError(
    `Run ${run} belongs to another server: ${theirs.label}. This one is ${own.label}. On two at once it would be ` +
      `paid for twice.\nGo on with it there; if that server or its data is gone for good: ${line}`,
  );
}
