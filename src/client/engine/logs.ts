import { copyFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

const LOG_BYTES = 50_000_000;

/** Log file of one of the engine's processes. */
export const logOf = (dataDir: string, name: string): string => join(dataDir, `${name}.log`);

/**
 * Copies a log that has grown too long aside and empties it; its writers append, so they go on at its start. Where it
 * cannot be copied it is emptied all the same.
 */
export function capLogs(dataDir: string): void {
  for (const name of ['server', 'worker', 'simulator', 'engine']) {
    const path = logOf(dataDir, name);
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= LOG_BYTES) continue;
    try {
      copyFileSync(path, `${path}.old`);
    } catch {
      rmSync(`${path}.old`, { force: true });
    }
    truncateSync(path);
  }
}
