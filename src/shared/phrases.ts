import type { Counts, PromptResult } from './types.ts';

/** `1 picture`, `4 pictures`. */
export const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;

/** `2/6 prompts matched`, with what failed where something did. */
export function matchedOf(outcomes: readonly PromptResult[]): string {
  const matched = outcomes.filter((outcome) => outcome.ok && outcome.result.match).length;
  const failed = outcomes.filter((outcome) => !outcome.ok).length;
  return `${matched}/${outcomes.length} prompts matched${failed > 0 ? `, ${failed} failed` : ''}`;
}

/** `picture done in 209059 ms (URL 17 ms, processing 209042 ms), 2/6 prompts matched`. */
export function imageDone(ms: number, outcomes: readonly PromptResult[]): string {
  const signing = outcomes.reduce(
    (sum, outcome) => sum + (outcome.ok ? outcome.result.timings.signMs : 0),
    0,
  );
  return `picture done in ${ms} ms (URL ${signing} ms, processing ${ms - signing} ms), ${matchedOf(outcomes)}`;
}

/** `batch 32/85 completed in 87.11s (4/4 successful)`. */
export const batchDone = (title: string, ms: number, counts: Counts): string =>
  `${title} completed in ${(ms / 1000).toFixed(2)}s (${counts.imagesComplete}/${counts.images} successful)`;

/** `71.5 minutes`, `42 seconds`. */
export function inWords(ms: number): string {
  if (ms >= 2 * 3_600_000) return `${(ms / 3_600_000).toFixed(1)} hours`;
  if (ms >= 90_000) return `${(ms / 60_000).toFixed(1)} minutes`;
  return plural(Math.ceil(ms / 1000), 'second');
}
