import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { answerKey } from '../../src/activities/answer-key.ts';
import type { AnswerStore, StoredAnswer } from '../../src/activities/ports.ts';
import { createRebuildResults } from '../../src/activities/rebuild-results.ts';
import { createRunFiles, planHash } from '../../src/activities/run-files.ts';
import { createSaveResults } from '../../src/activities/save-results.ts';
import { createSaveSegment } from '../../src/activities/save-segment.ts';
import { createShardReader } from '../../src/activities/shards.ts';
import { noCounts } from '../../src/shared/counts.ts';
import { files } from '../../src/shared/names.ts';
import type { RecordedAnswer } from '../../src/shared/rebuilt.ts';
import type { AskResult, ImagePage, PromptResult, Shard } from '../../src/shared/types.ts';
import { openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { answered, aTry } from '../helpers/outcomes.ts';
import { planOf, progressOf } from './client-data.ts';

const BATCHES = 2;
const PICTURES = 6;

let results: string;
let stored: Map<string, StoredAnswer>;
let histories: Record<string, RecordedAnswer[]>;
let keysRead: number;

const refused: PromptResult = {
  ok: false,
  failure: { kind: 'Refused', message: 'declined', tries: [aTry({ outcome: 'Refused' })] },
};

const page: ImagePage = {
  page: 0,
  images: Array.from({ length: PICTURES }, (_, n) => ({
    name: `camera-${n}.jpg`,
    uri: `/pictures/camera-${n}.jpg`,
    identity: `sha256:${n}`,
    bytes: 1,
  })),
  skipped: [{ name: 'notes.txt', reason: 'no picture' }],
  next: null,
};

const at = (second: number): string => `2026-11-24T10:00:${String(second).padStart(2, '0')}.000Z`;

/** Of picture 5 the model declined one question; picture 1 was answered in an earlier run. */
const outcomeOf = (index: number, prompt: string): PromptResult => {
  if (index === 5 && prompt === 'pothole') return refused;
  const sentAt = at(index * 2);
  return answered({
    ...{ sentAt, count: index, match: index % 2 === 0, tries: [aTry({ at: sentAt })] },
    ...(index === 1 ? { recalledFrom: '20261123_100000' } : {}),
  });
};

const shards: Shard[] = Array.from({ length: BATCHES }, (_, batch) => ({
  batch,
  startedAt: at(batch * 10),
  endedAt: at(batch * 10 + 30),
  images: page.images.slice(batch * 4, batch * 4 + 4).map((_, i) => {
    const index = batch * 4 + i;
    return {
      ...{ page: 0, index, startedAt: at(index), endedAt: at(index + 9) },
      prompts: { crowd: outcomeOf(index, 'crowd'), pothole: outcomeOf(index, 'pothole') },
    };
  }),
}));

const answers: AnswerStore = {
  async read(keys) {
    keysRead += keys.length;
    return new Map(keys.flatMap((key) => (stored.has(key) ? [[key, stored.get(key) as StoredAnswer]] : [])));
  },
  write: () => Promise.reject(new Error('nothing is written')),
};

/** The run as its worker leaves it at its end. */
beforeEach(async () => {
  results = await mkdtemp(join(tmpdir(), 'rebuild-'));
  stored = new Map();
  histories = {};
  keysRead = 0;
  const plan = planOf({ results });
  const store = openFolderStore(results);
  const runJson = `${JSON.stringify(plan)}\n`;
  await store.create(files.run, runJson);
  await store.create(files.page(0), `${JSON.stringify(page)}\n`);
  for (const shard of shards) await store.create(files.shard(shard.batch), `${JSON.stringify(shard)}\n`);
  const runFiles = createRunFiles(openFolderStore);
  const place = { results, plan: planHash(runJson) };
  const reader = createShardReader(runFiles);
  await createSaveSegment({ files: runFiles, shards: reader })({
    ...place,
    page: 0,
    firstBatch: 0,
    batches: 2,
  });
  const progress = progressOf({
    ...{ state: 'incomplete' as const, images: PICTURES, skipped: 1, batches: 2, batchesDone: 2, begun: 2 },
    // What the run has counted on its way may be wrong: what is written is what the pictures add up to.
    counts: { ...noCounts(), answered: 1, failed: 12 },
  });
  await createSaveResults({
    files: runFiles,
    shards: reader,
    answersOf: () => Promise.reject(new Error('none')),
  })({
    ...{ ...place, progress, pages: [PICTURES], full: true, final: true },
  });
});
afterEach(() => rm(results, { recursive: true, force: true }));

const VIEWS = ['results.json', 'progress.json', 'minutes.json', 'index/000000.json'];
const read = (path: string): Promise<string> => readFile(join(results, path), 'utf8');
const readAll = (paths: string[]): Promise<string[]> => Promise.all(paths.map(read));
const remove = (...paths: string[]): Promise<void[]> =>
  Promise.all(paths.map((path) => rm(join(results, path))));

const rebuild = () =>
  createRebuildResults({
    files: createRunFiles(openFolderStore),
    answers,
    answersOf: async (workflowId) => histories[workflowId] ?? [],
  })(results);

const keyOf = (index: number, prompt: string): string => {
  const plan = planOf({ results });
  const [image, asked] = [page.images[index], plan.prompts.find(({ id }) => id === prompt)];
  if (image === undefined || asked === undefined) throw new Error('no such question');
  return answerKey(plan, image, asked);
};

const resultOf = (index: number, prompt: string): AskResult => {
  const outcome = outcomeOf(index, prompt);
  if (!outcome.ok) throw new Error('not answered');
  const result = { ...outcome.result };
  delete result.recalledFrom;
  return result;
};

/** Takes an answer out of its shard. */
async function lose(index: number, prompt: string): Promise<void> {
  const batch = Math.floor(index / 4);
  const shard = JSON.parse(await read(files.shard(batch))) as Shard;
  for (const image of shard.images) if (image.index === index) delete image.prompts[prompt];
  await openFolderStore(results).replace(files.shard(batch), [`${JSON.stringify(shard)}\n`]);
}

describe('results are written again', () => {
  test('byte for byte, from what is recorded alone', async () => {
    const before = await readAll(VIEWS);
    await remove('results.json', 'minutes.json', 'index/000000.json');
    expect(await rebuild()).toEqual({
      ...{ images: 6, questions: 12, answered: 11, failed: 1, fromStore: 0, fromHistory: 0 },
      wrote: ['index/000000.json', 'minutes.json', 'results.json'],
    });
    expect(await readAll(VIEWS)).toEqual(before);
  });

  test('with an answer of this run and one that it had recalled from the store', async () => {
    const before = await readAll(VIEWS);
    await lose(2, 'crowd');
    await lose(1, 'pothole');
    await remove('results.json');
    stored.set(keyOf(2, 'crowd'), { answer: resultOf(2, 'crowd'), run: results, image: '0/2' });
    stored.set(keyOf(1, 'pothole'), {
      answer: resultOf(1, 'pothole'),
      run: '/results/20261123_100000',
      image: '0/0',
    });
    // Another run's answer to a question that failed here is not this run's.
    stored.set(keyOf(5, 'pothole'), {
      answer: resultOf(5, 'crowd'),
      run: '/results/20261125_100000',
      image: '0/0',
    });
    expect(await rebuild()).toMatchObject({ answered: 11, fromStore: 2, fromHistory: 0 });
    expect(keysRead).toBe(3);
    expect(await readAll(VIEWS)).toEqual(before);
  });

  test('with the answers of a lost shard from the history of its batch', async () => {
    const before = JSON.parse(await read('results.json')) as {
      images: { answers: object }[];
      totals: object;
    };
    await remove('results.json', files.shard(0));
    histories[`${planOf().workflowId}-batch-1`] = [0, 1, 2, 3].flatMap((index) =>
      ['crowd', 'pothole'].map((prompt) => {
        const outcome = outcomeOf(index, prompt);
        if (!outcome.ok) throw new Error('not answered');
        return { page: 0, index, prompt, result: outcome.result, at: at(59) };
      }),
    );
    const rebuilt = await rebuild();
    expect(rebuilt).toMatchObject({ answered: 11, failed: 1, fromStore: 0, fromHistory: 8 });
    expect(rebuilt.wrote).toContain(files.shard(0));
    const after = JSON.parse(await read('results.json')) as typeof before;
    expect(after.images.map((image) => image.answers)).toEqual(before.images.map((image) => image.answers));
    expect(after.totals).toEqual(before.totals);
    // It is in the shard from now on.
    histories = {};
    expect(await rebuild()).toMatchObject({ answered: 11, fromHistory: 0 });
  });

  test('without an answer that nobody knows, whose totals leave it out', async () => {
    await lose(2, 'crowd');
    expect(await rebuild()).toMatchObject({ questions: 12, answered: 10, failed: 1 });
    expect(JSON.parse(await read('results.json'))).toMatchObject({
      totals: { answered: 10, imagesComplete: 4 },
    });
  });

  test('when the progress record is gone too', async () => {
    const before = pick(await read('results.json'));
    await remove('results.json', 'progress.json', 'index/000000.json', 'minutes.json');
    expect((await rebuild()).wrote).toContain('progress.json');
    expect(pick(await read('results.json'))).toEqual(before);
  });

  test.each([
    ['run.json', /run\.json is gone/],
    [files.page(0), /images\/000000\.json is gone/],
  ])('but not without %s, which is named', async (path, says) => {
    await remove(path);
    await expect(rebuild()).rejects.toThrow(says);
  });
});

/** What follows from the answers alone. */
const pick = (text: string): object => {
  const { images, totals, state } = JSON.parse(text) as Record<string, unknown>;
  return { images, totals, state };
};
