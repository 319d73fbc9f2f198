import type { Change, PictureRow, ShownAnswer } from '../../api.ts';
import type { FailureKind } from '../../../shared/types.ts';
import { KINDS } from '../words.ts';

export interface PromptName {
  id: string;
  name: string;
}

/** One thing that a picture's cell says of an answer. */
export interface Badge {
  prompt: string;
  kind: 'match' | 'error';
  /** The prompt's name. */
  name: string;
  /** Of a match. */
  count: number;
}

/** What a picture's answers say at a glance: matches in the plan's order, then errors in one badge. */
export function badgesOf(row: PictureRow, prompts: PromptName[]): { matches: Badge[]; errors: number } {
  const matches: Badge[] = [];
  let errors = 0;
  for (const { id, name } of prompts) {
    const answer = row.answers[id];
    if (answer === undefined) continue;
    if ('error' in answer) errors++;
    else if (answer.match) matches.push({ prompt: id, kind: 'match', name, count: answer.count });
  }
  return { matches, errors };
}

/** Puts what a filter is about first, so that it is among the badges for which there is room. */
export const withFirst = (badges: Badge[], prompt: string | undefined): Badge[] =>
  prompt === undefined
    ? badges
    : [...badges.filter((b) => b.prompt === prompt), ...badges.filter((b) => b.prompt !== prompt)];

/** Answered questions of a picture that were asked, and the rest. */
const unaskedOf = (row: PictureRow, prompts: PromptName[]): number =>
  prompts.filter(({ id }) => row.answers[id] === undefined).length;

/** A picture in words, for those who cannot see it: its name and what matched. */
export function pictureWords(row: PictureRow, prompts: PromptName[]): string {
  const { matches, errors } = badgesOf(row, prompts);
  const unasked = unaskedOf(row, prompts);
  const said = [
    ...matches.map(({ name, count }) => `${name}: ${count}`),
    ...(errors > 0 ? [`${errors} without an answer`] : []),
    ...(unasked > 0 ? [`${unasked} not asked yet`] : []),
  ];
  return `${row.name}, ${said.length === 0 ? 'no match' : said.join(', ')}`;
}

/** Last part of a picture's name, the part that tells pictures of one folder apart. */
export const baseName = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** Every kind of failure, for a filter to choose from. */
export const FAILURE_KINDS = Object.keys(KINDS) as FailureKind[];

/** A kind of failure for a person; what a newer server says is shown as it is. */
export const kindWords = (kind: string): string => KINDS[kind as FailureKind] ?? kind;

/** An answer in one line: `match, 3`, `no match`, the error, `not asked`. */
export function answerWords(answer: ShownAnswer | null | undefined): string {
  if (answer == null) return 'not asked';
  if ('error' in answer) return kindWords(answer.error);
  return answer.match ? `match, count ${answer.count}` : 'no match';
}

/** In the order in which they matter to a person who compares. */
export const CHANGES: readonly Change[] = [
  'appeared',
  'gone',
  'count',
  'newly answered',
  'newly failed',
  'same',
];

export const CHANGE_WORDS: Record<Change, string> = {
  appeared: 'Match appeared',
  gone: 'Match gone',
  count: 'Count changed',
  'newly answered': 'Newly answered',
  'newly failed': 'Newly failed',
  same: 'Same',
};
