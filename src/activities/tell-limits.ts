import type { AccountLimits } from '../shared/types.ts';

/** Runs remembered; one that is forgotten is told once more. */
const RUNS_KEPT = 1_000;

/** A change by less is not worth another window. */
const MATERIAL = 0.02;

/**
 * Tells a run, by the workflow ID of its parent, which limits hold: with its first answer on this worker, and whenever they
 * have changed since. So a run sizes its window by them, and nobody waits for a change. What cannot be told is told with
 * the next answer.
 */
export function createTellLimits(deps: {
  now: () => AccountLimits;
  tell: (workflowId: string, limits: AccountLimits) => Promise<void>;
}): (workflowId: string) => void {
  const told = new Map<string, AccountLimits>();
  return (workflowId) => {
    const limits = deps.now();
    const before = told.get(workflowId);
    if (before !== undefined && !isOther(before, limits)) return;
    told.delete(workflowId);
    told.set(workflowId, limits);
    const [oldest] = told.keys();
    if (told.size > RUNS_KEPT && oldest !== undefined) told.delete(oldest);
    deps.tell(workflowId, limits).catch(() => told.delete(workflowId));
  };
}

function isOther(a: AccountLimits, b: AccountLimits): boolean {
  const differs = (x: number, y: number): boolean => Math.abs(x - y) > MATERIAL * Math.max(x, y);
  return (
    a.from !== b.from ||
    differs(a.requestsPerMinute, b.requestsPerMinute) ||
    differs(a.tokensPerMinute, b.tokensPerMinute) ||
    a.spareTokens > 0 !== b.spareTokens > 0
  );
}
