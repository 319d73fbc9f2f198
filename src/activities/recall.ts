import type { AskResult, Plan } from '../shared/types.ts';
import type { StoredAnswer } from './ports.ts';

/**
 * What an entry of the answer store is to a run, for the batch that recalls and for the question that looks again.
 * The run's own answer counts as it was given: the run has paid for it, and its sums hold what it cost. Another run's
 * carries that run's name in `recalledFrom`, and does not count for a run that asks afresh (`plan.fresh`). `null`:
 * the question is to be asked.
 */
export function recallOutcome(
  plan: Pick<Plan, 'results' | 'fresh'>,
  entry: StoredAnswer | undefined,
): AskResult | null {
  if (entry === undefined) return null;
  if (entry.run === plan.results) return entry.answer;
  return plan.fresh ? null : { ...entry.answer, recalledFrom: runName(entry.run) };
}

/** A run's name is the last part of its results place. */
const runName = (results: string): string => results.split(/[\\/]/).at(-1) ?? results;
