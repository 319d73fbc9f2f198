import { readdirSync, statSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';

/** Bytes written, by kind of file. */
export interface BytesWritten {
  /** Of the run's own folder: what is written once by its size, what is written again by the sum of its sizes. */
  run: Record<string, number>;
  answers: number;
}

/**
 * Counts what is written while a run goes on. Files that are replaced (`results.json`, `progress.json`,
 * `minutes.json`) are seen as they come into place; the others are written once, and counted at the end.
 */
export function countWrites(place: string, answers: string): { close(): Promise<BytesWritten> } {
  const replaced = new Map<string, number>();
  let watcher: FSWatcher | null = null;
  // The folder comes into being with the run's plan.
  const waiting = setInterval(() => {
    if (statSync(place, { throwIfNoEntry: false }) === undefined) return;
    clearInterval(waiting);
    watcher = watch(place, (event, name) => {
      if (event !== 'rename' || name === null || !isReplaced(name)) return;
      const size = statSync(join(place, name), { throwIfNoEntry: false })?.size ?? 0;
      replaced.set(name, (replaced.get(name) ?? 0) + size);
    });
  }, 20);
  return {
    async close() {
      clearInterval(waiting);
      await new Promise((done) => setTimeout(done, 200));
      watcher?.close();
      const run: Record<string, number> = Object.fromEntries(replaced);
      for (const { path, bytes } of filesBelow(place)) {
        const kind = path.slice(place.length + 1).split('/')[0] ?? '';
        if (!isReplaced(kind)) run[kind] = (run[kind] ?? 0) + bytes;
      }
      return { run, answers: filesBelow(answers).reduce((sum, { bytes }) => sum + bytes, 0) };
    },
  };
}

const isReplaced = (name: string): boolean =>
  ['results.json', 'progress.json', 'minutes.json'].includes(name);

function filesBelow(folder: string): { path: string; bytes: number }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, bytes: statSync(path).size }));
}
