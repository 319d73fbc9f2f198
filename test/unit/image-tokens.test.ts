import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { admissionTokens, imageTokens, patchCount, tileCount } from '../../src/shared/image-tokens.ts';
import type { Detail } from '../../src/shared/types.ts';

describe('patches', () => {
  test.each([
    [1920, 1080, 1536, 1508],
    [1920, 1080, 2500, 2040],
    [704, 576, 1536, 396],
    [1024, 1024, 1536, 1024],
    [1800, 2400, 1536, 1452],
    [1280, 720, 1536, 920],
    [1, 1, 1536, 1],
    [33, 1, 1536, 2],
  ])('%i × %i with a budget of %i: %i', (width, height, budget, expected) => {
    expect(patchCount(width, height, budget)).toBe(expected);
  });

  test('never more than the budget, and never none', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20_000 }),
        fc.integer({ min: 1, max: 20_000 }),
        fc.constantFrom(1536, 2500),
        (width, height, budget) => {
          const count = patchCount(width, height, budget);
          return count >= 1 && count <= budget;
        },
      ),
    );
  });
});

describe('tiles', () => {
  test.each([
    [1920, 1080, 6],
    [704, 576, 4],
    [1280, 720, 6],
    [2048, 4096, 6],
    [4096, 2048, 6],
    [1024, 1024, 4],
    [512, 512, 1],
    [1, 1, 1],
  ])('%i × %i: %i', (width, height, expected) => {
    expect(tileCount(width, height)).toBe(expected);
  });
});

describe('tokens of a picture', () => {
  test.each<[string, Detail, number, number, number]>([
    ['gpt-4o', 'high', 1920, 1080, 1105],
    ['gpt-4o', 'auto', 1920, 1080, 1105],
    ['gpt-4o', 'low', 1920, 1080, 85],
    ['gpt-4o', 'high', 704, 576, 765],
    ['gpt-4o-2024-08-06', 'high', 704, 576, 765],
    ['gpt-4.1', 'high', 1920, 1080, 1105],
    ['gpt-4o-mini', 'high', 1920, 1080, 36_835],
    ['gpt-4o-mini-2024-07-18', 'low', 1920, 1080, 2833],
    ['gpt-5', 'high', 1920, 1080, 910],
    ['gpt-5-2025-08-07', 'low', 1920, 1080, 70],
    ['gpt-4.1-mini', 'high', 704, 576, 642],
    ['gpt-4.1-mini', 'high', 1920, 1080, 2443],
    ['gpt-4.1-nano', 'high', 704, 576, 975],
    ['gpt-4.1-mini', 'low', 1920, 1080, 234],
    ['gpt-5.4-mini', 'high', 1920, 1080, 2443],
    ['gpt-6-luna', 'high', 1920, 1080, 2448],
    ['gpt-5.9-unheard-of', 'high', 1920, 1080, 2448],
    ['someone/vision-model', 'high', 704, 576, 476],
  ])('%s, %s, %i × %i: %i', (model, detail, width, height, expected) => {
    expect(imageTokens(model, detail, width, height)).toBe(expected);
  });
});

describe('admission', () => {
  test.each([
    ['the text is larger than the cap', { textChars: 1200, imageTokens: 1105, maxOutputTokens: 200 }, 1405],
    ['the cap is larger than the text', { textChars: 1200, imageTokens: 1105, maxOutputTokens: 500 }, 1605],
    ['a started token counts', { textChars: 5, imageTokens: 0, maxOutputTokens: 0 }, 2],
  ])('%s', (_, call, expected) => {
    expect(admissionTokens(call)).toBe(expected);
  });
});
