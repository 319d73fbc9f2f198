/**
 * What the provider really charges for a call, beside what our formula says: a ratio for each kind of call (model,
 * detail, picture's size, question), from intervals between two of the provider's own readings.
 *
 * Other processes on the account only ever add to what an interval shows, so a low percentile of the last ratios is
 * taken: it stays right as long as most intervals hold no call of somebody else's.
 */
export interface LearnedCharges {
  /** Whether enough was seen to say anything. */
  readonly known: boolean;
  /** Tokens that a call is expected to be charged, from what the formula says. */
  estimate(kind: string, formula: number): number;
  /** Calls of these kinds were charged `ratio` times what the formula says. */
  learn(kinds: readonly string[], ratio: number): void;
}

/** Kinds remembered; the one that was not learned from for longest is forgotten. */
const KINDS = 2_000;
const SAMPLES = 20;
const ENOUGH = 3;
const PERCENTILE = 0.35;

/** A formula that is so near is left alone: clocks and the rounding of headers are no better. */
const EXACT = 0.03;

/** No charge is further from the formula; a reading that says so speaks of something else. */
const LEAST = 0.2;
const MOST = 5;

export function createLearnedCharges(): LearnedCharges {
  const ofKind = new Map<string, number[]>();
  let ofAll: number[] = [];

  return {
    get known() {
      return ofAll.length >= ENOUGH;
    },
    estimate(kind, formula) {
      const own = ofKind.get(kind);
      const ratio = ratioOf(own !== undefined && own.length >= ENOUGH ? own : ofAll);
      return Math.abs(ratio - 1) <= EXACT ? formula : Math.ceil(formula * ratio);
    },
    learn(kinds, ratio) {
      if (!(ratio >= LEAST && ratio <= MOST)) return;
      for (const kind of kinds) {
        const samples = [...(ofKind.get(kind) ?? []), ratio].slice(-SAMPLES);
        ofKind.delete(kind);
        ofKind.set(kind, samples);
      }
      ofAll = [...ofAll, ratio].slice(-SAMPLES);
      const [oldest] = ofKind.keys();
      if (ofKind.size > KINDS && oldest !== undefined) ofKind.delete(oldest);
    },
  };
}

function ratioOf(samples: readonly number[]): number {
  if (samples.length < ENOUGH) return 1;
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * PERCENTILE)] ?? 1;
}
