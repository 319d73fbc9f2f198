import { expect, test } from 'vitest';
import { noCounts } from '../../src/shared/counts.ts';
import { batchDone, inWords, matchedOf, plural } from '../../src/shared/phrases.ts';
import type { PromptResult } from '../../src/shared/types.ts';
import { answered } from '../helpers/outcomes.ts';

const failed: PromptResult = { ok: false, failure: { kind: 'Refused', message: 'No.', tries: [] } };

test.each([
  [0, '0 pictures'],
  [1, '1 picture'],
  [2, '2 pictures'],
])('%i', (n, text) => {
  expect(plural(n, 'picture')).toBe(text);
});

test.each([
  [0, '0 seconds'],
  [1, '1 second'],
  [1_000, '1 second'],
  [1_001, '2 seconds'],
  [89_999, '90 seconds'],
  [90_000, '1.5 minutes'],
  [4_290_000, '71.5 minutes'],
  [7_199_999, '120.0 minutes'],
  [7_200_000, '2.0 hours'],
  [100 * 3_600_000, '100.0 hours'],
])('%i ms', (ms, text) => {
  expect(inWords(ms)).toBe(text);
});

test.each([
  { outcomes: [], text: '0/0 prompts matched' },
  { outcomes: [answered(), answered({ match: false })], text: '1/2 prompts matched' },
  { outcomes: [answered(), failed, failed], text: '1/3 prompts matched, 2 failed' },
])('$text', ({ outcomes, text }) => {
  expect(matchedOf(outcomes)).toBe(text);
});

test("a batch's end", () => {
  const line = batchDone('batch 32/85', 87_111, { ...noCounts(), images: 4, imagesComplete: 3 });
  expect(line).toBe('batch 32/85 completed in 87.11s (3/4 successful)');
});
