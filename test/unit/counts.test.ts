import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addCounts, countImage, countPrompt, isComplete, noCounts } from '../../src/shared/counts.ts';
import type { Counts, PromptResult } from '../../src/shared/types.ts';
import { answered, aTry } from '../helpers/outcomes.ts';

const failed: PromptResult = {
  ok: false,
  failure: {
    kind: 'ProviderError',
    message: 'The server had an error.',
    tries: [
      aTry({ status: 429, outcome: 'RateLimited' }),
      aTry({ status: 500, outcome: 'ProviderError', charged: 900 }),
    ],
  },
};

const answer = {
  answered: 1,
  tries: 1,
  charged: 1_500,
  modelMs: 9_000,
  inputTokens: 1_300,
  cachedTokens: 1_024,
  outputTokens: 100,
};

describe('what a question adds', () => {
  test.each<{ what: string; outcome: PromptResult; counts: Partial<Counts> }>([
    { what: 'a match', outcome: answered(), counts: { ...answer, matches: { crowd: 1 }, urlAnswers: 1 } },
    { what: 'no match', outcome: answered({ match: false }), counts: { ...answer, urlAnswers: 1 } },
    {
      what: 'a fallback',
      outcome: answered({ match: false, route: 'base64', fallback: 'time-out' }),
      counts: { ...answer, base64Answers: 1, fallbacks: 1 },
    },
    {
      what: 'base64 from the start',
      outcome: answered({ match: false, route: 'base64' }),
      counts: { ...answer, base64Answers: 1 },
    },
    {
      what: 'no usage',
      outcome: answered({ match: false, usage: null }),
      counts: { answered: 1, tries: 1, charged: 1_500, modelMs: 9_000, urlAnswers: 1 },
    },
    {
      what: 'two 429s before the answer',
      outcome: answered({
        match: false,
        charged: 4_500,
        tries: [aTry({ outcome: 'RateLimited' }), aTry({ outcome: 'RateLimited' }), aTry()],
      }),
      counts: { ...answer, urlAnswers: 1, tries: 3, rateLimited: 2, charged: 4_500 },
    },
    {
      what: 'a failure',
      outcome: failed,
      counts: { failed: 1, failures: { ProviderError: 1 }, tries: 2, rateLimited: 1, charged: 2_400 },
    },
  ])('$what', ({ outcome, counts }) => {
    expect(countPrompt('crowd', outcome)).toEqual({ ...noCounts(), ...counts });
  });
});

test('a picture counts once, and as complete when every question is answered', () => {
  expect(countImage([answered(), answered()])).toEqual({ ...noCounts(), images: 1, imagesComplete: 1 });
  expect(countImage([answered(), failed])).toEqual({ ...noCounts(), images: 1 });
});

test.each([
  ['no pictures', {}, 0, true],
  ['every question answered', { images: 2, imagesComplete: 2 }, 2, true],
  ['a picture without an outcome', { images: 1, imagesComplete: 1 }, 2, false],
  ['a failure', { images: 2, imagesComplete: 1, failed: 1 }, 2, false],
  ['a failure in a picture that is not finished', { images: 1, imagesComplete: 1, failed: 1 }, 1, false],
])('whether a run is complete: %s', (_, counts, images, complete) => {
  expect(isComplete({ ...noCounts(), ...counts }, images)).toBe(complete);
});

const sums = fc.dictionary(fc.constantFrom('crowd', 'pothole', 'garbage'), fc.nat(1_000));
const counts: fc.Arbitrary<Counts> = fc
  .tuple(fc.array(fc.nat(1_000_000), { minLength: 15, maxLength: 15 }), sums, sums)
  .map(([numbers, matches, failures]) => {
    const each = Object.keys(noCounts()).map((key, i) => [key, numbers[i] ?? 0]);
    return { ...(Object.fromEntries(each) as unknown as Counts), matches, failures };
  });

describe('sums', () => {
  test('do not depend on the order or the grouping, and leave their parts alone', () => {
    fc.assert(
      fc.property(counts, counts, counts, (a, b, c) => {
        const before = structuredClone([a, b, c]);
        expect(addCounts(addCounts(a, b), c)).toEqual(addCounts(c, addCounts(b, a)));
        expect([a, b, c]).toEqual(before);
      }),
    );
  });

  test('with nothing are the same', () => {
    fc.assert(
      fc.property(counts, (a) => {
        expect(addCounts(a, noCounts())).toEqual(a);
      }),
    );
  });
});

test('counts that an older version has made lack newer numbers, which are nothing then', () => {
  const { recalled, possiblyPaid, ...older } = { ...noCounts(), answered: 3, matches: { crowd: 1 } };
  const whole = { ...older, recalled, possiblyPaid };
  expect(addCounts(older as Partial<Counts> as Counts, { ...noCounts(), recalled: 2 })).toEqual({
    ...whole,
    recalled: 2,
  });
});
