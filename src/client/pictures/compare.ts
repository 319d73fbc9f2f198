import { isAnswered, isMatch, type Pictures, UNASKED } from './columns.ts';
import type { PictureReader } from './readers.ts';
import { select } from './select.ts';
import type { Change, ComparedRow, PictureComparison, PictureRow } from './types.ts';

/** One of two runs that are compared. */
export type ComparedRun = Pick<PictureReader, 'plan' | 'index' | 'details'>;

/**
 * Two runs' pictures side by side, by name: sums over all of them, and a page of those that changed (or of all).
 *
 * A prompt is the same one where its id is; `textChanged` says that its words are not. What the right run has not asked
 * yet is no change and counts nowhere.
 *
 * @throws Error that names a file which is gone or damaged.
 */
export async function compareRuns(
  left: ComparedRun,
  right: ComparedRun,
  page: { from: number; take: number; onlyChanged: boolean },
): Promise<PictureComparison> {
  const sides = { left: left.index.pictures, right: right.index.pictures };
  const prompts = promptsOfBoth(left, right);
  const { pairs, both } = pairsOf(sides.left, sides.right);
  const wanted: Pair[] = [];
  for (const pair of pairs) {
    let changed = false;
    for (const prompt of prompts) {
      const change = changeOf(
        sides.left.answer(prompt.left, pair.left),
        sides.right.answer(prompt.right, pair.right),
      );
      if (change === null) continue;
      prompt.changes[change] += 1;
      changed ||= change !== 'same';
    }
    if (changed || !page.onlyChanged) wanted.push(pair);
  }
  const shown = wanted.slice(page.from, page.from + page.take);
  const [leftRows, rightRows] = await Promise.all([
    left.details.rowsOf(shown.map((pair) => pair.left)),
    right.details.rowsOf(shown.map((pair) => pair.right)),
  ]);
  return {
    prompts: prompts.map(({ id, name, textChanged, changes }) => ({ id, name, textChanged, changes })),
    onlyLeft: onlyIn(left, right),
    onlyRight: onlyIn(right, left),
    pictures: { both, onlyLeft: sides.left.size - both, onlyRight: sides.right.size - both },
    total: wanted.length,
    from: page.from,
    rows: shown.map((pair, n) => rowOf(sides, prompts, pair, leftRows[n], rightRows[n])),
  };
}

/** Places of the same name in the two runs. */
interface Pair {
  left: number;
  right: number;
}

/** In the order of the names. */
function pairsOf(left: Pictures, right: Pictures): { pairs: Pair[]; both: number } {
  const places = new Map<string, number>();
  for (const at of select(right, {})) places.set(right.name(at), at);
  const pairs: Pair[] = [];
  for (const at of select(left, {})) {
    const other = places.get(left.name(at));
    if (other !== undefined) pairs.push({ left: at, right: other });
  }
  return { pairs, both: pairs.length };
}

interface ComparedPrompt extends Pair {
  id: string;
  name: string;
  textChanged: boolean;
  changes: Record<Change, number>;
}

/** In the right run's order; `left` and `right` are the prompt's numbers in the two plans. */
function promptsOfBoth(left: ComparedRun, right: ComparedRun): ComparedPrompt[] {
  return right.plan.prompts.flatMap(({ id, name, text }, number) => {
    const other = left.plan.prompts.findIndex((prompt) => prompt.id === id);
    if (other < 0) return [];
    const changes = { same: 0, appeared: 0, gone: 0, count: 0, 'newly failed': 0, 'newly answered': 0 };
    const textChanged = left.plan.prompts[other]?.text !== text;
    return [{ id, name, textChanged, changes, left: other, right: number }];
  });
}

const onlyIn = (one: ComparedRun, other: ComparedRun): string[] =>
  one.plan.prompts.map(({ id }) => id).filter((id) => !other.plan.prompts.some((prompt) => prompt.id === id));

/** What changed between two answer codes; `null` where the right run has not asked yet. */
export function changeOf(left: number, right: number): Change | null {
  if (right === UNASKED) return null;
  if (!isAnswered(left))
    return isAnswered(right) ? 'newly answered' : left === UNASKED ? 'newly failed' : 'same';
  if (!isAnswered(right)) return 'newly failed';
  if (isMatch(left) !== isMatch(right)) return isMatch(right) ? 'appeared' : 'gone';
  return left === right ? 'same' : 'count';
}

function rowOf(
  sides: { left: Pictures; right: Pictures },
  prompts: readonly ComparedPrompt[],
  pair: Pair,
  left: PictureRow | undefined,
  right: PictureRow | undefined,
): ComparedRow {
  const answers: ComparedRow['answers'] = {};
  for (const prompt of prompts) {
    const change = changeOf(
      sides.left.answer(prompt.left, pair.left),
      sides.right.answer(prompt.right, pair.right),
    );
    if (change === null) continue;
    answers[prompt.id] = {
      change,
      left: left?.answers[prompt.id] ?? null,
      right: right?.answers[prompt.id] ?? null,
    };
  }
  return {
    name: sides.left.name(pair.left),
    ...pair,
    sameContent: sides.left.content(pair.left) === sides.right.content(pair.right),
    answers,
  };
}
