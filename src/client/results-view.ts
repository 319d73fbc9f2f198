import { isFailed, isMatch, type Pictures, UNASKED } from './pictures/columns.ts';
import type { PictureRecord } from './pictures/types.ts';

/** Pure: names of the first pictures among `places` that match each question, in the plan's order of questions. */
export function firstMatches(pictures: Pictures, places: Int32Array, most: number): string[][] {
  return pictures.prompts.map((_, number) => {
    const names: string[] = [];
    for (const at of places) {
      if (names.length === most) break;
      if (isMatch(pictures.answer(number, at))) names.push(pictures.name(at));
    }
    return names;
  });
}

/**
 * Pure: those of `places` that were asked about and lack an answer, one after the other; and how many were not asked
 * about at all, of which there is nothing to tell one by one.
 */
export function placesMissing(
  pictures: Pictures,
  places: Int32Array,
): { partly: Int32Array; unasked: number } {
  const codesOf = (at: number): number[] => pictures.prompts.map((_, number) => pictures.answer(number, at));
  const isUnasked = (at: number): boolean => codesOf(at).every((code) => code === UNASKED);
  const partly = places.filter(
    (at) => codesOf(at).some((code) => code === UNASKED || isFailed(code)) && !isUnasked(at),
  );
  return { partly, unasked: places.filter(isUnasked).length };
}

/** Pure: why a picture's questions have no answer, one entry a reason. */
export function missingOf({ answers }: PictureRecord): { reason: string; questions: string[] }[] {
  const found = new Map<string, string[]>();
  for (const { prompt, outcome } of answers) {
    if (outcome?.ok === true) continue;
    const reason = outcome === null ? 'not asked yet' : `${outcome.failure.kind}: ${outcome.failure.message}`;
    found.set(reason, [...(found.get(reason) ?? []), prompt.id]);
  }
  return [...found].map(([reason, questions]) => ({ reason, questions }));
}
