import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createErasePicture } from '../../src/activities/erase-picture.ts';
import { createFindMissing } from '../../src/activities/find-missing.ts';
import { createFindPicture } from '../../src/activities/find-picture.ts';
import { createRebuildResults } from '../../src/activities/rebuild-results.ts';
import { createRunFiles, planHash } from '../../src/activities/run-files.ts';
import { createShardReader, keepShard } from '../../src/activities/shards.ts';
import { holdsName } from '../../src/client/purge/executions.ts';
import { pictureUri } from '../../src/client/purge/picture.ts';
import { countRecorded, isComplete, questionsOf } from '../../src/shared/counts.ts';
import { files } from '../../src/shared/names.ts';
import { isPurged, purgedPage, purgedResult } from '../../src/shared/purge.ts';
import { mergeRecords, stands } from '../../src/shared/recorded.ts';
import type { OpenStore, ResultStore } from '../../src/shared/result-store.ts';
import type { ResultsFile } from '../../src/shared/results.ts';
import type { ImageResult, Plan, Progress, Segment, Shard } from '../../src/shared/types.ts';
import { createGcs } from '../../src/worker/adapters/gcs.ts';
import { createOpenAnswers } from '../../src/worker/adapters/open-answers.ts';
import { createListRuns, createOpenStore } from '../../src/worker/adapters/open-store.ts';
import { createRemoveRun } from '../../src/worker/adapters/remove-run.ts';
import type { FakeGcs } from '../helpers/fake-gcs.ts';
import { startFakeGcs } from '../helpers/fake-gcs.ts';
import { answered, aTry } from '../helpers/outcomes.ts';
import { keptAnswers, makeRun, nameOf, saidOf, uriOf } from './purge-kit.ts';

const AT = '2026-11-24T10:00:00.000Z';
const imageOf = (prompts: ImageResult['prompts']): ImageResult => ({
  ...{ page: 0, index: 3, startedAt: AT, endedAt: AT, prompts },
});
const tombstone = (known: ImageResult | null = null): ImageResult =>
  purgedResult(known, { page: 0, index: 3 }, ['crowd', 'pothole'], AT);

describe('a tombstone', () => {
  test('keeps what was paid, and nothing that was said or leads to it', () => {
    const known = imageOf({
      crowd: answered({ description: 'a face', requestId: 'req_1', tries: [aTry({ requestId: 'req_1' })] }),
      pothole: answered({ description: 'a face', recalledFrom: 'earlier' }),
    });
    const { prompts } = tombstone(known);
    expect(JSON.stringify(prompts)).not.toMatch(/face|req_1|earlier|match/);
    expect(Object.values(prompts).every(isPurged)).toBe(true);
    const [before, after] = [known, tombstone(known)].map((image) => countRecorded(image, 2));
    expect(after).toMatchObject({
      ...{ images: 1, imagesComplete: 1, answered: 0, failed: 0, failures: { Purged: 2 } },
      ...{ tries: 1, charged: before?.charged, discardedTokens: 1_400 },
    });
    expect(tombstone(tombstone(known))).toEqual(tombstone(known));
  });

  test('of a picture that was never asked about has every question too', () => {
    expect(Object.keys(tombstone().prompts)).toEqual(['crowd', 'pothole']);
    expect(tombstone().resumed).toBe(true);
  });

  test('stands whatever is asked again, and wins over every other record', () => {
    const image = tombstone();
    for (const retry of [null, { refused: true, images: null }])
      expect(stands(image.prompts['crowd'], retry)).toBe(true);
    const other = imageOf({ crowd: answered() });
    for (const merged of [mergeRecords(image, other), mergeRecords(other, image)])
      expect(Object.values(merged.prompts).every(isPurged)).toBe(true);
  });

  test('is no missing answer', () => {
    const counts = countRecorded(tombstone(), 2);
    expect(questionsOf(1, 2, counts)).toBe(0);
    expect(isComplete(counts, 1)).toBe(true);
  });

  test('takes the place of a cursor that is its name only where nobody needs it', () => {
    const image = { name: 'b.jpg', uri: '/b.jpg', identity: 'x', bytes: 1 };
    const page = { page: 0, images: [image], skipped: [], next: 'b.jpg' };
    expect(purgedPage(page, [0], 'ff', true)).toMatchObject({
      next: 'purged',
      images: [{ uri: '', bytes: 0 }],
    });
    expect(purgedPage(page, [0], 'ff', false).next).toBe('b.jpg');
    expect(purgedPage({ ...page, next: null }, [0], 'ff', true).next).toBe(null);
  });
});

test.each([
  ['gs://b/a/c.jpg', 'gs://b/a/c.jpg'],
  ['/pictures/../pictures/c.jpg', '/pictures/c.jpg'],
  ['gs://b', null],
  ['gs://b/', null],
  ['gs://b/a/', null],
  ['c.jpg', null],
  ['./c.jpg', null],
  ['/pictures/', null],
  ['file:///pictures/c.jpg', null],
  ['https://host/c.jpg', null],
  ['', null],
])('the address %s', (text, uri) => {
  if (uri !== null) expect(pictureUri(text)).toBe(uri);
  else expect(() => pictureUri(text)).toThrow(/^--picture is ".*": give the picture's address as "uri"/);
});

test.each([
  ['{"image":"a.jpg"}', 'a.jpg', true],
  ['asked about a.jpg, at last', 'a.jpg', true],
  ['asked about a.jpg. Look', 'a.jpg', true],
  ['{"image":"data.jpg"}', 'a.jpg', false],
  ['{"image":"a.jpgx"} a.jpg', 'a.jpg', true],
  ['{"image":"a.jpeg"}', 'a.jpg', false],
  [JSON.stringify({ image: 'a"b.jpg' }), 'a"b.jpg', true],
])('a history that says %s', (text, name, holds) => {
  expect(holdsName(text, name)).toBe(holds);
});

let fake: FakeGcs;
let folder: string;
let runs = 0;
beforeAll(async () => {
  fake = await startFakeGcs();
  await fake.createBucket('purge');
}, 120_000);
afterAll(() => fake.close());
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'purge-'));
  runs += 1;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Everything that lies in a place, with the names of its files. */
async function everythingIn(place: string): Promise<string> {
  if (place.startsWith('gs://')) {
    const prefix = place.slice('gs://purge/'.length);
    const [objects] = await fake.storage.bucket('purge').getFiles({ prefix });
    const texts = await Promise.all(objects.map(async (object) => String((await object.download())[0])));
    return objects.map(({ name }, n) => `${name}\n${texts[n] ?? ''}`).join('\n');
  }
  const entries = await readdir(place, { recursive: true, withFileTypes: true });
  const texts = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return `${file}\n${await readFile(file, 'utf8')}`;
    });
  return (await Promise.all(texts)).join('\n');
}

describe.each(['a folder', 'a bucket'])('in %s', (kind) => {
  let root: string;
  let results: string;
  let openStore: OpenStore;
  let plan: Plan;
  const gcs = () => createGcs({ apiEndpoint: fake.endpoint });
  const answersAt = () => createOpenAnswers(gcs())(`${root}/.answers`);

  beforeEach(async () => {
    root = kind === 'a folder' ? folder : `gs://purge/${runs}`;
    results = `${root}/run`;
    openStore = createOpenStore(gcs());
    plan = await makeRun(openStore, results);
    const answers = answersAt();
    for (const { key, entry, picture } of keptAnswers(plan)) await answers.write(key, entry, picture);
  });

  const read = async <T>(file: string): Promise<T> =>
    JSON.parse((await openStore(results).read(file)) ?? 'null') as T;
  const find = (n: number) => createFindPicture({ openStore })(results, uriOf(n));
  const erase = async (n: number, store = openStore) =>
    createErasePicture({ openStore: store, answers: answersAt() })(results, uriOf(n), await find(n), {
      answersOf: () => Promise.resolve([]),
      server: undefined,
    });
  const rebuild = () =>
    createRebuildResults({
      ...{ files: createRunFiles(openStore), answers: answersAt(), answersOf: () => Promise.resolve([]) },
    })(results);

  async function expectGone(n: number): Promise<void> {
    const text = await everythingIn(results);
    expect(text).not.toContain(`jane-doe-${n}.jpg`);
    expect(text).not.toContain(`content-${n}"`);
    expect(text).not.toContain(saidOf(n));
    expect(text).not.toContain(`"req_${n}"`);
  }

  test('a picture is found by its address, with the keys of its answers', async () => {
    const [found, ...more] = await find(1);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ page: 0, index: 1, batch: 0, name: nameOf(1) });
    expect(found?.keys).toHaveLength(2);
    expect(await find(4)).toMatchObject([{ page: 1, index: 1, batch: 2 }]);
    expect(await createFindPicture({ openStore })(results, '/pictures/other.jpg')).toEqual([]);
    expect(await createFindPicture({ openStore })(`${root}/nothing`, uriOf(1))).toEqual([]);
  });

  test('a tombstone stands in shard, segment, views and page; the others stay as they were', async () => {
    const before = await read<ResultsFile>(files.results);
    const { named, wrote } = await erase(1);
    expect(named).toEqual([]);
    expect(wrote).toEqual(
      expect.arrayContaining([files.page(0), files.segment(0), files.results, files.run, files.shard(0)]),
    );
    await expectGone(1);
    const after = await read<ResultsFile>(files.results);
    expect(after.images).toHaveLength(before.images.length);
    expect(after.images.filter((_, n) => n !== 1)).toEqual(before.images.filter((_, n) => n !== 1));
    expect(after.images[1]?.answers).toMatchObject({
      crowd: { error: { kind: 'Purged' } },
      pothole: { error: { kind: 'Purged' } },
    });
    expect(after.totals).toMatchObject({ answered: before.totals.answered - 1, failed: 0, tries: 6 });
    expect(after.state).toBe('cancelled');
    expect((await read<Segment>(files.segment(0))).images[1]?.answers).toEqual({
      ...{ crowd: 'Purged', pothole: 'Purged' },
    });
    const progress = await read<Progress>(files.progress);
    expect(progress.recentFailures.map(({ image }) => image)).toEqual([nameOf(0)]);
    expect(progress.updatedAt).not.toBe('2026-11-24T10:00:30.000Z');
  });

  test('neither a rebuild, nor a batch that was slow, nor going on brings it back', async () => {
    const before = await read<Shard>(files.shard(0));
    await erase(1);
    await rebuild();
    await keepShard(openStore(results), before);
    await rebuild();
    await expectGone(1);
    const runFiles = createRunFiles(openStore);
    const place = { results, plan: planHash((await openStore(results).read(files.run)) ?? '') };
    const findMissing = createFindMissing({ files: runFiles, shards: createShardReader(runFiles) });
    const missing = await findMissing({ ...place, page: 0, firstBatch: 0, retry: { refused: true } });
    expect(missing.todo).toEqual([]);
  });

  test('one that was not asked yet is not asked when the run goes on', async () => {
    await erase(4);
    await expectGone(4);
    expect((await read<Shard>(files.shard(2))).images.map(({ index }) => index)).toEqual([1]);
    const runFiles = createRunFiles(openStore);
    const place = { results, plan: planHash((await openStore(results).read(files.run)) ?? '') };
    const findMissing = createFindMissing({ files: runFiles, shards: createShardReader(runFiles) });
    const { todo } = await findMissing({ ...place, page: 1, firstBatch: 2, retry: { only: [nameOf(3)] } });
    expect(todo).toEqual([{ batch: 2, images: [0] }]);
  });

  test("a worker that has the run's files in memory reads them anew", async () => {
    const runFiles = createRunFiles(openStore);
    const shards = createShardReader(runFiles);
    const placeNow = async () => ({
      ...{ results, plan: planHash((await openStore(results).read(files.run)) ?? '') },
    });
    const old = await placeNow();
    expect((await runFiles.page(old, 0)).images[0]?.name).toBe(nameOf(0));
    expect(JSON.stringify(await shards.read(old, 0))).toContain(saidOf(0));
    await erase(0);
    expect((await runFiles.page(await placeNow(), 0)).images[0]?.name).toBe('purged picture 0-0');
    expect(JSON.stringify(await shards.read(await placeNow(), 0))).not.toContain(saidOf(0));
  });

  test('what was cut off at any write is found by the address, and finished', async () => {
    for (let writes = 0; ; writes += 1) {
      const place = `${root}/cut-${writes}`;
      await makeRun(openStore, place);
      let left = writes;
      const mortal: OpenStore = (of) => dyingStore(openStore(of), () => (left -= 1) >= 0);
      const look = () => createFindPicture({ openStore })(place, uriOf(2));
      const options = { answersOf: () => Promise.resolve([]), server: undefined };
      const eraseWith = async (open: OpenStore) =>
        createErasePicture({ openStore: open, answers: answersAt() })(place, uriOf(2), await look(), options);
      const first = await eraseWith(mortal).catch((error: unknown) => error);
      if (first instanceof Error) {
        expect(first.message).toBe('killed');
        await eraseWith(openStore);
      }
      const text = await everythingIn(place);
      for (const gone of ['jane-doe-2.jpg', 'content-2"', saidOf(2), '"req_2"'])
        expect(text).not.toContain(gone);
      expect(await look()).toMatchObject([{ page: 0, index: 2, name: null, keys: [] }]);
      if (!(first instanceof Error)) break;
      expect(writes).toBeLessThan(20);
    }
  });

  test('names that stay in the run are told of', async () => {
    const other = `${root}/other`;
    await makeRun(openStore, other, { include: [nameOf(1)] });
    const eraseOther = createErasePicture({ openStore, answers: answersAt() });
    const found = await createFindPicture({ openStore })(other, uriOf(1));
    const options = { answersOf: () => Promise.resolve([]), server: undefined };
    expect((await eraseOther(other, uriOf(1), found, options)).named).toEqual([files.run]);
  });

  test('kept answers are known by the picture, and go from the disk with what is known', async () => {
    const answers = answersAt();
    const mine = keptAnswers(plan).filter(({ picture }) => picture === uriOf(0));
    const keys = await answers.keysOf(uriOf(0));
    expect(keys.sort()).toEqual(mine.map(({ key }) => key).sort());
    expect(await everythingIn(`${root}/.answers`)).not.toContain('jane-doe');
    expect(await answers.forget(uriOf(0), [...keys, 'f'.repeat(64)])).toBe(2);
    expect(await answers.forget(uriOf(0), keys)).toBe(0);
    expect(await answers.keysOf(uriOf(0))).toEqual([]);
    expect((await answers.read(keys)).size).toBe(0);
    const text = await everythingIn(`${root}/.answers`);
    expect(text).not.toContain(saidOf(0));
    expect(text).toContain(saidOf(2));
    expect(await answers.keysOf(uriOf(2))).toHaveLength(2);
  });

  test('writers side by side lose nothing of what is known of a picture', async () => {
    const [entry] = keptAnswers(plan);
    if (entry === undefined) throw new Error('no answer');
    const keys = Array.from({ length: 24 }, (_, n) => n.toString(16).padStart(64, '0'));
    await Promise.all(keys.map((key) => answersAt().write(key, entry.entry, '/pictures/many.jpg')));
    await answersAt().write(keys[0] ?? '', entry.entry, '/pictures/many.jpg');
    expect((await answersAt().keysOf('/pictures/many.jpg')).sort()).toEqual(keys);
  });

  test('pruning takes what is known of pictures without answers, and nothing else', async () => {
    const answers = answersAt();
    const later = { now: Date.now() + 120_000, olderThanMs: null };
    const [gone] = await answers.keysOf(uriOf(1));
    const [, , , , other] = keptAnswers(plan);
    expect(gone).toBeDefined();
    await answers.forget('/pictures/none.jpg', [gone ?? '']);
    await answers.prune({ ...later, now: Date.now() });
    expect(await answers.keysOf(uriOf(1))).toEqual([gone]);
    await answers.prune(later);
    expect(await answers.keysOf(uriOf(1))).toEqual([]);
    expect(await answers.keysOf(other?.picture ?? '')).toContain(other?.key);
    expect(await answers.old({ now: Date.now() + 2 * 3_600_000, olderThanMs: 3_600_000 })).toMatchObject({
      entries: 4,
    });
    expect((await answers.old({ now: Date.now(), olderThanMs: 3_600_000 })).entries).toBe(0);
  });

  test('a whole run is removed, and no other', async () => {
    await makeRun(openStore, `${root}/run-2`);
    await createRemoveRun(gcs())(results);
    expect(await createListRuns(gcs())(root)).toEqual(['run-2']);
    expect(await openStore(results).read(files.run)).toBe(null);
    expect(await openStore(`${root}/run-2`).read(files.run)).not.toBe(null);
    await createRemoveRun(gcs())(results);
  });
});

test('a bucket is no run', async () => {
  await expect(createRemoveRun(createGcs({ apiEndpoint: fake.endpoint }))('gs://purge')).rejects.toThrow(
    /whole bucket/,
  );
});

/** A store whose process is killed at a write. */
function dyingStore(store: ResultStore, lives: () => boolean): ResultStore {
  const check = (): void => {
    if (!lives()) throw new Error('killed');
  };
  return {
    ...store,
    async create(file, text) {
      check();
      return store.create(file, text);
    },
    async replace(file, text, earlier) {
      check();
      return store.replace(file, text, earlier);
    },
  };
}
