import type { PicturePage, PictureRow } from '../../api.ts';

/** What is known of all rows, from the newest answer. */
export type PageFacts = Pick<PicturePage, 'total' | 'of' | 'cameras' | 'days'>;

export interface RangesOptions {
  /** Rows of one request. */
  take: number;
  /** Ranges kept; those in view are kept beyond it. */
  keep: number;
  /** Must reject when the signal is aborted. */
  fetchPage: (from: number, take: number, signal: AbortSignal) => Promise<PicturePage>;
  onChange: () => void;
}

/**
 * Rows of a long list, asked for by ranges as they come into view. Of what has gone out of view before it came the
 * request is aborted; what was seen longest ago is forgotten.
 *
 * It never replaces rows by itself: answers that came since make it {@link Ranges.stale}, until {@link Ranges.refresh}.
 */
export interface Ranges {
  /** The first and last row that are, or are about to be, in view. */
  need: (first: number, last: number) => void;
  row: (place: number) => PictureRow | undefined;
  /** `null` until the first answer. */
  facts: () => PageFacts | null;
  /** Why a range in view could not be had; the others are not asked until {@link Ranges.retry}. */
  failure: () => unknown;
  retry: () => void;
  /** The server has this version now. */
  tell: (version: string) => void;
  stale: () => boolean;
  /** Asks for the rows in view anew and forgets the others; the old ones stand until the new ones come. */
  refresh: () => void;
  /** Aborts what is under way until rows are needed again; what is there stays. */
  rest: () => void;
}

interface Held {
  rows: PictureRow[];
  /** Number of {@link Ranges.tell}s, and of differing answers, that had happened when it was asked for. */
  epoch: number;
}

export function createRanges({ take, keep, fetchPage, onChange }: RangesOptions): Ranges {
  const held = new Map<number, Held>();
  const under = new Map<number, AbortController>();
  let wanted: number[] = [0];
  let facts: PageFacts | null = null;
  let failure: unknown = null;
  let version: string | null = null;
  let epoch = 0;
  let tells = 0;

  const learn = (said: string): void => {
    if (said === version) return;
    if (version !== null) epoch++;
    version = said;
  };

  const forget = (): void => {
    for (const range of held.keys()) {
      if (held.size <= keep) return;
      if (!wanted.includes(range)) held.delete(range);
    }
  };

  const ask = async (range: number): Promise<void> => {
    const aborter = new AbortController();
    under.set(range, aborter);
    const toldBefore = tells;
    try {
      const page = await fetchPage(range * take, take, aborter.signal);
      if (aborter.signal.aborted) return;
      // What was told while this was under way is newer than what this says.
      if (tells === toldBefore) learn(page.version);
      held.delete(range);
      held.set(range, { rows: page.rows, epoch: page.version === version ? epoch : epoch - 1 });
      facts = { total: page.total, of: page.of, cameras: page.cameras, days: page.days };
      forget();
    } catch (error) {
      if (aborter.signal.aborted) return;
      failure = error ?? new Error('Unknown');
    } finally {
      if (under.get(range) === aborter) under.delete(range);
    }
    onChange();
  };

  const start = (): void => {
    for (const [range, aborter] of under) {
      if (wanted.includes(range)) continue;
      aborter.abort();
      under.delete(range);
    }
    if (failure !== null) return;
    for (const range of wanted) {
      const known = held.get(range);
      if (known !== undefined) {
        // Seen again: now the last to be forgotten.
        held.delete(range);
        held.set(range, known);
      } else if (!under.has(range)) void ask(range);
    }
  };

  return {
    need(first, last) {
      const from = Math.floor(Math.max(0, first) / take);
      const to = Math.max(from, Math.floor(Math.max(0, last) / take));
      wanted = Array.from({ length: to - from + 1 }, (_, index) => from + index);
      start();
    },
    row: (place) => held.get(Math.floor(place / take))?.rows[place % take],
    facts: () => facts,
    failure: () => failure,
    retry() {
      failure = null;
      start();
      onChange();
    },
    tell(said) {
      if (said === version) return;
      tells++;
      learn(said);
      onChange();
    },
    stale: () => wanted.some((range) => (held.get(range)?.epoch ?? epoch) < epoch),
    refresh() {
      for (const [range, { epoch: asked }] of held) {
        if (asked >= epoch) continue;
        if (!wanted.includes(range)) held.delete(range);
        else if (!under.has(range)) void ask(range);
      }
    },
    rest() {
      wanted = [];
      start();
    },
  };
}
