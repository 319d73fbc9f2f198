import { isPurged } from './purge.ts';
import type { BatchRetry, ImageResult, PromptResult } from './types.ts';

/**
 * Whether what is recorded of a question stands, so that it is not asked. An answer always does. A failure does unless
 * it is to be asked again; a call that was given up by a cancel has no outcome at all, and is. What was purged is never
 * asked again.
 */
export function stands(outcome: PromptResult | undefined, retry: BatchRetry | null): boolean {
  if (outcome === undefined) return false;
  if (outcome.ok || isPurged(outcome)) return true;
  if (outcome.failure.possiblyPaid === true) return false;
  return retry === null || (outcome.failure.kind === 'Refused' && !retry.refused);
}

/** Whether a picture is one that may be asked about. */
export const isMeant = (index: number, retry: BatchRetry | null): boolean =>
  retry === null || retry.images === null || retry.images.includes(index);

/**
 * Of two records of a picture what is known of it: an answer before a failure, the newer one of two failures. What was
 * purged in either stays so.
 */
export function mergeRecords(older: ImageResult, newer: ImageResult): ImageResult {
  const prompts: ImageResult['prompts'] = {};
  // In the order of the newer one, which is the plan's where it is whole.
  for (const id of Object.keys({ ...newer.prompts, ...older.prompts })) {
    const [before, after] = [older.prompts[id], newer.prompts[id]];
    const known = isPurged(before) || (before?.ok === true && !isPurged(after)) ? before : (after ?? before);
    if (known !== undefined) prompts[id] = known;
  }
  return { ...newer, prompts };
}
