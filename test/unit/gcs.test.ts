import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ImageSource } from '../../src/activities/ports.ts';
import type { ImageRef } from '../../src/shared/types.ts';
import type { Gcs } from '../../src/worker/adapters/gcs.ts';
import { createGcs, gcsProblem, parseGcsPlace } from '../../src/worker/adapters/gcs.ts';
import { createOpenSource } from '../../src/worker/adapters/open-source.ts';
import { createListRuns, createOpenStore } from '../../src/worker/adapters/open-store.ts';
import type { FakeGcs } from '../helpers/fake-gcs.ts';
import { startFakeGcs } from '../helpers/fake-gcs.ts';

const MINUTE = 60_000;
const all: { include: string[]; exclude: string[] } = { include: [], exclude: [] };
let fake: FakeGcs;
let bucket: string;
let buckets = 0;

beforeAll(async () => {
  fake = await startFakeGcs();
}, 120_000);
afterAll(() => fake.close());
beforeEach(async () => {
  bucket = `city-cameras-${(buckets += 1)}`;
  await fake.createBucket(bucket);
});

const gcs = (): Gcs => createGcs({ apiEndpoint: fake.endpoint });
const open = (prefix: string, globs = all): ImageSource =>
  createOpenSource(gcs())(`gs://${bucket}/${prefix}`, globs);

async function names(source: ImageSource, max: number): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await source.list(cursor, max);
    expect(page.images.length + page.skipped.length).toBeLessThanOrEqual(max);
    found.push(...page.images.map((image) => image.name));
    cursor = page.next;
  } while (cursor !== null);
  return found;
}

async function only(source: ImageSource): Promise<ImageRef> {
  const { images } = await source.list(null, 10);
  expect(images).toHaveLength(1);
  return images[0]!;
}

describe('listing', () => {
  const ODD = [
    'A.jpg',
    'a.jpg',
    'a b.jpg',
    'a#1.jpg',
    '100%41.jpg',
    `q'".png`,
    'é.jpg',
    '\uFFEE.jpg',
    '\u{1F600}.jpg',
  ];
  const NAMES = [...ODD, 'sub/x.webp', 'sub/deep/y.jpeg', `${'x'.repeat(900)}.jpg`, 'a-b.jpg', 'a//b.jpg'];

  test.each([1, 4, 1000])('gives every odd name once, in byte order, by pages of %i', async (max) => {
    await Promise.all(NAMES.map((name) => fake.put(bucket, `day/${name}`, 'x')));
    await fake.put(bucket, 'day', 'not below the source');
    await fake.put(bucket, 'day-2/a.jpg', 'not below the source');
    const expected = [...NAMES].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await names(open('day/'), max)).toEqual(expected);
    expect(await names(open('day'), max)).toEqual(expected);
  });

  test('identity is the generation; an empty object is kept, a placeholder is not', async () => {
    const generation = await fake.put(bucket, 'day/a.jpg', 'twelve bytes');
    await fake.put(bucket, 'day/', '');
    await fake.put(bucket, 'day/sub/', '');
    await fake.put(bucket, 'day/z.jpg', '');
    await fake.put(bucket, 'day/b.gif', 'x');
    await fake.put(bucket, 'day/.x/c.jpg', 'x');
    const { images, skipped, next } = await open('day/').list(null, 10);
    const uri = `gs://${bucket}/day/a.jpg`;
    expect(images[0]).toEqual({ name: 'a.jpg', uri, identity: `${uri}#${generation}`, bytes: 12 });
    expect(images.map(({ name, bytes }) => [name, bytes])).toEqual([
      ['a.jpg', 12],
      ['z.jpg', 0],
    ]);
    expect(skipped).toEqual([
      { name: '.x/c.jpg', reason: 'hidden' },
      { name: 'b.gif', reason: 'a GIF; only JPEG, PNG and WebP are analysed' },
    ]);
    expect(next).toBeNull();
  });

  test('a page is full although the globs leave most names out', async () => {
    await Promise.all(Array.from({ length: 40 }, (_, i) => fake.put(bucket, `cam-${i % 10}/${i}.jpg`, 'x')));
    const source = open('', { include: ['cam-7/*'], exclude: ['**/17.jpg'] });
    expect(source.uri).toBe(`gs://${bucket}/`);
    expect(await source.list(null, 2)).toMatchObject({
      images: [{ name: 'cam-7/27.jpg' }, { name: 'cam-7/37.jpg' }],
    });
    expect(await names(source, 2)).toEqual(['cam-7/27.jpg', 'cam-7/37.jpg', 'cam-7/7.jpg']);
  });

  test('an empty place gives nothing, one object is refused as a source, a missing bucket named', async () => {
    expect(await open('none/').list(null, 10)).toEqual({ images: [], skipped: [], next: null });
    await fake.put(bucket, 'day/a.jpg', 'x');
    await expect(open('day/a.jpg').list(null, 10)).rejects.toMatchObject({
      name: 'SourceError',
      kind: 'invalid',
    });
    const missing = createOpenSource(gcs())('gs://no-such-bucket/x/', all).list(null, 10);
    await expect(missing).rejects.toMatchObject({ name: 'SourceError', kind: 'missing' });
    await expect(missing).rejects.toThrow(/no-such-bucket.*check the spelling/);
  });

  test('the library is sent to the right path where STORAGE_EMULATOR_HOST is set', async () => {
    vi.stubEnv('STORAGE_EMULATOR_HOST', fake.endpoint);
    await fake.put(bucket, 'a.jpg', 'x');
    expect(await names(open(''), 10)).toEqual(['a.jpg']);
    vi.unstubAllEnvs();
  });

  test('a server that is not there is unreachable, with no vendor error in the chain', async () => {
    const nowhere = createOpenSource(createGcs({ apiEndpoint: '127.0.0.1:9' }))(`gs://${bucket}/`, all);
    const error: unknown = await nowhere.list(null, 1).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'SourceError', kind: 'unreachable' });
    expect(error).not.toHaveProperty('cause');
  }, 20_000);
});

describe('reading', () => {
  test('gives the generation that was listed, and tells replaced from deleted', async () => {
    await fake.put(bucket, 'a b#1%41.jpg', 'first');
    const source = open('');
    const image = await only(source);
    expect(Buffer.from(await source.read(image)).toString()).toBe('first');
    await expect(source.read(image, AbortSignal.abort())).rejects.toThrow(/abort/i);

    await fake.put(bucket, 'a b#1%41.jpg', 'second');
    await expect(source.read(image)).rejects.toMatchObject({ name: 'SourceError', kind: 'changed' });
    expect(Buffer.from(await source.read(await only(source))).toString()).toBe('second');

    await fake.storage.bucket(bucket).file('a b#1%41.jpg').delete();
    await expect(source.read(image)).rejects.toMatchObject({ name: 'SourceError', kind: 'gone' });
  });
});

describe('signing', () => {
  beforeEach(() => {
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', fake.credentialsFile);
    return () => vi.unstubAllEnvs();
  });

  test('a signed URL is served, names the generation and lives 80 to 90 minutes', async () => {
    // Far ahead: the library refuses to sign what is past by the machine's own clock.
    const now = Date.UTC(2060, 10, 24, 5, 47, 12);
    const generation = await fake.put(bucket, 'day/a b#1%41é.jpg', 'the picture');
    const source = createOpenSource(gcs(), () => now)(`gs://${bucket}/day/`, all);
    expect(await source.signingProblem()).toBeNull();
    const text = await source.signedUrl!(await only(source));
    const url = new URL(text);
    expect(url.origin).toBe(fake.endpoint);
    expect(url.searchParams.get('generation')).toBe(generation);
    expect(url.searchParams.get('X-Goog-Date')).toBe('20601124T054000Z');
    expect(url.searchParams.get('X-Goog-Expires')).toBe('5400');
    expect(url.searchParams.get('X-Goog-Credential')).toMatch(/^camera-reader@test/);
    expect(url.searchParams.get('X-Goog-Signature')).toMatch(/^[0-9a-f]{512}$/);
    expect(await (await fetch(url)).text()).toBe('the picture');
  });

  test('one URL a picture until a quarter of an hour before its end', async () => {
    const start = Date.UTC(2060, 10, 24, 5, 40);
    let now = start + 9 * MINUTE;
    const clock = () => now;
    await fake.put(bucket, 'a.jpg', 'x');
    const source = createOpenSource(gcs(), clock)(`gs://${bucket}/`, all);
    const image = await only(source);
    const first = await source.signedUrl!(image);
    now = start + 74 * MINUTE;
    expect(await source.signedUrl!(image)).toBe(first);
    now = start + 75 * MINUTE;
    const second = await source.signedUrl!(image);
    expect(second).not.toBe(first);

    now = start + 75 * MINUTE + 1;
    const elsewhere = createOpenSource(gcs(), clock)(`gs://${bucket}/`, all);
    expect(await elsewhere.signedUrl!(image)).toBe(second); // another worker, the same text
    await fake.put(bucket, 'a.jpg', 'y');
    expect(await source.signedUrl!(await only(source))).not.toBe(second);
  });

  test.each([
    [
      'a user of gcloud',
      { type: 'authorized_user', client_id: 'i', client_secret: 's', refresh_token: 'r' },
      /client_email/,
    ],
    [
      'a broken key',
      { type: 'service_account', client_email: 'a@b', private_key: 'canary' },
      /DECODER|PEM|key/i,
    ],
    ['no credentials', null, /no\/such\/key/],
  ])('%s cannot sign, and is told what to do', async (_, credentials, why) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'gcs-'));
    const file = path.join(folder, 'credentials.json');
    if (credentials) await writeFile(file, JSON.stringify(credentials));
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', credentials ? file : '/no/such/key.json');
    await fake.put(bucket, 'a.jpg', 'x');
    const source = open('');
    const problem = await source.signingProblem();
    expect(problem).toMatch(why);
    expect(problem).toMatch(/^These credentials cannot sign URLs .*GOOGLE_APPLICATION_CREDENTIALS.*signBlob/);
    expect(problem).not.toContain('canary');
    const signing = source.signedUrl!(await only(source));
    await expect(signing).rejects.toMatchObject({ name: 'SourceError', kind: 'forbidden' });
    await rm(folder, { recursive: true });
  });
});

describe('results', () => {
  const openStore = (place: string) => createOpenStore(gcs())(place);

  test('creates a file once', async () => {
    const store = openStore(`gs://${bucket}/results/20251126_025312/`);
    expect(store.place).toBe(`gs://${bucket}/results/20251126_025312`);
    expect(await store.read('run.json')).toBeNull();
    expect(await store.create('run.json', '{"é":"😀"}')).toBe(true);
    expect(await store.create('run.json', 'second')).toBe(false);
    expect(await store.read('run.json')).toBe('{"é":"😀"}');
    const [metadata] = await fake.storage
      .bucket(bucket)
      .file('results/20251126_025312/run.json')
      .getMetadata();
    expect(metadata.contentType).toBe('application/json; charset=utf-8');
  });

  test('replaces by a stream of pieces, and not over a version that came in between', async () => {
    const store = openStore(`gs://${bucket}`);
    await store.replace('results.json', ['{', '}']);
    await store.replace(
      'results.json',
      Array.from({ length: 20_000 }, (_, i) => `line ${i} é\n`),
    );
    expect((await store.read('results.json'))?.split('\n')).toHaveLength(20_001);
    async function* slow() {
      yield 'mine';
      await openStore(`gs://${bucket}`).replace('results.json', ['theirs']);
    }
    const writing = store.replace('results.json', slow());
    await expect(writing).rejects.toMatchObject({ name: 'StoreError', kind: 'conflict' });
    expect(await store.read('results.json')).toBe('theirs');
  });

  test('replaces the text that it is told of, and no other one', async () => {
    const store = openStore(`gs://${bucket}`);
    await store.create('shard.json', 'one');
    await store.replace('shard.json', ['two'], 'one');
    for (const file of ['shard.json', 'none.json']) {
      await expect(store.replace(file, ['three'], 'one')).rejects.toMatchObject({ kind: 'conflict' });
    }
    expect(await store.read('shard.json')).toBe('two');
  });

  test('says whether there is a file', async () => {
    const store = openStore(`gs://${bucket}/run`);
    expect(await store.has('run.json')).toBe(false);
    await store.create('run.json', '{}');
    expect(await store.has('run.json')).toBe(true);
  });

  test('a text that fails half-way leaves the old file and the error as it was', async () => {
    const store = openStore(`gs://${bucket}`);
    await store.replace('results.json', ['old']);
    const own = new RangeError('no such shard');
    function* failing() {
      yield 'new';
      throw own;
    }
    await expect(store.replace('results.json', failing())).rejects.toBe(own);
    expect(await store.read('results.json')).toBe('old');
  });

  test('lists files and runs', async () => {
    const store = openStore(`gs://${bucket}/results/20251126_025312`);
    for (const name of ['000010.json', '000002.json', 'x/deeper.json'])
      await store.create(`shards/${name}`, '{}');
    expect(await store.list('shards')).toEqual(['000002.json', '000010.json']);
    expect(await store.list('images')).toEqual([]);
    await openStore(`gs://${bucket}/results/20261126_025312`).create('run.json', '{}');
    const listRuns = createListRuns(gcs());
    expect(await listRuns(`gs://${bucket}/results`)).toEqual(['20261126_025312', '20251126_025312']);
    expect(await listRuns(`gs://${bucket}/none/`)).toEqual([]);
  });

  test('refuses traversal, and names a missing bucket', async () => {
    await expect(openStore(`gs://${bucket}`).create('../x', '')).rejects.toMatchObject({ kind: 'invalid' });
    const store = openStore('gs://no-such-bucket/results');
    for (const act of [
      () => store.create('run.json', ''),
      () => store.replace('a', ['']),
      () => store.list('shards'),
    ]) {
      await expect(act()).rejects.toMatchObject({ name: 'StoreError', kind: 'missing' });
      await expect(act()).rejects.toThrow(/no-such-bucket/);
    }
  });
});

test.each([
  ['gs://b-1.x_y', { bucket: 'b-1.x_y', prefix: '' }],
  ['gs://bucket/', { bucket: 'bucket', prefix: '' }],
  ['gs://bucket/a/b', { bucket: 'bucket', prefix: 'a/b/' }],
  ['gs://bucket/a b#%/', { bucket: 'bucket', prefix: 'a b#%/' }],
])('%s is a place', (uri, place) => {
  expect(parseGcsPlace(uri)).toEqual(place);
});

test.each([
  [Object.assign(new Error('Not Found'), { code: 404 }), 'missing'],
  [Object.assign(new Error('x does not have storage.objects.list access'), { code: 403 }), 'forbidden'],
  [Object.assign(new Error('Anonymous caller'), { code: 401 }), 'forbidden'],
  [Object.assign(new Error('Precondition failed'), { code: 412 }), 'precondition'],
  [Object.assign(new Error('Service Unavailable'), { code: 503 }), 'unreachable'],
  [Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'unreachable'],
  [new Error('Could not load the default credentials. Browse to https://cloud…'), 'forbidden'],
  [Object.assign(new Error('invalid_grant'), { code: '400' }), 'forbidden'],
])('%s is %s', (error, kind) => {
  expect(gcsProblem(error).kind).toBe(kind);
});

test('a signature in an error of the library does not come through', () => {
  const error = new Error('GET https://x.test/b/o.jpg?X-Goog-Signature=canary failed\n  twice');
  expect(gcsProblem(error).message).toBe('GET https://x.test/b/o.jpg failed twice');
});
