import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createGcs } from '../../src/worker/adapters/gcs.ts';
import { createOpenAnswers } from '../../src/worker/adapters/open-answers.ts';
import { createListRuns } from '../../src/worker/adapters/open-store.ts';
import type { FakeGcs } from '../helpers/fake-gcs.ts';
import { startFakeGcs } from '../helpers/fake-gcs.ts';
import { answerOf, keyOf } from './answers-kit.ts';

let fake: FakeGcs;
let bucket: string;
let buckets = 0;

beforeAll(async () => {
  fake = await startFakeGcs();
}, 120_000);
afterAll(() => fake.close());
beforeEach(async () => {
  bucket = `answers-${(buckets += 1)}`;
  await fake.createBucket(bucket);
});

/** As another worker's process would open it. */
const open = (place = `gs://${bucket}/results/.answers`) =>
  createOpenAnswers(createGcs({ apiEndpoint: fake.endpoint }))(place);

const objectOf = (n: number): string => `results/.answers/${keyOf(n).slice(0, 2)}/${keyOf(n).slice(2)}`;

async function textOf(n: number): Promise<string> {
  const [bytes] = await fake.storage.bucket(bucket).file(objectOf(n)).download();
  return bytes.toString('utf8');
}

test('gives back what another worker wrote, under an object of its own for each key', async () => {
  expect(open().place).toBe(`gs://${bucket}/results/.answers`);
  expect(await open().read([keyOf(1)])).toEqual(new Map());
  const writer = open();
  await Promise.all([1, 2, 3].map((n) => writer.write(keyOf(n), answerOf(n))));
  expect([...(await open(`gs://${bucket}/results/.answers/`).read([keyOf(3), keyOf(9), keyOf(1)]))]).toEqual([
    [keyOf(3), answerOf(3)],
    [keyOf(1), answerOf(1)],
  ]);
  const [objects] = await fake.storage.bucket(bucket).getFiles();
  expect(objects.map(({ name }) => name).sort()).toEqual([1, 2, 3].map(objectOf).sort());
});

test('the first answer of a run stays; one of another run, which asked afresh, takes its place', async () => {
  const store = open();
  await store.write(keyOf(1), answerOf(1, '/results/a'));
  await store.write(keyOf(1), answerOf(2, '/results/a'));
  expect((await store.read([keyOf(1)])).get(keyOf(1))).toEqual(answerOf(1, '/results/a'));
  await store.write(keyOf(1), answerOf(3, '/results/b'));
  expect((await store.read([keyOf(1)])).get(keyOf(1))).toEqual(answerOf(3, '/results/b'));
});

test('of many workers that write the same key at once, one answer is there, whole', async () => {
  const answers = Array.from({ length: 12 }, (_, i) => answerOf(i, `/results/${i}`));
  await Promise.all(answers.map((answer) => open().write(keyOf(1), answer)));
  const found = await open().read([keyOf(1)]);
  expect(answers).toContainEqual(found.get(keyOf(1)));
});

describe('a damaged entry is not there, and the next write puts it right', () => {
  test.each<[string, (text: string) => string]>([
    ['empty', () => ''],
    ['torn', (text) => text.slice(0, text.length / 2)],
    ['with another count', (text) => text.replace('"count":1,', '"count":7,')],
    ['of a later version', (text) => text.replace('"v":1', '"v":2')],
    ['that is none', () => '"hello"'],
  ])('%s', async (_, damage) => {
    const store = open();
    await store.write(keyOf(1), answerOf(1));
    await fake.put(bucket, objectOf(1), damage(await textOf(1)));
    expect(await store.read([keyOf(1)])).toEqual(new Map());
    await store.write(keyOf(1), answerOf(2));
    expect((await store.read([keyOf(1)])).get(keyOf(1))).toEqual(answerOf(2));
  });

  test('one that was copied under another key', async () => {
    await open().write(keyOf(1), answerOf(1));
    await fake.put(bucket, objectOf(2), await textOf(1));
    expect(await open().read([keyOf(2)])).toEqual(new Map());
  });
});

test('what the service refuses is told with the place and ANSWERS', async () => {
  const missing = open('gs://no-such-bucket/answers').write(keyOf(1), answerOf(1));
  await expect(missing).rejects.toMatchObject({ name: 'StoreError', kind: 'missing' });
  await expect(missing).rejects.toThrow(
    /^The answers in gs:\/\/no-such-bucket\/answers cannot be written: there is no bucket.*spelling of ANSWERS\.$/,
  );
  expect(() => open('gs://UPPER/x')).toThrow(
    expect.objectContaining({ name: 'StoreError', kind: 'invalid' }),
  );
  const nowhere = createOpenAnswers(createGcs({ apiEndpoint: '127.0.0.1:9' }))(`gs://${bucket}/answers`);
  await expect(nowhere.read([keyOf(1)])).rejects.toMatchObject({ name: 'StoreError', kind: 'unreachable' });
}, 20_000);

test('no lister takes it for a run', async () => {
  await open().write(keyOf(1), answerOf(1));
  await fake.put(bucket, 'results/20251126_025312/run.json', '{}');
  const listRuns = createListRuns(createGcs({ apiEndpoint: fake.endpoint }));
  expect(await listRuns(`gs://${bucket}/results`)).toEqual(['20251126_025312']);
});

describe('looking after it', () => {
  const DAY = 24 * 3_600_000;

  test('says what is there, and leaves out what is not its own', async () => {
    const store = open();
    expect(await store.stats()).toEqual({ entries: 0, bytes: 0, oldest: null, newest: null });
    await Promise.all(Array.from({ length: 30 }, (_, n) => store.write(keyOf(n), answerOf(n))));
    await fake.put(bucket, 'results/.answers/mine.txt', 'a file of a person');
    const stats = await store.stats();
    expect(stats).toMatchObject({ entries: 30 });
    expect(stats.bytes).toBe(
      (await Promise.all(Array.from({ length: 30 }, (_, n) => textOf(n)))).reduce(
        (sum, text) => sum + Buffer.byteLength(text),
        0,
      ),
    );
    for (const time of [stats.oldest, stats.newest]) {
      expect(Math.abs(Date.parse(time ?? '') - Date.now())).toBeLessThan(60_000);
    }
  });

  test('removes what is damaged or old', async () => {
    const store = open();
    await Promise.all([1, 2, 3].map((n) => store.write(keyOf(n), answerOf(n))));
    await fake.put(bucket, objectOf(2), 'torn');
    await fake.put(bucket, 'results/.answers/mine.txt', 'a file of a person');
    const now = Date.now();
    expect(await store.prune({ now, olderThanMs: 30 * DAY })).toEqual({
      damaged: 1,
      old: 0,
      kept: 2,
      bytes: 4,
    });
    expect(await store.prune({ now: now + 31 * DAY, olderThanMs: 30 * DAY })).toMatchObject({
      old: 2,
      kept: 0,
    });
    const [objects] = await fake.storage.bucket(bucket).getFiles();
    expect(objects.map(({ name }) => name)).toEqual(['results/.answers/mine.txt']);
  });
});
