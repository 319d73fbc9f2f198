import { databaseOf } from './database.ts';
import { endProcess, identityOf, processesWith } from './processes.ts';
import { DYNAMIC_CONFIG } from './server.ts';
import { engineFiles } from './state.ts';

/**
 * Ends what a killed supervisor left behind, which must not use the database beside our own server. Workers first: their
 * last answers are recorded yet. To be called by the one who holds the folder's lock.
 *
 * The server is found by its command line as well, as its supervisor may have died before it wrote down whom it had
 * started. Throws an Error that names a server which somebody else runs on the database.
 */
export async function endOrphans(dataDir: string, grace: { worker: number; server: number }): Promise<void> {
  const left = engineFiles(dataDir).processes.read() ?? {};
  if (left.worker !== undefined) await endProcess(left.worker, grace.worker);
  if (left.simulator !== undefined) await endProcess(left.simulator, grace.server);
  if (left.server !== undefined) await endProcess(left.server, grace.server);

  const database = databaseOf(dataDir);
  for (const { pid, line } of processesWith(['--db-filename', database])) {
    if (!DYNAMIC_CONFIG.every((value) => line.includes(value))) {
      throw new Error(`process ${String(pid)} runs a Temporal server on ${database}: end that one first`);
    }
    const identity = identityOf(pid);
    if (identity !== null) await endProcess(identity, grace.server);
  }
}
