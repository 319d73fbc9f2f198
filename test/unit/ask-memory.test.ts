import { expect, test } from 'vitest';
import { memoryOf, wayOf } from '../../src/activities/ask-memory.ts';

test.each([
  ['the first attempt', 1, 0, false, 'beside others', 0],
  ['lost twice', 3, 0, false, 'beside others', 2],
  ['lost three times', 4, 0, false, 'alone', 3],
  ['failed three times', 4, 3, false, 'beside others', 0],
  ['failed once, lost three times', 5, 1, false, 'alone', 3],
  ['lost again, but not alone', 6, 1, false, 'alone', 4],
  ['lost again while alone', 6, 1, true, 'none', 4],
  ['attempts counted anew by hand', 1, 3, true, 'beside others', 0],
])('%s', (_, attempt, settled, alone, way, losses) => {
  expect(wayOf(attempt, { settled, alone })).toEqual({ way, losses });
});

test('what an older program left out is as at the beginning', () => {
  const old = { tries: [], fallback: 'the URL timed out', cap: 500, reads: 2, startedAt: 5 };
  expect(memoryOf(old, 9)).toMatchObject({
    fallback: 'the URL timed out',
    reads: 2,
    startedAt: 5,
    settled: 0,
    alone: false,
    reasked: false,
  });
  expect(memoryOf(undefined, 9)).toMatchObject({ tries: [], startedAt: 9 });
});
