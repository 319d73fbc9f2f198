import { describe, expect, test } from 'vitest';
import type { PictureDetail, PictureRow, ShownAnswer } from '../../src/web/api.ts';
import type { AskResult, FailureKind, PromptResult } from '../../src/shared/types.ts';
import {
  afterSearchEvent,
  type FoundRows,
  NOTHING_FOUND_YET,
} from '../../src/web/app/pictures/found-rows.ts';
import { detailWords, missingOf } from '../../src/web/app/pictures/missing.ts';
import {
  answerWords,
  badgesOf,
  baseName,
  kindWords,
  pictureWords,
  withFirst,
} from '../../src/web/app/pictures/shown-answers.ts';

const PROMPTS = ['a', 'b', 'c'].map((id) => ({ id, name: `Prompt ${id}` }));
const yes = (count: number): ShownAnswer => ({ match: true, count, description: '' });
const no: ShownAnswer = { match: false, count: 0, description: '' };
const row = (answers: PictureRow['answers'], at = 0): PictureRow => ({
  ...{ at, name: 'day/cam.jpg', camera: null, time: null, answers },
});

describe('a row in words', () => {
  test.each<{ answers: PictureRow['answers']; words: string }>([
    { answers: { a: no, b: no, c: no }, words: 'day/cam.jpg, no match' },
    { answers: { c: yes(1), a: yes(3), b: no }, words: 'day/cam.jpg, Prompt a: 3, Prompt c: 1' },
    {
      answers: { a: yes(3), b: { error: 'Refused' } },
      words: 'day/cam.jpg, Prompt a: 3, 1 without an answer, 1 not asked yet',
    },
    { answers: {}, words: 'day/cam.jpg, 3 not asked yet' },
  ])('$words', ({ answers, words }) => {
    expect(pictureWords(row(answers), PROMPTS)).toBe(words);
  });

  test('badges are in the plan’s order, and what the filter is about comes first', () => {
    const { matches, errors } = badgesOf(row({ c: yes(1), a: yes(3), b: { error: 'Timeout' } }), PROMPTS);
    expect(matches.map(({ prompt, count }) => [prompt, count])).toEqual([
      ['a', 3],
      ['c', 1],
    ]);
    expect(errors).toBe(1);
    expect(withFirst(matches, 'c').map(({ prompt }) => prompt)).toEqual(['c', 'a']);
    expect(withFirst(matches, undefined)).toEqual(matches);
  });

  test.each<[ShownAnswer | null | undefined, string]>([
    [yes(2), 'match, count 2'],
    [no, 'no match'],
    [{ error: 'Refused' }, 'the model declined to answer'],
    [null, 'not asked'],
    [undefined, 'not asked'],
  ])('the answer %j is "%s"', (answer, words) => {
    expect(answerWords(answer)).toBe(words);
  });

  test('a kind of a newer server is shown as it is', () => {
    expect(kindWords('Melted')).toBe('Melted');
  });

  test.each([
    ['a/b/c.jpg', 'c.jpg'],
    ['c.jpg', 'c.jpg'],
  ])('%s is %s for short', (name, base) => {
    expect(baseName(name)).toBe(base);
  });
});

describe('a picture’s answers', () => {
  const answered = (match: boolean, count: number): PromptResult => ({
    ok: true,
    result: { match, count, description: '' } as AskResult,
  });
  const failed = (kind: FailureKind): PromptResult => ({
    ok: false,
    failure: { kind, message: '', tries: [] },
  });
  const answers = (...outcomes: (PromptResult | null)[]): PictureDetail['answers'] =>
    outcomes.map((outcome, index) => ({ prompt: { id: `p${index}`, name: `P${index}`, text: '' }, outcome }));

  test('what is missing is counted, and of it what the model declined', () => {
    const given = answers(answered(true, 1), failed('Refused'), failed('Timeout'), null);
    expect(missingOf(given)).toEqual({ failed: 2, refused: 1, unasked: 1 });
    expect(missingOf([])).toEqual({ failed: 0, refused: 0, unasked: 0 });
  });

  test.each([
    { given: answers(answered(false, 0)), words: 'n.jpg, no match' },
    {
      given: answers(answered(true, 2), failed('Refused'), null),
      words: 'n.jpg, P0: 2, 1 without an answer, 1 not asked yet',
    },
  ])('$words', ({ given, words }) => {
    expect(detailWords({ name: 'n.jpg', answers: given })).toBe(words);
  });
});

describe('a text search', () => {
  const rows = (...ats: number[]) => ats.map((at) => row({}, at));
  const after = (...events: Parameters<typeof afterSearchEvent>[1][]): FoundRows =>
    events.reduce((found, event) => afterSearchEvent(found, event, 3), NOTHING_FOUND_YET);

  test('gathers what it is told, in order', () => {
    const searched = { searched: 250, of: 1000, found: 2 };
    const found = after(
      { said: 'rows', rows: rows(4) },
      { said: 'rows', rows: rows(7) },
      { said: 'searched', searched },
    );
    expect(found).toEqual({ rows: rows(4, 7), searched, state: 'searching' });
    expect(afterSearchEvent(found, { said: 'end' }).state).toBe('done');
  });

  test('stops where a page would hold too much', () => {
    expect(after({ said: 'rows', rows: rows(1, 2, 3) }).state).toBe('searching');
    expect(after({ said: 'rows', rows: rows(1, 2, 3, 4) })).toMatchObject({
      rows: rows(1, 2, 3),
      state: 'full',
    });
  });

  test.each([
    { event: { said: 'stop' }, state: 'stopped' },
    { event: { said: 'lost' }, state: 'lost' },
    { event: { said: 'end' }, state: 'done' },
  ] as const)('once $state, nothing changes it', ({ event, state }) => {
    const found = after(event, { said: 'rows', rows: rows(1) }, { said: 'lost' }, { said: 'end' });
    expect(found).toEqual({ ...NOTHING_FOUND_YET, state });
  });
});
