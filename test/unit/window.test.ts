import fc from 'fast-check';
import { expect, test } from 'vitest';
import { callsInFlight, callsNeeded, meanCall, windowOf } from '../../src/workflows/window.ts';

test.each([
  { what: "the mission's limits", limits: [480, 28_000], tokens: 1_500, calls: 5 },
  { what: 'ten times the tokens', limits: [480, 280_000], tokens: 1_500, calls: 47 },
  { what: 'requests are the tighter limit', limits: [60, 1_000_000], tokens: 1_500, calls: 15 },
  { what: 'a call a minute', limits: [1, 28_000], tokens: 1_500, calls: 1 },
  { what: 'a call that costs a whole minute', limits: [480, 28_000], tokens: 28_000, calls: 1 },
])('calls in flight: $what', ({ limits: [requestsPerMinute = 0, tokensPerMinute = 0], tokens, calls }) => {
  expect(callsInFlight({ requestsPerMinute, tokensPerMinute }, { tokens, ms: 10_000 })).toBe(calls);
});

test.each([
  [
    'a guess until enough is seen',
    { answered: 9, recalled: 0, charged: 9_000, modelMs: 9_000 },
    { tokens: 1_500, ms: 10_000 },
  ],
  [
    'then what was seen',
    { answered: 10, recalled: 0, charged: 18_000, modelMs: 9_000 },
    { tokens: 1_800, ms: 900 },
  ],
  [
    'what was recalled says nothing of it',
    { answered: 100, recalled: 90, charged: 18_000, modelMs: 9_000 },
    { tokens: 1_800, ms: 900 },
  ],
])('the mean call: %s', (_, seen, mean) => {
  expect(meanCall({ tokensPerCall: 1_500 }, seen)).toEqual(mean);
});

test.each([
  { batchSize: 4, concurrency: null, needed: 1, children: 2, sideBySide: 4 },
  { batchSize: 4, concurrency: null, needed: 4, children: 2, sideBySide: 4 },
  { batchSize: 4, concurrency: null, needed: 5, children: 3, sideBySide: 4 },
  { batchSize: 4, concurrency: null, needed: 47, children: 13, sideBySide: 4 },
  { batchSize: 4, concurrency: 1, needed: 47, children: 1, sideBySide: 1 },
  { batchSize: 4, concurrency: 3, needed: 47, children: 1, sideBySide: 3 },
  { batchSize: 4, concurrency: 4, needed: 1, children: 1, sideBySide: 4 },
  { batchSize: 4, concurrency: 8, needed: 1, children: 2, sideBySide: 4 },
  { batchSize: 4, concurrency: 10, needed: 1, children: 3, sideBySide: 3 },
  { batchSize: 16, concurrency: 1, needed: 1, children: 1, sideBySide: 1 },
])(
  'a window for $concurrency calls of $needed needed, $batchSize a batch',
  ({ children, sideBySide, ...sizes }) => {
    expect(windowOf(sizes)).toEqual({ children, sideBySide });
  },
);

test.each([
  { what: 'nothing to spend at once', spareTokens: 0, calls: 5 },
  { what: "a first tier's allowance", spareTokens: 28_000, calls: 24 },
  { what: 'more than a worker can hold', spareTokens: 2_000_000, calls: 500 },
])('calls needed: $what', ({ spareTokens, calls }) => {
  const limits = { requestsPerMinute: 480, tokensPerMinute: 28_000, from: 'headers', spareTokens } as const;
  expect(callsNeeded({ ...limits, requestsPerMinute: 48_000 }, { tokens: 1_500, ms: 10_000 })).toBe(calls);
});

const size = fc.integer({ min: 1, max: 16 });

test('asked-for concurrency is never exceeded, and missed by less than a call a child', () => {
  fc.assert(
    fc.property(size, fc.integer({ min: 1, max: 10_000 }), (batchSize, concurrency) => {
      const { children, sideBySide } = windowOf({ batchSize, concurrency, needed: 1 });
      expect(sideBySide).toBeGreaterThanOrEqual(1);
      expect(sideBySide).toBeLessThanOrEqual(batchSize);
      expect(children * sideBySide).toBeLessThanOrEqual(concurrency);
      // Temporal takes only so many children.
      expect(children * sideBySide).toBeGreaterThan(Math.min(concurrency, 500 * batchSize) - children);
    }),
  );
});

test('without it the window holds what the limits need, in whole batches, and one more', () => {
  fc.assert(
    fc.property(size, fc.integer({ min: 1, max: 10_000 }), (batchSize, needed) => {
      const { children, sideBySide } = windowOf({ batchSize, concurrency: null, needed });
      expect(sideBySide).toBe(batchSize);
      expect((children - 1) * sideBySide).toBeGreaterThanOrEqual(Math.min(needed, 499 * batchSize));
      expect((children - 1) * sideBySide).toBeLessThan(needed + batchSize);
    }),
  );
});
