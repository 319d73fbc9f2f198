import { describe, expect, test } from 'vitest';
import type { PictureQuery } from '../../src/shared/picture-query.ts';
import {
  aboutPrompt,
  changed,
  conditionsOf,
  countTyped,
  movesWithAnswers,
} from '../../src/web/app/pictures/filter.ts';

const PROMPTS = [
  { id: 'pothole', name: 'Pothole Detection' },
  { id: 'crowd', name: 'Crowd Detection' },
];

test('a field is set, replaced and taken out', () => {
  expect(changed({}, { camera: 'a' })).toEqual({ camera: 'a' });
  expect(changed({ camera: 'a', hour: 0 }, { camera: 'b' })).toEqual({ camera: 'b', hour: 0 });
  expect(Object.keys(changed({ camera: 'a', hour: 0 }, { camera: undefined }))).toEqual(['hour']);
});

describe('another question', () => {
  test.each<{ what: string; query: PictureQuery; prompt: string | undefined; expected: PictureQuery }>([
    {
      what: 'alone means its matches',
      query: {},
      prompt: 'crowd',
      expected: { prompt: 'crowd', match: 'yes' },
    },
    {
      what: 'keeps what was asked of the other',
      query: { prompt: 'pothole', match: 'no' },
      prompt: 'crowd',
      expected: { prompt: 'crowd', match: 'no' },
    },
    {
      what: 'with an error asks for no match',
      query: { error: 'any', day: '2025-11-25' },
      prompt: 'crowd',
      expected: { error: 'any', day: '2025-11-25', prompt: 'crowd' },
    },
    {
      what: 'taken back takes its match and count with it',
      query: { prompt: 'crowd', match: 'yes', count: 3, camera: 'a' },
      prompt: undefined,
      expected: { camera: 'a' },
    },
  ])('$what', ({ query, prompt, expected }) => {
    expect(aboutPrompt(query, prompt)).toEqual(expected);
  });
});

describe('conditions in words', () => {
  test.each<{ query: PictureQuery; words: string[] }>([
    { query: {}, words: [] },
    { query: { sort: '-count' }, words: [] },
    { query: { match: 'yes' }, words: ['any question: match'] },
    {
      query: { prompt: 'pothole', match: 'yes', count: 2 },
      words: ['Pothole Detection: match', 'Pothole Detection: count at least 2'],
    },
    { query: { prompt: 'pothole' }, words: ['about Pothole Detection'] },
    { query: { prompt: 'unknown', match: 'no' }, words: ['unknown: no match'] },
    { query: { error: 'unasked' }, words: ['any question: not asked yet'] },
    { query: { error: 'Refused' }, words: ['any question: the model declined to answer'] },
    {
      query: { camera: 'A', day: '2025-11-25', hour: 7, text: 'bus' },
      words: ['camera A', 'day 2025-11-25', 'hour 07:00–07:59', 'text “bus”'],
    },
    {
      query: { camera: 'none', day: 'none', hour: 'none' },
      words: ['no camera in the name', 'no day in the name', 'no time in the name'],
    },
  ])('$words', ({ query, words }) => {
    expect(conditionsOf(query, PROMPTS).map((condition) => condition.words)).toEqual(words);
  });

  test('each can be taken back alone', () => {
    const query: PictureQuery = { prompt: 'pothole', match: 'yes', hour: 0, sort: 'time' };
    expect(conditionsOf(query, PROMPTS).map(({ field, without }) => [field, without])).toEqual([
      ['match', { prompt: 'pothole', hour: 0, sort: 'time' }],
      ['hour', { prompt: 'pothole', match: 'yes', sort: 'time' }],
    ]);
  });
});

test.each<[PictureQuery, boolean]>([
  [{}, false],
  [{ camera: 'a', day: '2025-11-25', hour: 0, sort: '-time' }, false],
  [{ prompt: 'pothole' }, false],
  [{ match: 'no' }, true],
  [{ count: 1 }, true],
  [{ error: 'unasked' }, true],
  [{ text: 'a' }, true],
  [{ sort: 'count' }, true],
  [{ sort: '-count' }, true],
])('whether answers move the pictures of %j: %s', (query, moves) => {
  expect(movesWithAnswers(query)).toBe(moves);
});

test.each<[string, number | undefined]>([
  ['3', 3],
  [' 12 ', 12],
  ['', undefined],
  ['0', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['many', undefined],
])('a count typed as "%s" is %s', (typed, count) => {
  expect(countTyped(typed)).toBe(count);
});
