import type { Limits } from './types.ts';

/**
 * Time to the end of a run in milliseconds, from the calls and tokens that are still to be spent.
 *
 * What was observed so far is the truth once there is enough of it (a twentieth of the run, or a minute). But calls
 * under way are partly done, nobody knows how far; where the limits' own pace lies between the two readings of that,
 * the run goes as fast as it may and the limits' pace, which knows no chance, is taken. `null` while nothing is known.
 * Answers that were recalled took neither time nor tokens: they say nothing of the calls that are left.
 */
export function timeRemaining(run: {
  callsDone: number;
  /** Of those that are done, the ones that another run had paid for. */
  callsRecalled?: number;
  callsLeft: number;
  /** Of those that are left, the ones that are given out and not yet counted as done. */
  callsUnderWay?: number;
  /** Tokens counted for the calls that are done. */
  tokensDone: number;
  /** Expected for a call before any was done. */
  tokensPerCall: number;
  limits: Limits;
  /** Time in which calls could be made so far, in milliseconds. */
  activeMs: number;
}): number | null {
  const { callsLeft, limits, activeMs } = run;
  const callsDone = run.callsDone - (run.callsRecalled ?? 0);
  if (callsLeft <= 0) return 0;
  const mean = callsDone > 0 ? run.tokensDone / callsDone : run.tokensPerCall;
  const byLimits = Math.max(
    (callsLeft * mean * 60_000) / limits.tokensPerMinute,
    (callsLeft * 60_000) / limits.requestsPerMinute,
  );
  const share = callsDone / (callsDone + callsLeft);
  const enough = callsDone > 0 && (share >= 0.05 || activeMs >= 60_000);
  if (!enough) return Number.isFinite(byLimits) ? byLimits : null;
  const underWay = Math.min(run.callsUnderWay ?? 0, callsLeft);
  const observed = (under: number): number => (activeMs / (callsDone + under)) * (callsLeft - under);
  const consistent = byLimits >= observed(underWay) && byLimits <= observed(0);
  return consistent ? byLimits : observed(underWay / 2);
}
