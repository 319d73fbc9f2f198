/**
 * A bucket that fills continuously and holds no more than one call: what a minute allows is spread evenly over it.
 *
 * It is kept as one number, the time at which the next call may go. A call that goes at time t moves it to
 * max(it, t) + cost ÷ rate. So in any window of a minute the costs of all calls but the last fit into the limit, and
 * the whole is at most the limit plus one call. Nothing is saved up while idle.
 *
 * Pure arithmetic: times in milliseconds of whatever clock the caller has; it knows no queue and no timer.
 */
export interface TokenBucket {
  readonly perMinute: number;
  /** When the next call may go. */
  readonly freeAt: number;
}

export const createBucket = (perMinute: number): TokenBucket => ({ perMinute, freeAt: -Infinity });

/** The bucket after a call of `cost` went at `now`. Whether it was free is the caller's business: a debt is waited off. */
export function take(bucket: TokenBucket, cost: number, now: number): TokenBucket {
  return { ...bucket, freeAt: Math.max(bucket.freeAt, now) + timeFor(bucket, cost) };
}

/** The bucket after the cost of an earlier call turned out `more` higher (or lower, when negative). */
export function correct(bucket: TokenBucket, more: number, now: number): TokenBucket {
  if (more >= 0) return take(bucket, more, now);
  return { ...bucket, freeAt: bucket.freeAt + timeFor(bucket, more) };
}

/** The bucket under another limit; a debt keeps its amount and is paid off at the new rate. */
export function changeLimit(bucket: TokenBucket, perMinute: number, now: number): TokenBucket {
  const debt = Math.max(0, bucket.freeAt - now);
  return { perMinute, freeAt: debt === 0 ? bucket.freeAt : now + (debt * bucket.perMinute) / perMinute };
}

const timeFor = (bucket: TokenBucket, cost: number): number => (cost / bucket.perMinute) * 60_000;
