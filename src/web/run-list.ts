import { messageOf } from '../client/errors.ts';
import { hasEnded, type RecordedRun, type Runs } from '../client/runs.ts';
import { createAtMost } from '../shared/at-most.ts';
import type { RunRow } from './api.ts';
import type { Live } from './live.ts';
import { brokenRow, rowOf } from './run-view.ts';

/** Every run of the results place, newest first. */
export interface RunList {
  rows(): Promise<RunRow[]>;
}

/** Reads side by side: a bucket answers in some 50 ms each, a disk at once. */
const READS = 24;
/** Workflows asked side by side. */
const LOOKS = 8;
/** How long the record of an ended run is taken for granted. Somebody may go on with it. */
const GOOD_MS = 10_000;
/** Ended runs whose record is read again at one request, those that were read longest ago first. */
const READ_AGAIN = 64;

/** Keeps the records of runs that have ended, so that a thousand of them are not read at each look. */
export function createRunList(options: {
  runs: Pick<Runs, 'names' | 'read'>;
  live: Live;
  now(): number;
}): RunList {
  const { runs, live, now } = options;
  const ended = new Map<string, { recorded: RecordedRun; at: number }>();

  const read = async (run: string): Promise<RecordedRun | RunRow | null> => {
    try {
      const recorded = await runs.read(run);
      if (recorded !== null && hasEnded(recorded)) ended.set(run, { recorded, at: now() });
      else ended.delete(run);
      return recorded;
    } catch (error) {
      ended.delete(run);
      return brokenRow(run, messageOf(error));
    }
  };

  const rows = async (): Promise<RunRow[]> => {
    const names = await runs.names();
    const there = new Set(names);
    for (const run of ended.keys()) if (!there.has(run)) ended.delete(run);
    const stale = [...ended]
      .filter(([, { at }]) => now() - at > GOOD_MS)
      .sort(([, a], [, b]) => a.at - b.at)
      .slice(0, READ_AGAIN);
    const due = new Set(stale.map(([run]) => run));
    const [reading, looking] = [createAtMost(READS), createAtMost(LOOKS)];
    const found = await Promise.all(
      names.map(async (run): Promise<RunRow | null> => {
        const kept = due.has(run) ? undefined : ended.get(run)?.recorded;
        const recorded = kept ?? (await reading(() => read(run)));
        if (recorded === null || !('plan' in recorded)) return recorded;
        const sight = hasEnded(recorded)
          ? { recorded, live: null }
          : await looking(() => live.lookAt(recorded));
        return rowOf(sight, now());
      }),
    );
    return found
      .filter((row) => row !== null)
      .sort((a, b) => b.startedAt.localeCompare(a.startedAt) || b.run.localeCompare(a.run));
  };

  let underWay: Promise<RunRow[]> | null = null;
  return {
    // Those who look at the same time read once.
    rows: () => (underWay ??= rows().finally(() => (underWay = null))),
  };
}
