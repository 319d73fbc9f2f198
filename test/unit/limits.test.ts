import { describe, expect, test } from 'vitest';
import { changeInWords, limitsAsked } from '../../src/client/limits.ts';
import { isLimitSettings, limitsInWords, limitsStoredIn, sameLimits } from '../../src/shared/limits.ts';
import type { LimitSettings } from '../../src/shared/types.ts';

const limits = (
  requestsPerMinute: LimitSettings['requestsPerMinute'],
  tokensPerMinute: LimitSettings['tokensPerMinute'],
): LimitSettings => ({ requestsPerMinute, tokensPerMinute });

test.each<[unknown, boolean]>([
  [limits(480, 28_000), true],
  [limits('auto', 'auto'), true],
  [limits('auto', 1), true],
  [{ ...limits(1, 1), more: true }, true],
  [limits(0, 28_000), false],
  [limits(480, -1), false],
  [limits(480, 1.5), false],
  [limits(480, Infinity), false],
  [{ requestsPerMinute: '480', tokensPerMinute: '28000' }, false],
  [{ requestsPerMinute: 480 }, false],
  ['auto', false],
  [[480, 28_000], false],
  [null, false],
  [undefined, false],
])('%j tells both limits: %s', (value, tells) => {
  expect(isLimitSettings(value)).toBe(tells);
});

test.each<[LimitSettings, string]>([
  [limits(480, 28_000), '480 requests and 28,000 tokens a minute'],
  [limits(480, 'auto'), '480 requests a minute, tokens auto'],
  [limits('auto', 2_000_000), '2,000,000 tokens a minute, requests auto'],
  [limits('auto', 'auto'), 'auto'],
])('%j in words: %s', (settings, words) => {
  expect(limitsInWords(settings)).toBe(words);
});

test('limits are the same when both are', () => {
  expect(sameLimits(limits(1, 'auto'), limits(1, 'auto'))).toBe(true);
  expect(sameLimits(limits(1, 'auto'), limits(1, 2))).toBe(false);
  expect(sameLimits(limits(1, 2), limits('auto', 2))).toBe(false);
});

describe('what a workflow stores', () => {
  const memo = { limits: limits(1, 2) };
  test.each<[string, Parameters<typeof limitsStoredIn>[0], LimitSettings | null]>([
    ['is in its memo', { memo }, limits(1, 2)],
    ['is nothing without one', {}, null],
    ['is nothing in a memo of another', { memo: { limits: 'auto' } }, null],
    ['is nothing once it has ended', { memo, closeTime: new Date(0) }, null],
  ])('%s', (_what, description, stored) => {
    expect(limitsStoredIn(description)).toEqual(stored);
  });
});

describe('what a command line tells', () => {
  test.each<[Parameters<typeof limitsAsked>[0], Partial<LimitSettings> | null]>([
    [{}, null],
    [{ limits: 'auto' }, limits('auto', 'auto')],
    [{ limits: '480/28000' }, limits(480, 28_000)],
    [{ rpm: '480' }, { requestsPerMinute: 480 }],
    [{ tpm: '28000' }, { tokensPerMinute: 28_000 }],
    [{ rpm: '480', tpm: '28000' }, limits(480, 28_000)],
  ])('%j: %j', (flags, asked) => {
    expect(limitsAsked(flags)).toEqual(asked);
  });
});

test('a change is told by what was and what is', () => {
  const own = limits('auto', 'auto');
  const words = (before: LimitSettings | null, after: LimitSettings): string =>
    changeInWords({ before, after, workerIsBehind: false }, own);
  expect(words(limits(1, 2), limits(3, 'auto'))).toBe(
    '1 requests and 2 tokens a minute → 3 requests a minute, tokens auto',
  );
  expect(words(null, limits(1, 2))).toMatch(/^nothing stored \(a worker's own: auto\) → 1 requests/);
  expect(words(limits(1, 2), limits(1, 2))).toBe('1 requests and 2 tokens a minute, as before');
});
