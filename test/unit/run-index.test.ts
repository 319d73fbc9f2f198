import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { answersOf, makePicturesRun, names, type PicturesRun } from './pictures-kit.ts';

let run: PicturesRun;
beforeEach(async () => {
  run = await makePicturesRun();
});
afterEach(() => run.remove());

const both = (outcome: number | 'Refused' | 'ProviderError') => ({ crowd: outcome, pothole: outcome });
const UNASKED = { crowd: 'unasked', pothole: 'unasked' };

/** Answers batches of the first page of 1,000, each picture with its index as count. */
async function answerPage(batches: number[]): Promise<void> {
  for (const batch of batches) {
    const indexes = [0, 1, 2, 3].map((n) => batch * 4 + n);
    await run.shard(batch, 0, Object.fromEntries(indexes.map((index) => [index, both(index)])));
  }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

describe('opening', () => {
  test('reads a whole page from its segment alone', async () => {
    await run.page(0, names(1_000));
    await answerPage(range(0, 250));
    await run.segment(0, 0, 250);
    await run.record({ state: 'complete', begun: 250 });
    const reader = await run.read();
    expect(run.looked).toEqual(['index/000000.json']);
    const { pictures } = reader.index;
    expect([pictures.size, pictures.end]).toEqual([1_000, 1_000]);
    expect(pictures.name(999)).toBe(names(1_000)[999]);
    expect([pictures.camera(7), new Date(pictures.clock(7)).toISOString()]).toEqual([
      'cam',
      '2025-11-25T00:00:07.000Z',
    ]);
    expect(answersOf(reader, 0)).toEqual(both(0));
    expect(answersOf(reader, 999)).toEqual(both(999));
    expect([0, 3, 4, 999].map(reader.index.batchOf)).toEqual([0, 0, 1, 249]);
  });

  test('finds the place of each picture of a segment with holes, and of the pages after it', async () => {
    await run.page(0, names(10, 'a'));
    await run.page(1, names(5, 'b'));
    await run.shard(0, 0, { 1: both(1), 3: both('Refused') });
    await run.shard(2, 0, { 9: { crowd: 9 } });
    await run.segment(0, 0, 3);
    await run.shard(4, 1, { 4: both(4) });
    await run.record({ begun: 5 });
    const reader = await run.read();
    expect(range(0, 10).map((at) => answersOf(reader, at))).toEqual([
      UNASKED,
      both(1),
      UNASKED,
      both('Refused'),
      ...Array.from({ length: 5 }, () => UNASKED),
      { crowd: 9, pothole: 'unasked' },
    ]);
    expect(answersOf(reader, 1_004)).toEqual(both(4));
    expect(reader.index.pictures.size).toBe(15);
    expect(reader.index.pictures.has(10)).toBe(false);
    expect([9, 1_000, 1_003, 1_004].map(reader.index.batchOf)).toEqual([2, 3, 3, 4]);
  });

  test('does not trust the order of a segment whose names are not in order', async () => {
    await run.page(0, names(1_000));
    await answerPage(range(0, 250));
    await run.segment(0, 0, 250);
    const segment = JSON.parse((await run.store.read('index/000000.json')) ?? '') as { images: unknown[] };
    segment.images.reverse();
    await run.store.replace('index/000000.json', [JSON.stringify(segment)]);
    const reader = await run.read();
    expect(answersOf(reader, 998)).toEqual(both(998));
  });

  test('of a run before its first record, and before its first picture', async () => {
    const empty = await run.read();
    expect([empty.index.pictures.size, empty.index.updatedAt]).toEqual([0, null]);
    await run.page(0, names(3));
    expect(await empty.index.refresh()).toBe(true);
    expect(empty.index.pictures.size).toBe(3);
    expect(await empty.index.refresh()).toBe(false);
  });

  test('counts a match 1 at least, as segments do, and passes over a prompt that the plan has not', async () => {
    await run.page(0, names(2));
    await run.shard(0, 0, { 0: { crowd: 2, other: 5 } });
    const text = (await run.store.read('shards/000000.json')) ?? '';
    await run.store.replace('shards/000000.json', [text.replace('"count":2', '"count":0')]);
    await run.record({ begun: 1 });
    expect(answersOf(await run.read(), 0)).toEqual({ crowd: 1, pothole: 'unasked' });
  });

  test.each([
    ['index/000000.json', '{"page":0,"ima'],
    ['index/000000.json', '{"page":0}'],
    ['images/000000.json', ''],
    ['images/000000.json', 'null'],
    ['shards/000001.json', '[1]'],
  ])('names a damaged %s', async (path, text) => {
    await run.page(0, names(8));
    await run.shard(0, 0, { 0: both(1) });
    await run.shard(1, 0, { 4: both(1) });
    if (path.startsWith('index')) await run.segment(0, 0, 2);
    await writeFile(join(run.folder, path), text);
    await run.record({ begun: 2 });
    await expect(run.read()).rejects.toThrow(`${run.folder}/${path} is damaged`);
  });

  test('names a page that is gone', async () => {
    await run.page(1, names(8));
    await run.record({});
    await expect(run.read()).rejects.toThrow(`${run.folder}/images/000000.json is gone`);
  });
});

describe('refreshing', () => {
  test('reads nothing without a newer record, and then the batches that may have grown', async () => {
    await run.page(0, names(12));
    await run.shard(0, 0, { 0: both(1), 1: both(1), 2: both(1), 3: both('ProviderError') });
    await run.shard(1, 0, { 4: both(1) });
    await run.record({ begun: 2, running: [{ batch: 1, workflowId: 'batch-2' }] });
    const { index } = await run.read();
    const { pictures, version } = index;

    run.looked.length = 0;
    await run.shard(1, 0, { 5: both(5) });
    expect(await index.refresh()).toBe(false);
    expect(run.looked).toEqual(['progress.json']);

    run.looked.length = 0;
    await run.record({ begun: 3, running: [{ batch: 1, workflowId: 'batch-2' }] });
    expect(await Promise.all([index.refresh(), index.refresh()])).toEqual([true, true]);
    expect(run.looked).toEqual(['progress.json', 'shards/000001.json', 'shards/000002.json']);
    expect(index.version).not.toBe(version);
    expect(index.pictures.answer(0, 5)).toBe(5);
    expect(pictures.answer(0, 5), 'what was taken before stays as it was').toBe(-1);
    expect(index.pictures.names, 'no picture came').toBe(pictures.names);
  });

  test('takes a page from its segment as soon as there is one, and finds new pages', async () => {
    await run.page(0, names(6));
    await run.record({ begun: 1 });
    const reader = await run.read();
    await run.shard(0, 0, { 0: both(1), 1: both(1), 2: both(1), 3: both(1) });
    await run.shard(1, 0, { 4: both(2), 5: both(2) });
    await run.segment(0, 0, 2);
    await run.page(1, names(2, 'new'));
    await run.record({ begun: 2 });
    run.looked.length = 0;
    expect(await reader.index.refresh()).toBe(true);
    expect(run.looked.filter((path) => path.startsWith('shards'))).toEqual([]);
    expect(answersOf(reader, 5)).toEqual(both(2));
    expect(reader.index.pictures.name(1_001)).toBe(names(2, 'new')[1]);
  });

  test('sees what is asked again of a page that is summed up, while it goes on and at the end', async () => {
    await run.page(0, names(6));
    await run.shard(0, 0, { 0: both('ProviderError'), 1: both(0) });
    await run.shard(1, 0, { 4: both('ProviderError'), 5: both('ProviderError') });
    await run.segment(0, 0, 2);
    await run.record({ state: 'incomplete', begun: 2 });
    const reader = await run.read();

    await run.record({ begun: 2, running: [{ batch: 0, workflowId: 'batch-1' }] });
    await reader.index.refresh();
    await run.shard(0, 0, { 0: both(3) });
    await run.record({ begun: 2 });
    expect(await reader.index.refresh()).toBe(true);
    expect(answersOf(reader, 0)).toEqual(both(3));

    // A batch that no look has seen under way.
    await run.shard(1, 0, { 4: both(4) });
    await run.segment(0, 0, 2);
    await run.record({ state: 'incomplete', begun: 2 });
    expect(await reader.index.refresh()).toBe(true);
    expect([0, 4, 5].map((at) => answersOf(reader, at))).toEqual([both(3), both(4), both('ProviderError')]);
  });

  test('leaves all as it was when a file is damaged, and goes on when it is mended', async () => {
    await run.page(0, names(4));
    await run.record({ begun: 1 });
    const { index } = await run.read();
    const { pictures, version } = index;
    await writeFile(join(run.folder, 'progress.json'), '{');
    await expect(index.refresh()).rejects.toThrow('progress.json is damaged');
    await run.shard(0, 0, { 0: both(1) });
    const shard = (await run.store.read('shards/000000.json')) ?? '';
    await writeFile(join(run.folder, 'shards/000000.json'), '{');
    await run.record({ begun: 1 });
    await expect(index.refresh()).rejects.toThrow('shards/000000.json is damaged');
    expect([index.pictures, index.version]).toEqual([pictures, version]);
    await writeFile(join(run.folder, 'shards/000000.json'), shard);
    expect(await index.refresh()).toBe(true);
  });
});
