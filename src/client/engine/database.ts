import { closeSync, existsSync, fsyncSync, openSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The embedded server's SQLite file. */
export const databaseOf = (dataDir: string): string => join(dataDir, 'temporal.db');

/**
 * Removes a database whose server never served, and marks one that is to be made. To be called before each start of the
 * server.
 *
 * A server that makes a database makes its tables one by one, each for good: killed or out of room among them, it leaves
 * a file with which no later server works, or works without lists (measured). Nothing can be recorded in it yet.
 */
export function prepareDatabase(database: string): void {
  const mark = markOf(database);
  if (existsSync(mark)) {
    for (const end of ['', '-journal', '-wal', '-shm']) rmSync(`${database}${end}`, { force: true });
  }
  if (existsSync(database)) return;
  closeSync(openSync(mark, 'a', 0o600));
  // The mark must outlive a power cut that the database outlives.
  syncFolder(dirname(database));
}

/** Its server serves: all of the database is there, and it is never removed from now on. */
export function keepDatabase(database: string): void {
  const mark = markOf(database);
  if (!existsSync(mark)) return;
  rmSync(mark);
  // A mark that a power cut brings back would have a database removed that has served.
  syncFolder(dirname(database));
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  fsyncSync(folder);
  closeSync(folder);
}

const markOf = (database: string): string => `${database}.unfinished`;
