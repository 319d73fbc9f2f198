import type { Clock } from './clock.ts';

export interface InFlightGuard {
  /**
   * A call to the model goes now; so many places are in use, its own included. The returned function says that it
   * ended: after how many milliseconds, or `null` when that time says nothing of how fast the model answers (refused,
   * aborted, never sent; a time-out does say something). Only its first call counts.
   */
  started(inUse: number): (ms: number | null) => void;
  /** Places that may be in use now: whole, from 1 to `max`. The guard advises; it holds nobody back itself. */
  limit(): number;
  /** Called whenever {@link InFlightGuard.limit} has changed. */
  onChange(listener: () => void): void;
}

/** What some calls had in common, as logarithms: ratios become differences. Throughput = places in use ÷ latency. */
interface Level {
  inUse: number;
  ms: number;
}

/** Calls that start one after the other and are looked at together. */
interface Sample extends Level {
  /** Calls that may still join. */
  open: number;
  /** When the last one joined. */
  fullAt: number;
  ended: number;
  enough: number;
}

/** A latency of so many times the lowest gives reason to doubt; less is how latencies come and go through a day. */
const SUSPICIOUS = Math.log(2);
/** The lower of the two levels that are compared has a quarter fewer calls. */
const APART = 0.28;
/** The guard holds the calls where no more than a twentieth of the places is free. */
const HELD = 0.95;
/** A level is worth its calls when a tenth more of them give at least a fortieth more answers a second. */
const WORTHWHILE = 0.25;
/** How far the level moves for what a comparison says, and at most. */
const GAIN = 0.8;
const LONGEST_STEP = 0.6;
/** Of so many calls that start, the first four in five to end are looked at: the rest may take a minute. */
const CALLS = 30;
const CALLS_AT_FIRST = 10;
const ENDED = 0.8;
/** What was learned before so long a pause is forgotten. */
const STALE_MS = 10 * 60_000;

/**
 * Finds how many calls may be in flight where a server slows down with them, far below the rate limits.
 *
 * It stays out of the way (its limit is `max`) until the latency has doubled. That alone proves nothing: a run that is
 * bound by its rate has the more calls in flight the slower the server is, whatever the cause. So it asks the server:
 * it holds the calls at two levels in turn, and moves to where more calls give more answers a second. It looks only at
 * calls that it holds itself: where something else bounds them they say nothing of the limit, and it stays.
 *
 * It cannot see a slow-down that was there from the first call on and never changes.
 */
export function createInFlightGuard({ max, clock }: { max: number; clock: Clock }): InFlightGuard {
  const listeners: (() => void)[] = [];
  const highest = Math.log(max);
  let limit = max;
  let phase: 'free' | 'higher' | 'lower' = 'free';
  /** While free: the lowest latency and the best throughput so far. */
  let lowestMs = Infinity;
  let bestThroughput = -Infinity;
  /** While the lower level is tried: what the higher one gave. */
  let higher: Level = { inUse: 0, ms: 0 };
  let sample: Sample | null = null;
  let lastStart = clock.now();

  const setLimit = (level: number): void => {
    const before = limit;
    limit = Math.round(Math.exp(Math.min(highest, Math.max(0, level))));
    if (limit !== before) for (const listener of listeners) listener();
  };

  const beFree = (usualMs: number): void => {
    [phase, sample, lowestMs, bestThroughput] = ['free', null, usualMs, -Infinity];
    setLimit(highest);
  };

  const tryLower = (seen: Level, level = Infinity): void => {
    [phase, higher] = ['lower', seen];
    setLimit(Math.min(level, seen.inUse - APART, Math.log(limit - 1)));
  };

  const conclude = {
    free(seen: Level) {
      lowestMs = Math.min(lowestMs, seen.ms);
      bestThroughput = Math.max(bestThroughput, seen.inUse - seen.ms);
      // As many as gave the best throughput, were the latency twice the lowest.
      const likely = bestThroughput + lowestMs + SUSPICIOUS;
      if (seen.ms > lowestMs + SUSPICIOUS) tryLower(seen, likely);
      else setLimit(highest);
    },
    higher: tryLower,
    lower(seen: Level) {
      const gained = 1 - (higher.ms - seen.ms) / Math.max(APART / 2, higher.inUse - seen.inUse);
      const step = Math.max(-LONGEST_STEP, Math.min(LONGEST_STEP, GAIN * (gained - WORTHWHILE)));
      const level = higher.inUse + step;
      phase = 'higher';
      if (level >= highest) beFree(higher.ms);
      // At least 2: there is no level below 1.
      else setLimit(Math.max(Math.LN2, step > 0 ? level : Math.min(level, seen.inUse + APART)));
    },
  };

  const newSample = (inUse: number): Sample => {
    // On guard as many as fit the level, so that those that went together do not decide by their quick ones.
    const most = lowestMs === Infinity ? CALLS_AT_FIRST : CALLS;
    const open = phase === 'free' ? most : Math.max(CALLS, Math.round(inUse / 2));
    return { open, fullAt: Infinity, ended: 0, enough: open * ENDED, inUse: 0, ms: 0 };
  };

  return {
    started(inUse) {
      const now = clock.now();
      if (now - lastStart > STALE_MS) beFree(Infinity);
      lastStart = now;
      sample ??= newSample(inUse);
      // It takes long until calls say that they take long; meanwhile no more are added.
      const late = now - sample.fullAt > Math.exp(lowestMs + SUSPICIOUS);
      if (phase === 'free' && late && limit === max) setLimit(Math.log(inUse));
      const held = inUse >= Math.floor(limit * HELD) && inUse <= limit;
      let joined = sample.open > 0 && (phase === 'free' || held) ? sample : null;
      if (joined && --joined.open === 0) joined.fullAt = now;
      return (ms) => {
        const mine = joined;
        joined = null;
        if (mine === null || mine !== sample) return;
        if (ms === null) {
          mine.open += 1;
          mine.fullAt = Infinity;
          return;
        }
        mine.ended += 1;
        mine.inUse += Math.log(inUse);
        mine.ms += Math.log(Math.max(1, ms));
        if (mine.ended < mine.enough) return;
        sample = null;
        conclude[phase]({ inUse: mine.inUse / mine.ended, ms: mine.ms / mine.ended });
      };
    },
    limit: () => limit,
    onChange: (listener) => void listeners.push(listener),
  };
}
