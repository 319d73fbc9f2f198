import { expect, test } from 'vitest';
import type { RecordedRun } from '../../src/client/runs.ts';
import { noCounts } from '../../src/shared/counts.ts';
import type { Live } from '../../src/web/live.ts';
import { createRunList } from '../../src/web/run-list.ts';
import { planOf, progressOf } from './client-data.ts';

/** A results place of so many runs, whose reads take a while, as a bucket's do. */
function placeOf(count: number) {
  const names = Array.from({ length: count }, (_, n) => `run-${String(n).padStart(4, '0')}`);
  const place = { reads: 0, atOnce: 0, most: 0, broken: '', now: 0, unended: '' };
  const read = async (run: string): Promise<RecordedRun | null> => {
    place.reads += 1;
    place.most = Math.max(place.most, ++place.atOnce);
    await new Promise((resolve) => setTimeout(resolve, 1));
    place.atOnce -= 1;
    if (run === place.broken) throw new Error('/results/run.json is no JSON: somebody changed it');
    const startedAt = `2026-11-${String(10 + (Number(run.slice(4)) % 10))}T10:00:00.000Z`;
    const state = run === place.unended ? 'running' : 'complete';
    const counts = { ...noCounts(), answered: 8 };
    return {
      ...{ run, root: '/results', place: `/results/${run}`, plan: planOf({ run }) },
      progress: progressOf({ run, state, startedAt, counts }),
    };
  };
  const live = {
    lookAt: (recorded: RecordedRun) => Promise.resolve({ recorded, live: null }),
  } as unknown as Live;
  const list = createRunList({
    runs: { names: () => Promise.resolve(names), read },
    live,
    now: () => place.now,
  });
  return { place, list, names };
}

test('a thousand runs are read some side by side, and those that have ended not again at each look', async () => {
  const { place, list } = placeOf(1_000);
  const rows = await list.rows();
  expect(rows).toHaveLength(1_000);
  expect(rows.map(({ startedAt }) => startedAt)).toEqual(
    rows
      .map(({ startedAt }) => startedAt)
      .sort()
      .reverse(),
  );
  expect([place.reads, place.most]).toEqual([1_000, 24]);
  await list.rows();
  expect(place.reads).toBe(1_000);
  // Somebody may have gone on with one: they are looked at again, some at a time.
  place.now = 11_000;
  await list.rows();
  expect(place.reads).toBe(1_064);
});

test('a run that goes on elsewhere is noticed, and one that has not ended is read at each look', async () => {
  const { place, list } = placeOf(3);
  await list.rows();
  place.unended = 'run-0001';
  place.now = 11_000;
  const rows = await list.rows();
  expect(rows.find(({ run }) => run === 'run-0001')?.state).toBe('interrupted');
  const { reads } = place;
  await list.rows();
  expect(place.reads).toBe(reads + 1);
});

test('a run whose record is broken is listed with what is wrong, and the others stand', async () => {
  const { place, list } = placeOf(3);
  place.broken = 'run-0001';
  const rows = await list.rows();
  expect(rows).toHaveLength(3);
  expect(rows.find(({ run }) => run === 'run-0001')).toMatchObject({
    problem: expect.stringContaining('no JSON'),
  });
  expect(rows.filter(({ problem }) => problem === null)).toHaveLength(2);
});

test('a run that was removed is gone from the list', async () => {
  const { list, names } = placeOf(3);
  await list.rows();
  names.pop();
  expect(await list.rows()).toHaveLength(2);
});
