import type { AskResult, Plan } from '../shared/types.ts';
import { boundedAnswer } from './answer-bounds.ts';
import type { StoredAnswer } from './ports.ts';

/** Which picture of a run is asked about, by page and index. */
export const imageKey = (page: number, index: number): string => `${page}/${index}`;

/**
 * What an entry of the answer store is to a run, for the batch that recalls and for the question that looks again.
 * What the run has paid for this very picture counts as it was given, for the run's sums hold what it cost. What was
 * paid for another picture of the same content, or by another run, carries the name of the run that paid in
 * `recalledFrom`; another run's does not count for a run that asks afresh (`plan.fresh`). `null`: the question is to be
 * asked.
 */
export function recallOutcome(
  plan: Pick<Plan, 'results' | 'fresh'>,
  image: string,
  entry: StoredAnswer | undefined,
): AskResult | null {
  if (entry === undefined) return null;
  if (entry.run !== plan.results && plan.fresh) return null;
  if (entry.run === plan.results && entry.image === image) return boundedAnswer(entry.answer);
  return boundedAnswer({ ...entry.answer, recalledFrom: runName(entry.run) });
}

/** A run's name is the last part of its results place. */
const runName = (results: string): string => results.split(/[\\/]/).at(-1) ?? results;
