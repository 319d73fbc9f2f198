import type { RecordedRun } from '../client/runs.ts';
import { createAtMost } from '../shared/at-most.ts';
import { files } from '../shared/names.ts';
import type { OpenStore, ResultStore } from '../shared/result-store.ts';
import { isEnd } from '../shared/run-state.ts';
import type { MinuteLine, Progress, Segment } from '../shared/types.ts';

/** The minutes of runs, for the chart of tokens and requests over time. */
export interface RunMinutes {
  /**
   * All minutes that are known by now, oldest first; the older ones of a large run are read beside it and are there a
   * moment later. Never throws: a chart is no reason to show no run.
   */
  of(recorded: RecordedRun, progress: Progress | null): Promise<MinuteLine[]>;
}

/** Runs whose minutes are kept. */
const MOST_RUNS = 50;
/** How long a page of a large run waits for its older minutes. */
const PATIENCE_MS = 300;
const READS = 8;

export function createRunMinutes({ openStore }: { openStore: OpenStore }): RunMinutes {
  const known = new Map<string, Kept>();

  const keptOf = ({ run, place, plan }: RecordedRun): Kept => {
    let kept = known.get(run);
    if (kept?.createdAt !== plan.createdAt) {
      const store = openStore(place);
      kept = { store, createdAt: plan.createdAt, readOf: '', pages: new Map(), open: [], reading: null };
    }
    known.delete(run);
    known.set(run, kept);
    for (const key of known.keys()) if (known.size > MOST_RUNS) known.delete(key);
    return kept;
  };

  return {
    async of(recorded, progress) {
      const kept = keptOf(recorded);
      // Of a run under way a record comes every few seconds, and pages are summed up now and then.
      const state = progress?.state ?? 'planning';
      const readOf = isEnd(state)
        ? `ended ${progress?.updatedAt ?? ''}`
        : `batch ${String(progress?.batchesDone)}`;
      if (kept.reading === null && kept.readOf !== readOf) {
        kept.reading = readMinutes(kept, isEnd(state))
          .then(() => void (kept.readOf = readOf))
          .catch(() => undefined)
          .finally(() => (kept.reading = null));
      }
      if (kept.reading !== null) await Promise.race([kept.reading, patience()]);
      return mergeMinutes([...kept.pages.values()], kept.open, progress?.minutes ?? [], isEnd(state));
    },
  };
}

interface Kept {
  store: ResultStore;
  createdAt: string;
  /** State of the run of which all was read. */
  readOf: string;
  /** By number of a page that is summed up. */
  pages: Map<string, MinuteLine[]>;
  /** What `minutes.json` says: of the pages that are not. */
  open: MinuteLine[];
  reading: Promise<void> | null;
}

async function readMinutes(kept: Kept, ended: boolean): Promise<void> {
  const { store, pages } = kept;
  const [segments, text] = await Promise.all([store.list('index'), store.read(files.minutes)]);
  kept.open = text === null ? [] : (JSON.parse(text) as MinuteLine[]);
  const atMost = createAtMost(READS);
  // Pages of a run that has ended may have been summed up anew, after failures were asked again.
  const toRead = segments.filter((name) => ended || !pages.has(name));
  await Promise.all(
    toRead.map((name) =>
      atMost(async () => {
        const segment = await store.read(`index/${name}`);
        if (segment !== null) pages.set(name, minutesIn(segment));
      }),
    ),
  );
}

/** A segment's minutes. They stand before its thousand pictures, which take a hundred times longer to read. */
export function minutesIn(segment: string): MinuteLine[] {
  const lines = /^\{"page":\d+,"counts":\{[^]*?\},"minutes":(\[[^[\]]*\]),"images":/.exec(segment)?.[1];
  return lines === undefined ? (JSON.parse(segment) as Segment).minutes : (JSON.parse(lines) as MinuteLine[]);
}

/**
 * Pure: sums of each minute. `recent`, the progress record's, and `open`, those of `minutes.json`, are both of the pages
 * that are not summed up; the record's are newer. While a run is under way, `open` may still hold minutes of a page that
 * was summed up since: those are not counted twice.
 */
export function mergeMinutes(
  pages: readonly MinuteLine[][],
  open: readonly MinuteLine[],
  recent: readonly MinuteLine[],
  ended: boolean,
): MinuteLine[] {
  const sums = new Map<string, MinuteLine>();
  const add = (line: MinuteLine): void => {
    const sum = sums.get(line.at);
    if (sum === undefined) sums.set(line.at, { ...line });
    else {
      sum.sent += line.sent;
      sum.charged += line.charged;
      sum.rateLimited += line.rateLimited;
      sum.waitMs += line.waitMs;
    }
  };
  let last = '';
  for (const lines of pages) {
    lines.forEach(add);
    last = [last, lines.at(-1)?.at ?? ''].sort().at(-1) ?? '';
  }
  const from = recent[0]?.at;
  open.filter(({ at }) => (from === undefined || at < from) && (ended || at > last)).forEach(add);
  recent.forEach(add);
  return [...sums.values()].sort((a, b) => a.at.localeCompare(b.at));
}

const patience = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, PATIENCE_MS).unref();
  });
