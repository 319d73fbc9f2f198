import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { changeOf, compareRuns } from '../../src/client/pictures/compare.ts';
import { select } from '../../src/client/pictures/select.ts';
import { summarize } from '../../src/client/pictures/summarize.ts';
import type { Plan } from '../../src/shared/types.ts';
import { makePicturesRun, type Outcome, type PicturesRun } from './pictures-kit.ts';

const runs: PicturesRun[] = [];
beforeEach(() => void (runs.length = 0));
afterEach(() => Promise.all(runs.map((run) => run.remove())));

async function runOf(
  pictures: Record<string, Record<string, Outcome>>,
  change: Partial<Plan> = {},
): Promise<Awaited<ReturnType<PicturesRun['read']>>> {
  const run = await makePicturesRun({ batchSize: 16, ...change });
  runs.push(run);
  await run.page(0, Object.keys(pictures));
  await run.shard(0, 0, Object.fromEntries(Object.values(pictures).entries()));
  await run.record({ begun: 1 });
  return run.read();
}

const cell = (answered: number, matches: number): object => ({ answered, matches });

describe('sums', () => {
  const pictures = {
    'a_20251124_110000.jpg': { crowd: 2, pothole: 0 },
    'b_20251125_110000.jpg': { crowd: 3, pothole: 'Refused' },
    'b_20251125_120000.jpg': { crowd: 0 },
    'holiday.jpg': { crowd: 1, pothole: 1 },
  } as const;

  test('by prompt, camera, hour and day say how many pictures stand behind each', async () => {
    const { index } = await runOf(pictures);
    const sum = summarize(index, select(index.pictures, {}));
    expect(sum.version).toBe(index.version);
    expect(sum.prompts).toEqual([
      { id: 'crowd', name: 'Crowd Detection', answered: 4, matches: 3, counted: 6, failed: 0, unasked: 0 },
      {
        id: 'pothole',
        name: 'Pothole Detection',
        answered: 2,
        matches: 1,
        counted: 1,
        failed: 1,
        unasked: 1,
      },
    ]);
    expect(sum.cameras).toEqual([
      { camera: 'b', pictures: 2, cells: { crowd: cell(2, 1), pothole: cell(0, 0) } },
      { camera: null, pictures: 1, cells: { crowd: cell(1, 1), pothole: cell(1, 1) } },
      { camera: 'a', pictures: 1, cells: { crowd: cell(1, 1), pothole: cell(1, 0) } },
    ]);
    expect(sum.hours.map(({ hour, pictures }) => [hour, pictures])).toEqual([
      [11, 2],
      [12, 1],
      [null, 1],
    ]);
    expect(sum.days.map(({ day, pictures }) => [day, pictures])).toEqual([
      ['2025-11-24', 1],
      ['2025-11-25', 2],
      [null, 1],
    ]);
  });

  test('are those of the pictures given', async () => {
    const { index } = await runOf(pictures);
    const sum = summarize(index, select(index.pictures, { camera: 'b', hour: 12 }));
    expect(sum.cameras).toEqual([
      { camera: 'b', pictures: 1, cells: { crowd: cell(1, 0), pothole: cell(0, 0) } },
    ]);
    expect(summarize(index, [])).toMatchObject({ cameras: [], hours: [], days: [] });
  });
});

test.each([
  [2, 2, 'same'],
  [0, 0, 'same'],
  [0, 1, 'appeared'],
  [4, 0, 'gone'],
  [4, 5, 'count'],
  [4, -2, 'newly failed'],
  [-1, -2, 'newly failed'],
  [-3, -2, 'same'],
  [-2, 0, 'newly answered'],
  [-1, 3, 'newly answered'],
  [4, -1, null],
  [-1, -1, null],
  [-2, -1, null],
])('from %i to %i: %s', (left, right, change) => {
  expect(changeOf(left, right)).toBe(change);
});

describe('a comparison', () => {
  const prompt = (id: string, text: string): Plan['prompts'][number] => ({
    id,
    name: id.toUpperCase(),
    text,
  });
  const page = { from: 0, take: 10, onlyChanged: true };
  const compared = async (): Promise<
    [Awaited<ReturnType<typeof runOf>>, Awaited<ReturnType<typeof runOf>>]
  > => [
    await runOf(
      {
        '1.jpg': { crowd: 1, old: 1 },
        '2.jpg': { crowd: 0, pothole: 'Timeout' },
        '3.jpg': { crowd: 4, pothole: 2 },
        '4.jpg': { crowd: 1, pothole: 1 },
      },
      { prompts: [prompt('crowd', 'How many?'), prompt('pothole', 'Any?'), prompt('old', 'Old?')] },
    ),
    await runOf(
      {
        '10.jpg': { crowd: 1 },
        '2.jpg': { crowd: 5, pothole: 1 },
        '3.jpg': { crowd: 4, pothole: 3 },
        '4.jpg': { crowd: 1 },
      },
      { prompts: [prompt('pothole', 'Any?'), prompt('crowd', 'How many now?'), prompt('new', 'New?')] },
    ),
  ];

  test('sums up what changed, and shows the pictures', async () => {
    const [left, right] = await compared();
    const none = { same: 0, appeared: 0, gone: 0, count: 0, 'newly failed': 0, 'newly answered': 0 };
    const comparison = await compareRuns(left, right, page);
    expect(comparison).toMatchObject({
      prompts: [
        {
          ...{ id: 'pothole', name: 'POTHOLE', textChanged: false },
          changes: { ...none, count: 1, 'newly answered': 1 },
        },
        { id: 'crowd', name: 'CROWD', textChanged: true, changes: { ...none, appeared: 1, same: 2 } },
      ],
      onlyLeft: ['old'],
      onlyRight: ['new'],
      pictures: { both: 3, onlyLeft: 1, onlyRight: 1 },
      ...{ total: 2, from: 0 },
    });
    expect(comparison.rows).toEqual([
      {
        ...{ name: '2.jpg', left: 1, right: 1, sameContent: true },
        answers: {
          pothole: {
            change: 'newly answered',
            left: { error: 'Timeout' },
            right: { match: true, count: 1, description: '1 seen.' },
          },
          crowd: {
            change: 'appeared',
            left: { match: false, count: 0, description: '0 seen.' },
            right: { match: true, count: 5, description: '5 seen.' },
          },
        },
      },
      expect.objectContaining({ name: '3.jpg' }),
    ]);
  });

  test('shows a page of all pictures of both, in the order of their names', async () => {
    const [left, right] = await compared();
    const all = await compareRuns(left, right, { from: 1, take: 5, onlyChanged: false });
    expect([all.total, all.from, all.rows.map(({ name }) => name)]).toEqual([3, 1, ['3.jpg', '4.jpg']]);
    expect(all.rows[1]?.answers).toEqual({ crowd: expect.objectContaining({ change: 'same' }) });
  });
});
