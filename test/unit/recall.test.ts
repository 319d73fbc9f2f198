import { expect, test } from 'vitest';
import type { StoredAnswer } from '../../src/activities/ports.ts';
import { recallOutcome } from '../../src/activities/recall.ts';
import type { AskResult } from '../../src/shared/types.ts';

const answer: AskResult = {
  match: true,
  count: 2,
  description: 'Two cars.',
  sentAt: '2026-11-24T00:00:00.000Z',
  ms: 900,
  route: 'url',
  usage: null,
  charged: 1_500,
  model: 'gpt-4o',
  timings: { signMs: 1, downloadMs: 0, encodeMs: 0, waitMs: 0, modelMs: 899 },
  tries: [],
};
const of = (run: string, image = '0/3'): StoredAnswer => ({ answer, run, image });
const recalled = (recalledFrom: string): AskResult => ({ ...answer, recalledFrom });

test.each<[string, string, boolean, StoredAnswer | undefined, AskResult | null]>([
  ['nothing there', '/r/a', false, undefined, null],
  ['its own', '/r/a', false, of('/r/a'), answer],
  ['its own, of a fresh run', '/r/a', true, of('/r/a'), answer],
  ['its own, of another picture with the same content', '/r/a', false, of('/r/a', '0/4'), recalled('a')],
  ["another run's", '/r/a', false, of('/r/20261123_101500'), recalled('20261123_101500')],
  ["another run's, in a bucket", 'gs://b/r/a', false, of('gs://b/r/c'), recalled('c')],
  ['a namesake in another place', '/r/a', false, of('/s/a'), recalled('a')],
  ["another run's, of a fresh run", '/r/a', true, of('/r/c'), null],
])('%s', (_, results, fresh, entry, expected) => {
  expect(recallOutcome({ results, fresh }, '0/3', entry)).toEqual(expected);
});
