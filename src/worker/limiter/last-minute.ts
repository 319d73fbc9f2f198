/** The provider counts a call when it arrives: up to a fortieth of a second after it was sent. */
const MINUTE_MS = 60_000 + 25;

/** One and the rounding of a sum of shares. */
const WHOLE = 1 + 1e-9;

/** A call that went. Its tokens may be corrected later; it weighs by the ceilings that held when it went. */
export interface SentCall {
  /** When it goes; set again when it is sent, a little after it was taken. */
  at: number;
  /** Highest sums of a minute. `Infinity`: none. */
  readonly ceilings: { readonly requests: number; readonly tokens: number };
  tokens: number;
}

/**
 * The calls of the last 60 seconds. The buckets pace, and give back what was reserved and not used; this holds the
 * ceiling when so much comes back at once that the pace alone would let more than a minute's limit go in a minute.
 *
 * Pure bookkeeping, oldest first; it knows no clock, and forgets calls only when it is asked something.
 */
export interface LastMinute<Call extends SentCall> {
  add(call: Call): void;
  remove(call: Call): void;
  /** When so many calls have left that one more keeps to the ceilings plus one call; not after `now` when it does now. */
  freeAt(now: number): number;
  totals(now: number): { requests: number; tokens: number };
  /** Those of the last minute. */
  calls(now: number): readonly Call[];
}

export function createLastMinute<Call extends SentCall>(): LastMinute<Call> {
  const calls: Call[] = [];

  const forget = (now: number): void => {
    const kept = calls.findIndex(({ at }) => now - at < MINUTE_MS);
    calls.splice(0, kept === -1 ? calls.length : kept);
  };

  return {
    add: (call) => void calls.push(call),
    remove(call) {
      const index = calls.lastIndexOf(call);
      if (index >= 0) calls.splice(index, 1);
    },
    freeAt(now) {
      forget(now);
      let requests = 0;
      let tokens = 0;
      for (let index = calls.length - 1; index >= 0; index -= 1) {
        const call = calls[index];
        if (call === undefined) continue;
        requests += 1 / call.ceilings.requests;
        tokens += call.tokens / call.ceilings.tokens;
        if (requests > WHOLE || tokens > WHOLE) return call.at + MINUTE_MS;
      }
      return -Infinity;
    },
    calls(now) {
      forget(now);
      return calls;
    },
    totals(now) {
      forget(now);
      return { requests: calls.length, tokens: calls.reduce((sum, call) => sum + call.tokens, 0) };
    },
  };
}
