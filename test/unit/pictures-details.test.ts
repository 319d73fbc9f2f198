import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPictureReaders } from '../../src/client/pictures/readers.ts';
import { searchPictures, selectWithText } from '../../src/client/pictures/search.ts';
import type { PictureReader } from '../../src/client/pictures/readers.ts';
import type { PictureQuery } from '../../src/shared/picture-query.ts';
import { openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { makePicturesRun, names, type PicturesRun } from './pictures-kit.ts';

let run: PicturesRun;
let reader: PictureReader;
const NAMES = names(6);

beforeEach(async () => {
  run = await makePicturesRun();
  await run.page(0, NAMES);
  await run.shard(0, 0, {
    0: { crowd: { count: 3, description: 'A Bus on the wet road.' }, pothole: 0 },
    1: { crowd: 0, pothole: 'Refused' },
  });
  await run.shard(1, 0, { 4: { pothole: { count: 1, description: 'Near the BUS stop.' } } });
  await run.record({ begun: 2 });
  reader = await run.read();
});
afterEach(() => run.remove());

const rowOf = (at: number, answers: object): object => ({
  ...{ at, name: NAMES[at], camera: 'cam', time: `2025-11-25T00:00:0${at}`, answers },
});

describe('rows', () => {
  test('come in the order asked for, each shard read once, none for what was not asked', async () => {
    run.looked.length = 0;
    expect(await reader.details.rowsOf([4, 1, 0, 5, 3])).toEqual([
      rowOf(4, { pothole: { match: true, count: 1, description: 'Near the BUS stop.' } }),
      rowOf(1, { crowd: { match: false, count: 0, description: '0 seen.' }, pothole: { error: 'Refused' } }),
      rowOf(0, {
        crowd: { match: true, count: 3, description: 'A Bus on the wet road.' },
        pothole: { match: false, count: 0, description: '0 seen.' },
      }),
      rowOf(5, {}),
      rowOf(3, {}),
    ]);
    expect(run.looked).toEqual(['shards/000001.json', 'shards/000000.json']);
  });

  test('are read again once the run has gone on', async () => {
    await reader.details.rowsOf([4]);
    await run.shard(1, 0, { 4: { crowd: 2 } });
    await run.record({ begun: 2 });
    await reader.index.refresh();
    expect((await reader.details.rowsOf([4]))[0]?.answers['crowd']).toMatchObject({ count: 2 });
  });

  test('stream as they are taken', async () => {
    const found: number[] = [];
    for await (const row of reader.details.streamRows([5, 0, 4])) found.push(row.at);
    expect(found).toEqual([5, 0, 4]);
  });

  test('of a shard that is gone or damaged name it', async () => {
    await writeFile(join(run.folder, 'shards/000000.json'), '{"batch":0');
    await expect(reader.details.rowsOf([0])).rejects.toThrow('shards/000000.json is damaged');
    await rm(join(run.folder, 'shards/000000.json'));
    await expect(reader.details.rowsOf([0])).rejects.toThrow('shards/000000.json is gone');
  });
});

describe('a picture', () => {
  test('is all that is recorded of it', async () => {
    expect(await reader.details.detailOf(1)).toMatchObject({
      ...{ at: 1, name: NAMES[1], camera: 'cam', time: '2025-11-25T00:00:01', batch: 0, bytes: 1 },
      ...{ uri: `/pictures/${NAMES[1]}`, identity: `sha256:${NAMES[1]}` },
      startedAt: '2025-11-26T02:53:12.000Z',
      answers: [
        { prompt: { id: 'crowd', text: 'How many?' }, outcome: { ok: true, result: { model: 'gpt-4o' } } },
        { prompt: { id: 'pothole' }, outcome: { ok: false, failure: { message: 'It was Refused.' } } },
      ],
    });
  });

  test('that was not asked about has no outcomes; a place without one is none', async () => {
    const detail = await reader.details.detailOf(5);
    expect(detail).toMatchObject({ at: 5, batch: 1, startedAt: null, endedAt: null });
    expect(detail?.answers.map(({ outcome }) => outcome)).toEqual([null, null]);
    expect(await reader.details.detailOf(6)).toBeNull();
    expect(await reader.details.detailOf(1_000)).toBeNull();
  });

  test('streams with the others', async () => {
    const found: string[] = [];
    for await (const { name } of reader.details.streamDetails([5, 0])) found.push(name);
    expect(found).toEqual([NAMES[5], NAMES[0]]);
  });
});

describe('a search', () => {
  test.each<[PictureQuery, number[]]>([
    [{ text: 'bus' }, [0, 4]],
    [{ text: 'bus', sort: '-name' }, [4, 0]],
    [{ text: 'bus', prompt: 'pothole' }, [4]],
    [{ text: 'BUS', count: 2 }, [0]],
    [{ text: '000003' }, [3]],
    [{ text: 'tram' }, []],
    [{ text: '' }, [0, 1, 2, 3, 4, 5]],
    [{ match: 'yes' }, [0, 4]],
  ])('for %j', async (query, places) => {
    expect([...(await selectWithText(reader, query))]).toEqual(places);
  });

  test('tells how far it is, and ends with all', async () => {
    await run.page(1, names(1_000, 'more'));
    await run.record({ begun: 2 });
    await reader.index.refresh();
    const steps: unknown[] = [];
    for await (const { rows, ...searched } of searchPictures(reader, { text: 'bus', sort: 'time' }))
      steps.push([rows.length, searched]);
    expect(steps).toEqual([
      [2, { searched: 250, of: 1_006, found: 2 }],
      [0, { searched: 500, of: 1_006, found: 2 }],
      [0, { searched: 750, of: 1_006, found: 2 }],
      [0, { searched: 1_000, of: 1_006, found: 2 }],
      [0, { searched: 1_006, of: 1_006, found: 2 }],
    ]);
  });

  test('through nothing ends at once', async () => {
    const steps: unknown[] = [];
    for await (const step of searchPictures(reader, { text: 'bus', hour: 5 })) steps.push(step);
    expect(steps).toEqual([{ rows: [], searched: 0, of: 0, found: 0 }]);
  });

  test('stops where it is aborted', async () => {
    await run.page(1, names(1_000, 'more'));
    await run.record({ begun: 2 });
    await reader.index.refresh();
    const aborted = new AbortController();
    const steps: number[] = [];
    const search = async (): Promise<void> => {
      for await (const { searched } of searchPictures(reader, { text: 'bus' }, aborted.signal)) {
        steps.push(searched);
        aborted.abort(new Error('nobody waits'));
      }
    };
    await expect(search()).rejects.toThrow('nobody waits');
    expect(steps).toEqual([250]);
  });
});

describe('readers', () => {
  const opened: string[] = [];
  const readers = createPictureReaders({
    openStore: (place) => {
      opened.push(place);
      return openFolderStore(place);
    },
    max: 1,
  });

  test('are opened once for all that ask, are as new as the record, and the oldest makes room', async () => {
    const other = await makePicturesRun();
    opened.length = 0;
    const recorded = await run.recorded();
    const [first, second] = await Promise.all([readers.open(recorded), readers.open(recorded)]);
    expect(second).toBe(first);
    await run.shard(1, 0, { 5: { crowd: 7 } });
    await run.record({ begun: 2 });
    expect(await readers.open(await run.recorded())).toBe(first);
    expect(first.index.pictures.answer(0, 5)).toBe(7);
    await readers.open(await other.recorded());
    expect(await readers.open(recorded)).not.toBe(first);
    expect(opened).toEqual([run.folder, other.folder, run.folder]);
    await other.remove();
  });

  test('that failed to open are opened again', async () => {
    const recorded = { ...(await run.recorded()), place: join(run.folder, '..', 'again') };
    await writeFile(join(run.folder, '..', 'again'), 'a file');
    await expect(readers.open(recorded)).rejects.toThrow();
    await rm(join(run.folder, '..', 'again'));
    expect((await readers.open(recorded)).index.pictures.size).toBe(0);
  });
});
