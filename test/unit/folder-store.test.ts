import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StoreError } from '../../src/shared/result-store.ts';
import { storeError } from '../../src/worker/adapters/folder-store.ts';
import { createGcs } from '../../src/worker/adapters/gcs.ts';
import { createListRuns, createOpenStore } from '../../src/worker/adapters/open-store.ts';

const openStore = createOpenStore(createGcs());
const listRuns = createListRuns(createGcs());
let root: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'folder-store-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('creates a file once, and its folders with it', async () => {
  const store = openStore(`${root}/results/20251126_025312/`);
  expect(store.place).toBe(`${root}/results/20251126_025312`);
  expect(await store.read('shards/000001.json')).toBeNull();
  expect(await store.create('shards/000001.json', 'first')).toBe(true);
  expect(await store.create('shards/000001.json', 'second')).toBe(false);
  expect(await store.read('shards/000001.json')).toBe('first');
  expect(await readdir(`${store.place}/shards`)).toEqual(['000001.json']);
});

test.runIf(process.platform === 'linux')('gives up where the system makes no folder', async () => {
  await expect(openStore('/proc/nowhere/run').create('run.json', '{}')).rejects.toThrow(
    /\/proc\/nowhere\/run cannot be written: it does not exist \(ENOENT\); make the folder, or name another/,
  );
});

test('of many that create the same file at once, one does', async () => {
  const store = openStore(root);
  const texts = Array.from({ length: 20 }, (_, i) => `writer ${i} `.repeat(1000));
  const created = await Promise.all(texts.map((text) => store.create('run.json', text)));
  expect(created.filter(Boolean)).toHaveLength(1);
  expect(await store.read('run.json')).toBe(texts[created.indexOf(true)]);
  expect(await readdir(root)).toEqual(['run.json']);
});

test('replaces a file by a stream of pieces, and never shows half of it', async () => {
  const store = openStore(root);
  await store.replace('results.json', ['{', '}']);
  async function* pieces() {
    for (let i = 0; i < 3_000; i++) {
      yield `line ${i} é😀 ${'x'.repeat(50)}\n`;
      if (i % 500 === 0) expect(await store.read('results.json')).toBe('{}');
    }
  }
  await store.replace('results.json', pieces());
  const text = await store.read('results.json');
  expect(text?.split('\n')).toHaveLength(3_001);
  expect(text).toContain('line 2999 é😀');
  expect(await readdir(root)).toEqual(['results.json']);
});

test('does not replace a version that came in between', async () => {
  const store = openStore(root);
  await store.replace('results.json', ['one']);
  async function* slow() {
    yield 'mine';
    await openStore(root).replace('results.json', ['theirs']);
  }
  const writing = store.replace('results.json', slow());
  await expect(writing).rejects.toMatchObject({ name: 'StoreError', kind: 'conflict' });
  expect(await store.read('results.json')).toBe('theirs');
  expect(await readdir(root)).toEqual(['results.json']);
});

test('replaces the text that it is told of, and no other one', async () => {
  const store = openStore(root);
  await store.create('shards/000000.json', 'one');
  await store.replace('shards/000000.json', ['two'], 'one');
  for (const path of ['shards/000000.json', 'shards/000001.json']) {
    await expect(store.replace(path, ['three'], 'one')).rejects.toMatchObject({ kind: 'conflict' });
  }
  expect(await store.read('shards/000000.json')).toBe('two');
  expect(await readdir(path.join(root, 'shards'))).toEqual(['000000.json']);
});

test('says whether there is a file', async () => {
  const store = openStore(path.join(root, 'run'));
  expect(await store.has('run.json')).toBe(false);
  await store.create('run.json', '{}');
  expect(await store.has('run.json')).toBe(true);
});

test('a text that fails half-way leaves the old file and the error as it was', async () => {
  const store = openStore(root);
  await store.replace('results.json', ['old']);
  const own = new RangeError('no such shard');
  function* failing() {
    yield 'new';
    throw own;
  }
  await expect(store.replace('results.json', failing())).rejects.toBe(own);
  expect(await store.read('results.json')).toBe('old');
  expect(await readdir(root)).toEqual(['results.json']);
});

test('lists files in order, neither folders nor half-written files', async () => {
  const store = openStore(root);
  for (const name of ['000010.json', '000002.json', '000001.json'])
    await store.create(`shards/${name}`, '{}');
  await writeFile(path.join(root, 'shards', '.000003.json.x.tmp'), '');
  await mkdir(path.join(root, 'shards', 'folder'));
  expect(await store.list('shards')).toEqual(['000001.json', '000002.json', '000010.json']);
  expect(await store.list('images')).toEqual([]);
});

test('lists runs, the newest name first', async () => {
  expect(await listRuns(path.join(root, 'none'))).toEqual([]);
  for (const name of ['20251126_025312', '20261126_025312', '.hidden']) await mkdir(path.join(root, name));
  await writeFile(path.join(root, 'a-file'), '');
  expect(await listRuns(root)).toEqual(['20261126_025312', '20251126_025312']);
});

describe('refused', () => {
  test.each(['', '/etc/passwd', '../x', 'a/../../x', './x', 'a//b', 'a/', 'a\\b', 'a\0b'])(
    'the path %j',
    async (relative) => {
      const store = openStore(root);
      for (const act of [
        () => store.read(relative),
        () => store.has(relative),
        () => store.create(relative, ''),
        () => store.replace(relative, ['']),
        () => store.list(relative),
      ]) {
        await expect(act()).rejects.toMatchObject({ name: 'StoreError', kind: 'invalid' });
      }
      expect(await readdir(root)).toEqual([]);
    },
  );

  test.each(['results', './results', '', 'gs://', 'gs://UPPER/x'])('the place %j', (place) => {
    expect(() => openStore(place)).toThrow(expect.objectContaining({ name: 'StoreError', kind: 'invalid' }));
  });

  test('a place below a file', async () => {
    await writeFile(path.join(root, 'file'), '');
    const store = openStore(path.join(root, 'file', 'run'));
    for (const act of [() => store.create('run.json', '{}'), () => store.replace('run.json', ['{}'])]) {
      await expect(act()).rejects.toMatchObject({ name: 'StoreError', kind: 'invalid' });
      await expect(act()).rejects.toThrow(/a part of its path is a file .*--results/);
    }
    await expect(listRuns(path.join(root, 'file'))).rejects.toMatchObject({ kind: 'invalid' });
    expect(await readFile(path.join(root, 'file'), 'utf8')).toBe('');
  });

  test.each([
    ['ENOSPC', 'full', /the disk is full .*free some space/],
    ['EDQUOT', 'full', /quota .*free some space/],
    ['EACCES', 'forbidden', /permission denied .*right to write/],
    ['EROFS', 'forbidden', /read-only/],
    ['EIO', 'unreachable', /the disk reports an error/],
  ])('%s: %s, with the place and the remedy', (code, kind, message) => {
    const error = storeError('/results/x', 'written', Object.assign(new Error('write'), { code }));
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ kind });
    expect(error).toHaveProperty('message', expect.stringMatching(message));
    expect(error).toHaveProperty('message', expect.stringContaining('/results/x'));
  });
});
