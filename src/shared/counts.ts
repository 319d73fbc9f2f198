import { isPurged } from './purge.ts';
import type { Counts, ImageResult, PromptResult } from './types.ts';

export const noCounts = (): Counts => ({
  images: 0,
  imagesComplete: 0,
  answered: 0,
  failed: 0,
  matches: {},
  failures: {},
  tries: 0,
  rateLimited: 0,
  fallbacks: 0,
  urlAnswers: 0,
  base64Answers: 0,
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  charged: 0,
  discardedTokens: 0,
  modelMs: 0,
  recalled: 0,
  possiblyPaid: 0,
});

/** The sum of two counts; neither is changed. */
export const addCounts = (a: Counts, b: Counts): Counts => combine(a, b, (x, y) => x + y);

/** What `a` has more than `b`, which is part of it or an earlier state of it; numbers may become negative. */
export const subtractCounts = (a: Counts, b: Counts): Counts => combine(a, b, (x, y) => x - y);

/** Of two counts of the same thing the larger of each number: both only grow, so that is the newer one. */
export const largerCounts = (a: Counts, b: Counts): Counts => combine(a, b, Math.max);

/** What one question's outcome adds; the picture itself is counted by {@link countImage}. */
export function countPrompt(prompt: string, outcome: PromptResult): Counts {
  const counts = noCounts();
  if (outcome.ok && outcome.result.recalledFrom !== undefined) {
    const matches = outcome.result.match ? { [prompt]: 1 } : {};
    return { ...counts, answered: 1, recalled: 1, matches };
  }
  const tries = outcome.ok ? outcome.result.tries : outcome.failure.tries;
  counts.tries = tries.length;
  counts.rateLimited = tries.filter((t) => t.outcome === 'RateLimited').length;
  counts.discardedTokens = tries.reduce((sum, t) => sum + (t.billed ?? 0), 0);
  if (!outcome.ok) {
    if (outcome.failure.possiblyPaid === true) counts.possiblyPaid = 1;
    counts.failed = isPurged(outcome) ? 0 : 1;
    counts.failures = { [outcome.failure.kind]: 1 };
    counts.charged = tries.reduce((sum, t) => sum + t.charged, 0);
    if (tries.some((t) => t.route === 'url') && tries.some((t) => t.route === 'base64')) counts.fallbacks = 1;
    return counts;
  }
  const { result } = outcome;
  counts.answered = 1;
  if (result.match) counts.matches = { [prompt]: 1 };
  if (result.fallback !== undefined) counts.fallbacks = 1;
  if (result.route === 'url') counts.urlAnswers = 1;
  else counts.base64Answers = 1;
  counts.inputTokens = result.usage?.inputTokens ?? 0;
  counts.cachedTokens = result.usage?.cachedTokens ?? 0;
  counts.outputTokens = result.usage?.outputTokens ?? 0;
  counts.charged = result.charged;
  counts.modelMs = result.timings.modelMs;
  return counts;
}

/** What a finished picture adds beside its questions. */
export function countImage(outcomes: readonly PromptResult[]): Counts {
  const isComplete = outcomes.every((outcome) => outcome.ok || isPurged(outcome));
  return { ...noCounts(), images: 1, imagesComplete: isComplete ? 1 : 0 };
}

/** Sums of a recorded picture. With fewer than so many outcomes the picture itself is not counted: it is not finished. */
export function countRecorded(image: ImageResult, questions: number): Counts {
  const outcomes = Object.values(image.prompts);
  return Object.entries(image.prompts).reduce(
    (sum, [prompt, outcome]) => addCounts(sum, countPrompt(prompt, outcome)),
    outcomes.length < questions ? noCounts() : countImage(outcomes),
  );
}

/** Questions whose outcome was purged: they lack nothing, and can get no answer. */
const purgedIn = (counts: Pick<Counts, 'failures'> | null): number => counts?.failures['Purged'] ?? 0;

/** Questions of so many pictures that have an answer or can get one: all but those that were purged. */
export const questionsOf = (
  images: number,
  prompts: number,
  counts: Pick<Counts, 'failures'> | null,
): number => Math.max(0, images * prompts - purgedIn(counts));

/** Every question of so many pictures is answered, but for those that were purged. */
export const isComplete = (counts: Counts, images: number): boolean =>
  counts.failed === 0 && counts.imagesComplete === images;

type Combine = (x: number, y: number) => number;

/** Counts that an older version has made, and a workflow has carried on, lack the numbers that are newer. */
function combine(a: Partial<Counts>, b: Partial<Counts>, both: Combine): Counts {
  const result = noCounts();
  for (const key of Object.keys(result) as (keyof Counts)[]) {
    if (key === 'matches' || key === 'failures')
      result[key] = combineRecords(a[key] ?? {}, b[key] ?? {}, both);
    else result[key] = both(a[key] ?? 0, b[key] ?? 0);
  }
  return result;
}

function combineRecords(
  a: Record<string, number>,
  b: Record<string, number>,
  both: Combine,
): Record<string, number> {
  const result = { ...a };
  for (const [key, n] of Object.entries(b)) result[key] = both(result[key] ?? 0, n);
  return result;
}
