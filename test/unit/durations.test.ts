import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDuration, statedWaitMs } from '../../src/activities/durations.ts';

describe('parseDuration', () => {
  test.each([
    ['120ms', 120],
    ['1s', 1_000],
    ['6m0s', 360_000],
    ['23h18m29.144s', 83_909_144],
    ['1.2s', 1_200],
    ['0s', 0],
    ['8.64s', 8_640],
    ['1d2h', 93_600_000],
    ['500µs', 1],
    ['1.5ms', 2],
    ['20 seconds', 20_000],
    [' 7m12s ', 432_000],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', ' ', '12', 's', '1 fortnight', '-1s', '1s!', 'soon', '1..2s', '1e9s', 'NaNs', '1s2'])(
    '%j is none',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );

  test('never throws, and gives a finite number of milliseconds or null', () => {
    const noise = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0123456789.mshdµ ') }));
    fc.assert(
      fc.property(noise, (text) => {
        const ms = parseDuration(text);
        expect(ms === null || (Number.isSafeInteger(ms) && ms >= 0) || ms > 2 ** 53).toBe(true);
        expect(ms).not.toBe(Infinity);
      }),
      { numRuns: 2_000 },
    );
  });

  test("reads back what Go's time.Duration writes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30 * 86_400_000 }), (ms) => {
        expect(parseDuration(written(ms))).toBe(ms);
      }),
    );
  });
});

describe('statedWaitMs', () => {
  const now = Date.parse('2026-11-20T12:00:00Z');
  test.each<[string, Record<string, string>, string, number | null]>([
    ['milliseconds first', { 'retry-after-ms': '1530', 'retry-after': '9' }, 'try again in 20s', 1_530],
    ['then seconds', { 'retry-after': '2' }, 'try again in 20s', 2_000],
    ['fractions', { 'retry-after': '0.25' }, '', 250],
    ['a date', { 'retry-after': 'Fri, 20 Nov 2026 12:00:30 GMT' }, '', 30_000],
    [
      "a date by the server's clock",
      { 'retry-after': 'Fri, 20 Nov 2026 12:05:30 GMT', date: 'Fri, 20 Nov 2026 12:05:00 GMT' },
      '',
      30_000,
    ],
    [
      'a date that is past',
      { 'retry-after': 'Fri, 20 Nov 2026 11:00:00 GMT' },
      'Please try again in 350ms.',
      350,
    ],
    ['the text', {}, 'Limit 30000, Used 29000. Please try again in 1.2s. Visit …', 1_200],
    ['minutes in the text', {}, 'Please try again in 6m0s.', 360_000],
    ['hours in the text', {}, 'Please try again in 23h18m29.144s.', 83_909_144],
    ['words in the text', {}, 'Please retry after 20 seconds.', 20_000],
    ['Gemini', {}, 'Please retry in 22.5s.', 22_500],
    ['nonsense headers', { 'retry-after-ms': 'soon', 'retry-after': '-3' }, 'try again in 1s', 1_000],
    ['zero says nothing', { 'retry-after-ms': '0' }, 'no', null],
    ['nothing', {}, 'Too many requests', null],
  ])('%s', (_name, headers, message, ms) => {
    expect(statedWaitMs(headers, message, now)).toBe(ms);
  });

  test('never throws and is never below zero', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (a, b, date, text) => {
        const wait = statedWaitMs(
          { 'retry-after-ms': a, 'retry-after': b, date },
          `try again in ${text}`,
          now,
        );
        expect(wait === null || (Number.isFinite(wait) && wait > 0)).toBe(true);
      }),
    );
  });
});

/** As Go's `Duration.String()`, for whole milliseconds. */
function written(ms: number): string {
  if (ms === 0) return '0s';
  if (ms < 1_000) return `${ms}ms`;
  const seconds = String((ms % 60_000) / 1_000);
  const minutes = Math.floor(ms / 60_000);
  if (minutes === 0) return `${seconds}s`;
  return minutes < 60 ? `${minutes}m${seconds}s` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}s`;
}
