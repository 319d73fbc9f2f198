import type { Limits } from './types.ts';

/**
 * Time to the end of a run in milliseconds, from the calls and tokens that are still to be spent.
 *
 * What the limits allow at best is the floor; what was observed so far is the truth once there is enough of it
 * (a tenth of the run, or a minute). `null` while nothing is known: no call planned or none answered and no limits.
 */
export function timeRemaining(run: {
  callsDone: number;
  callsLeft: number;
  /** Tokens counted for the calls that are done. */
  tokensDone: number;
  /** Expected for a call before any was done. */
  tokensPerCall: number;
  limits: Limits;
  /** Time in which calls could be made so far, in milliseconds. */
  activeMs: number;
}): number | null {
  if (run.callsLeft <= 0) return 0;
  const mean = run.callsDone > 0 ? run.tokensDone / run.callsDone : run.tokensPerCall;
  const floor = Math.max(
    (run.callsLeft * mean * 60_000) / run.limits.tokensPerMinute,
    (run.callsLeft * 60_000) / run.limits.requestsPerMinute,
  );
  const share = run.callsDone / (run.callsDone + run.callsLeft);
  const enough = run.callsDone > 0 && (share >= 0.05 || run.activeMs >= 60_000);
  if (!enough) return Number.isFinite(floor) ? floor : null;
  return Math.max(floor, (run.activeMs / run.callsDone) * run.callsLeft);
}
