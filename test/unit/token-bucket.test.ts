import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changeLimit, correct, createBucket, take } from '../../src/worker/limiter/token-bucket.ts';

const cost = fc.integer({ min: 0, max: 10_000 });

test('a new bucket is free at once', () => {
  expect(createBucket(60).freeAt).toBe(-Infinity);
});

test.each([
  { what: 'the first call', before: -Infinity, cost: 100, after: 6_000 },
  { what: 'a call after an idle time, which saves nothing up', before: -5_000, cost: 100, after: 6_000 },
  { what: 'a call before its time, which is owed', before: 2_000, cost: 100, after: 8_000 },
  { what: 'a call that costs nothing', before: 2_000, cost: 0, after: 2_000 },
  { what: 'a call above the whole limit', before: 0, cost: 2_000, after: 120_000 },
])('take: $what', ({ before, cost: tokens, after }) => {
  expect(take({ perMinute: 1_000, freeAt: before }, tokens, 0).freeAt).toBe(after);
});

test.each([
  { what: 'more is owed from now', before: -5_000, more: 50, after: 3_000 },
  { what: 'more is added to a debt', before: 1_000, more: 50, after: 4_000 },
  { what: 'less comes back', before: 4_000, more: -50, after: 1_000 },
  { what: 'less than nothing is no debt', before: 1_000, more: -50, after: -2_000 },
])('correct: $what', ({ before, more, after }) => {
  expect(correct({ perMinute: 1_000, freeAt: before }, more, 0).freeAt).toBe(after);
});

test.each([
  { what: 'a debt is paid off twice as fast', before: 4_000, limit: 2_000, after: 2_000 },
  { what: 'a debt is paid off half as fast', before: 4_000, limit: 500, after: 8_000 },
  { what: 'no debt, no change', before: -4_000, limit: 500, after: -4_000 },
])('changeLimit: $what', ({ before, limit, after }) => {
  expect(changeLimit({ perMinute: 1_000, freeAt: before }, limit, 0)).toEqual({
    perMinute: limit,
    freeAt: after,
  });
});

test('calls that each wait their turn never exceed the limit by more than the last', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ gap: fc.nat(9_000), cost }), { minLength: 1 }), (calls) => {
      let bucket = createBucket(28_000);
      const went = calls.reduce<{ at: number; cost: number; came: number }[]>((all, call) => {
        const came = (all.at(-1)?.came ?? 0) + call.gap;
        const at = Math.max(came, bucket.freeAt);
        bucket = take(bucket, call.cost, at);
        return [...all, { at, cost: call.cost, came }];
      }, []);
      for (const [i, last] of went.entries()) {
        const before = went.slice(0, i).filter((call) => last.at - call.at < 60_000);
        expect(before.reduce((sum, call) => sum + call.cost, 0)).toBeLessThanOrEqual(28_000 + 1e-6);
      }
    }),
  );
});

test('a correction up and down again, and a limit changed on every call, lose nothing that could be seen', () => {
  fc.assert(
    fc.property(fc.array(cost, { minLength: 1_000, maxLength: 1_000 }), (costs) => {
      const now = 86_400_000;
      let bucket = take(createBucket(28_000), 1_500, now);
      const { freeAt } = bucket;
      for (const more of costs) {
        bucket = changeLimit(correct(bucket, more, now), 14_000, now);
        bucket = changeLimit(correct(bucket, -more, now), 28_000, now);
      }
      expect(bucket.freeAt).toBeCloseTo(freeAt, 2);
    }),
    { numRuns: 10 },
  );
});
