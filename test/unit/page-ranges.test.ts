import { describe, expect, test } from 'vitest';
import type { PicturePage } from '../../src/web/api.ts';
import { createRanges } from '../../src/web/app/pictures/ranges.ts';

interface Asked {
  from: number;
  signal: AbortSignal;
  answer: (version?: string, total?: number) => Promise<void>;
  fail: (error: Error) => Promise<void>;
}

/** Ranges of ten rows over a server whose answers the test gives. */
function setUp(keep = 3) {
  const asked: Asked[] = [];
  let changes = 0;
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  const ranges = createRanges({
    take: 10,
    keep,
    onChange: () => changes++,
    fetchPage: (from, take, signal) =>
      new Promise<PicturePage>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
        asked.push({
          from,
          signal,
          async answer(version = 'a', total = 100) {
            const rows = Array.from({ length: take }, (_, index) => ({
              ...{
                at: from + index,
                name: `${version}${from + index}`,
                camera: null,
                time: null,
                answers: {},
              },
            }));
            resolve({ version, total, of: 1000, from, rows, cameras: ['c'], days: [] });
            await settle();
          },
          async fail(error) {
            reject(error);
            await settle();
          },
        });
      }),
  });
  const last = () => asked.at(-1) ?? expect.fail('nothing was asked');
  return { ranges, asked, last, settle, changes: () => changes };
}

describe('rows come by ranges', () => {
  test('those in view are asked for once', async () => {
    const { ranges, asked, last, changes } = setUp();
    ranges.need(0, 9);
    ranges.need(3, 8);
    expect(asked.map(({ from }) => from)).toEqual([0]);
    expect(ranges.row(4)).toBeUndefined();
    expect(ranges.facts()).toBeNull();
    await last().answer();
    expect(ranges.row(4)?.name).toBe('a4');
    expect(ranges.facts()).toMatchObject({ total: 100, of: 1000, cameras: ['c'] });
    expect(changes()).toBe(1);
    ranges.need(0, 9);
    expect(asked).toHaveLength(1);
  });

  test('a view over an edge needs both sides', () => {
    const { ranges, asked } = setUp();
    ranges.need(8, 21);
    expect(asked.map(({ from }) => from)).toEqual([0, 10, 20]);
  });

  test('what was rushed past is aborted and neither kept nor told', async () => {
    const { ranges, asked, changes, settle } = setUp();
    ranges.need(0, 9);
    ranges.need(500, 509);
    expect(asked[0]?.signal.aborted).toBe(true);
    expect(asked[1]?.signal.aborted).toBe(false);
    await settle();
    expect(ranges.failure()).toBeNull();
    expect(changes()).toBe(0);
    ranges.need(0, 9);
    expect(asked.map(({ from }) => from)).toEqual([0, 500, 0]);
  });

  test('no more are kept than said; those seen longest ago go first', async () => {
    const { ranges, last } = setUp(2);
    for (const from of [0, 10, 0, 20]) {
      ranges.need(from, from + 9);
      if (ranges.row(from) === undefined) await last().answer();
    }
    expect([0, 10, 20].map((place) => ranges.row(place)?.at)).toEqual([0, undefined, 20]);
  });

  test('those in view are kept even when they are more', async () => {
    const { ranges, asked } = setUp(1);
    ranges.need(0, 29);
    for (const one of asked) await one.answer();
    expect([0, 10, 20].map((place) => ranges.row(place)?.at)).toEqual([0, 10, 20]);
  });

  test('a failure is told once and asked again only when a person says so', async () => {
    const { ranges, asked, last } = setUp();
    ranges.need(0, 9);
    await last().fail(new Error('gone'));
    expect(ranges.failure()).toEqual(new Error('gone'));
    ranges.need(10, 19);
    expect(asked).toHaveLength(1);
    ranges.retry();
    expect(ranges.failure()).toBeNull();
    await last().answer();
    expect(ranges.row(10)?.at).toBe(10);
  });

  test('at rest nothing is under way, and what is there stays', async () => {
    const { ranges, asked, last } = setUp();
    ranges.need(0, 9);
    await last().answer();
    ranges.need(10, 19);
    ranges.rest();
    expect(asked[1]?.signal.aborted).toBe(true);
    expect(ranges.row(0)?.at).toBe(0);
  });
});

describe('new answers', () => {
  test('make rows in view stale; they stand until the new ones are there', async () => {
    const { ranges, last } = setUp();
    ranges.need(0, 9);
    await last().answer('a');
    ranges.tell('a');
    expect(ranges.stale()).toBe(false);
    ranges.tell('b');
    expect(ranges.stale()).toBe(true);
    ranges.refresh();
    expect(ranges.row(0)?.name).toBe('a0');
    await last().answer('b', 120);
    expect(ranges.row(0)?.name).toBe('b0');
    expect(ranges.facts()?.total).toBe(120);
    expect(ranges.stale()).toBe(false);
  });

  test('told of while a range is on its way, leave that range stale', async () => {
    const { ranges, last } = setUp();
    ranges.need(0, 9);
    await last().answer('a');
    ranges.need(10, 19);
    ranges.tell('b');
    await last().answer('a');
    expect(ranges.stale()).toBe(true);
    ranges.refresh();
    await last().answer('b');
    expect(ranges.stale()).toBe(false);
  });

  test('learnt from a range alone, make the others in view stale', async () => {
    const { ranges, asked } = setUp();
    ranges.need(0, 19);
    await asked[0]?.answer('a');
    await asked[1]?.answer('b');
    expect(ranges.stale()).toBe(true);
    ranges.refresh();
    expect(asked.map(({ from }) => from)).toEqual([0, 10, 0]);
    await asked[2]?.answer('b');
    expect(ranges.stale()).toBe(false);
  });

  test('out of view, stale rows are forgotten and not asked for', async () => {
    const { ranges, asked, last } = setUp();
    ranges.need(0, 9);
    await last().answer('a');
    ranges.need(10, 19);
    await last().answer('a');
    ranges.tell('b');
    ranges.refresh();
    expect(ranges.row(0)).toBeUndefined();
    expect(asked.map(({ from }) => from)).toEqual([0, 10, 10]);
  });
});
