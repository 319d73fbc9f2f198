import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRunFiles, planHash } from '../../src/activities/run-files.ts';
import type { AnswersOf } from '../../src/activities/salvage-batch.ts';
import { createSaveResults, type SaveResultsInput } from '../../src/activities/save-results.ts';
import { createShardReader } from '../../src/activities/shards.ts';
import { noCounts } from '../../src/shared/counts.ts';
import { files } from '../../src/shared/names.ts';
import type { ResultStore } from '../../src/shared/result-store.ts';
import type { ResultsFile } from '../../src/shared/results.ts';
import type { Counts, ImageResult, Progress, PromptResult, RunState } from '../../src/shared/types.ts';
import { openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { answered, aTry } from '../helpers/outcomes.ts';
import { planOf, progressOf } from './client-data.ts';

const at = '2025-11-26T02:53:12.000Z';
const IDS = ['crowd', 'pothole'];
const failed: PromptResult = {
  ok: false,
  failure: { kind: 'ProviderError', message: 'The server had an error.', tries: [] },
};

const imageOf = (index: number, prompts: ImageResult['prompts']): ImageResult => ({
  ...{ page: Math.floor(index / 1_000), index: index % 1_000, startedAt: at, endedAt: at },
  prompts,
});
const whole = (index: number): ImageResult =>
  imageOf(index, Object.fromEntries(IDS.map((id) => [id, answered()])));

let results: string;
let plan: string;
let store: ResultStore;

beforeEach(async () => {
  results = join(await mkdtemp(join(tmpdir(), 'save-results-')), 'run');
  store = openFolderStore(results);
  plan = JSON.stringify(planOf({ results, batchSize: 4 }));
  await store.create(files.run, plan);
});
afterEach(() => rm(join(results, '..'), { recursive: true, force: true }));

/** Lists so many pictures a page, and writes the shards of some batches. */
async function recorded(pages: number[], shards: Record<number, ImageResult[]>): Promise<void> {
  for (const [page, count] of pages.entries()) {
    const images = Array.from({ length: count }, (_, n) => {
      const name = `camera-${page}-${n}.jpg`;
      return { name, uri: `/pictures/${name}`, identity: `sha256:${name}`, bytes: 1 };
    });
    await store.create(files.page(page), JSON.stringify({ page, images, skipped: [], next: null }));
  }
  for (const [batch, images] of Object.entries(shards))
    await store.create(
      files.shard(Number(batch)),
      JSON.stringify({ batch: Number(batch), startedAt: at, endedAt: at, images }),
    );
}

async function save(
  progress: Partial<Progress>,
  how: { pages: number[]; full?: boolean; final?: boolean; answersOf?: AnswersOf; looked?: string[] },
): Promise<{ counts: Counts } | null> {
  const { pages, full = true, final = false, answersOf = () => Promise.resolve([]), looked = [] } = how;
  const runFiles = createRunFiles((place) => {
    const seen = openFolderStore(place);
    return {
      ...seen,
      read(path) {
        if (path.startsWith('shards/')) looked.push(path);
        return seen.read(path);
      },
    };
  });
  const saveResults = createSaveResults({ files: runFiles, shards: createShardReader(runFiles), answersOf });
  const input: SaveResultsInput = {
    ...{ results, plan: planHash(plan), progress: progressOf(progress), pages, full, final },
  };
  return new MockActivityEnvironment().run(() => saveResults(input));
}

const read = async <T>(path: string): Promise<T> => JSON.parse((await store.read(path)) ?? '') as T;

describe('shards', () => {
  const pages = [1_000, 1_000, 1_000];

  test('are looked for where their names are listed, and nowhere else, however many batches there are', async () => {
    await recorded(pages, { 0: [whole(0)], 700: [whole(2_800)] });
    const looked: string[] = [];
    await save({ begun: 750 }, { pages, looked });
    expect([...new Set(looked)]).toEqual(['shards/000000.json', 'shards/000700.json']);
    const { images } = await read<ResultsFile>(files.results);
    expect(images.map(({ name }) => name)).toEqual(['camera-0-0.jpg', 'camera-2-800.jpg']);
  });

  test('of batches that have not begun are not looked for', async () => {
    await recorded(pages, { 0: [whole(0)], 2: [whole(8)] });
    const looked: string[] = [];
    await save({ begun: 2, running: [{ batch: 1, workflowId: 'batch-2' }] }, { pages, looked });
    expect([...new Set(looked)]).toEqual(['shards/000000.json']);
  });
});

describe('the totals are what the pictures add up to', () => {
  const wrong: Counts = { ...noCounts(), images: 9, imagesComplete: 1, answered: 9, failed: 9 };
  const pages = [6];
  const recordedAll = (last: PromptResult): Promise<void> =>
    recorded(pages, {
      0: [0, 1, 2, 3].map(whole),
      1: [whole(4), imageOf(5, { crowd: answered(), pothole: last })],
    });

  test.each<[string, PromptResult, RunState, RunState]>([
    ['every answer', answered(), 'incomplete', 'complete'],
    ['a failure', failed, 'complete', 'incomplete'],
    ['every answer, but a cancel', answered(), 'cancelled', 'cancelled'],
  ])('at the end, and decide how it ended: %s', async (_, last, state, ends) => {
    await recordedAll(last);
    const saved = await save({ state, images: 6, begun: 2, counts: wrong }, { pages, final: true });
    const sum = last.ok ? { answered: 12, failed: 0, imagesComplete: 6 } : { answered: 11, failed: 1 };
    expect(saved?.counts).toMatchObject({ images: 6, ...sum });
    expect(await read(files.results)).toMatchObject({ state: ends, totals: sum });
    const progress = await read<Progress>(files.progress);
    expect(progress).toMatchObject({ state: ends, counts: saved?.counts, ended: saved?.counts });
  });

  test('on the way, while the progress record tells what the run has heard', async () => {
    await recordedAll(failed);
    const saved = await save({ images: 6, begun: 2, counts: wrong }, { pages });
    expect(saved?.counts).toMatchObject({ images: 6, answered: 11, failed: 1 });
    expect(await read(files.results)).toMatchObject({ state: 'running', totals: { answered: 11 } });
    expect(await read(files.progress)).toMatchObject({ state: 'running', counts: wrong });
  });

  test('and are not known where the pictures are not read', async () => {
    await recordedAll(failed);
    expect(await save({ images: 6, begun: 2, counts: wrong }, { pages, full: false })).toBeNull();
    expect(await store.read(files.results)).toBeNull();
    expect(await read(files.progress)).toMatchObject({ counts: wrong });
  });
});

describe('a batch under way', () => {
  const running = [{ batch: 0, workflowId: 'batch-1' }];
  const pages = [4];
  const older = answered({ description: 'the recorded answer' });

  test('that is asked again shows its shard and what its workflow has answered since', async () => {
    await recorded(pages, { 0: [imageOf(0, { crowd: older, pothole: failed }), whole(1)] });
    const saved = await save(
      { begun: 1, running },
      { pages, answersOf: () => Promise.resolve([imageOf(0, { pothole: answered() }), whole(2)]) },
    );
    expect(saved?.counts).toMatchObject({ images: 3, answered: 6, failed: 0 });
    const { images, performance } = await read<ResultsFile>(files.results);
    expect(images.map(({ name }) => name)).toEqual(['camera-0-0.jpg', 'camera-0-1.jpg', 'camera-0-2.jpg']);
    expect(images[0]?.answers['crowd']).toMatchObject({ description: 'the recorded answer' });
    expect(images[0]?.answers['pothole']).toMatchObject({ match: true });
    expect(performance.batch).toBeNull();
  });

  test('is asked once, so that the totals are those of the pictures beside them', async () => {
    await recorded(pages, {});
    let asked = 0;
    const growing: AnswersOf = () =>
      Promise.resolve(Array.from({ length: (asked += 1) }, (_, index) => whole(index)));
    await save({ begun: 1, running }, { pages, answersOf: growing });
    const { images, totals } = await read<ResultsFile>(files.results);
    expect([images.length, totals.images, asked]).toEqual([1, 1, 1]);
  });

  test('whose shard has every answer is not asked', async () => {
    await recorded(pages, { 0: [0, 1, 2, 3].map(whole) });
    const answersOf: AnswersOf = () => Promise.reject(new Error('nobody answers'));
    const saved = await save({ begun: 1, running }, { pages, final: true, answersOf });
    expect(saved?.counts).toMatchObject({ answered: 8 });
  });

  test('that does not answer shows its shard, and at the end is asked again', async () => {
    await recorded(pages, { 0: [whole(0)] });
    const answersOf: AnswersOf = () => Promise.reject(new Error('nobody answers'));
    const saved = await save({ begun: 1, running }, { pages, answersOf });
    expect(saved?.counts).toMatchObject({ answered: 2 });
    await expect(save({ begun: 1, running }, { pages, final: true, answersOf })).rejects.toThrow('nobody');
  });
});

test('the minutes of pages without a segment are read where there are shards', async () => {
  const sentAt = '2025-11-26T02:55:10.000Z';
  const late = answered({ sentAt, tries: [aTry({ at: sentAt })] });
  await recorded([1_000], { 0: [whole(0)], 200: [imageOf(800, { crowd: late })] });
  const looked: string[] = [];
  await save({ begun: 250 }, { pages: [1_000], full: false, looked });
  expect(looked).toEqual(['shards/000000.json', 'shards/000200.json']);
  const { minutes } = await read<Progress>(files.progress);
  expect(minutes.map(({ at, sent }) => [at.slice(11, 16), sent])).toEqual([
    ['02:53', 2],
    ['02:55', 1],
  ]);
});
