import type { AccountLimits, Counts, Limits } from '../shared/types.ts';

/** A call's length before any was seen: the mission's 8 to 12 seconds. */
const USUAL_CALL_MS = 10_000;

/** Calls in flight beyond what the mean needs, so that slow calls leave no gap. */
const MARGIN = 1.5;

/** So many answers tell the mean call better than a guess does. */
const ENOUGH_ANSWERS = 10;

/** The mean call: as planned until enough were answered, then as seen. */
export function meanCall(
  planned: { tokensPerCall: number },
  seen: Pick<Counts, 'answered' | 'recalled' | 'charged' | 'modelMs'>,
): { tokens: number; ms: number } {
  // What was recalled took neither tokens nor time.
  const answered = seen.answered - seen.recalled;
  if (answered < ENOUGH_ANSWERS) return { tokens: planned.tokensPerCall, ms: USUAL_CALL_MS };
  return { tokens: seen.charged / answered, ms: seen.modelMs / answered };
}

/** What was unspent at the start is spent over a quarter of a minute (the limiter's burst). */
const BURSTS_A_MINUTE = 4;

/**
 * Temporal takes 2,000 open children of one workflow (limit.numPendingChildExecutions); at the end of a run there may be
 * twice the window.
 */
const MOST_CHILDREN = 500;

/** More calls at once would only wait on the worker. */
const MOST_FOR_BURST = 500;

/** Calls in flight that the limits of this moment need, with what may be spent at once. */
export function callsNeeded(limits: AccountLimits, call: { tokens: number; ms: number }): number {
  const steady = callsInFlight(limits, call);
  if (limits.spareTokens === 0) return steady;
  const tokensPerMinute = limits.tokensPerMinute + BURSTS_A_MINUTE * limits.spareTokens;
  return Math.max(steady, Math.min(MOST_FOR_BURST, callsInFlight({ ...limits, tokensPerMinute }, call)));
}

/**
 * Calls in flight that the limits need (Little's law with a margin): calls a second times seconds a call.
 * At least 1.
 */
export function callsInFlight(limits: Limits, call: { tokens: number; ms: number }): number {
  const callsPerMs = Math.min(limits.requestsPerMinute, limits.tokensPerMinute / call.tokens) / 60_000;
  return Math.max(1, Math.ceil(callsPerMs * call.ms * MARGIN));
}

/**
 * How many child workflows run side by side, and how many pictures in each: as many as the calls in flight need, and
 * one more, so that nothing idles while a batch ends and the next begins. Fewer pictures side by side only where
 * `concurrency` asks for fewer; then the calls in flight are never more.
 */
export function windowOf(sizes: { batchSize: number; concurrency: number | null; needed: number }): {
  children: number;
  sideBySide: number;
} {
  const { batchSize, concurrency, needed } = sizes;
  if (concurrency === null)
    return { children: Math.min(MOST_CHILDREN, Math.ceil(needed / batchSize) + 1), sideBySide: batchSize };
  const children = Math.min(MOST_CHILDREN, Math.max(1, Math.ceil(concurrency / batchSize)));
  return { children, sideBySide: Math.min(batchSize, Math.max(1, Math.floor(concurrency / children))) };
}

/**
 * Whether another batch may begin. The last ones begin together: none of them is then left to end alone while the limits
 * idle. `left`: batches that have not begun; `null` while that is not known, or the window must not be exceeded.
 */
export const hasRoom = (run: { running: number; children: number; left: number | null }): boolean =>
  run.running < run.children || (run.left !== null && run.left <= run.children);
