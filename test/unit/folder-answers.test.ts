import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AnswerStore } from '../../src/activities/ports.ts';
import { openFolderAnswers } from '../../src/worker/adapters/folder-answers.ts';
import { answerOf, keyOf } from './answers-kit.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
let root: string;
let place: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'folder-answers-'));
  place = path.join(root, 'results', '.answers');
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function filesOf(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

/** The one file of a store with one answer. */
async function onlyFile(): Promise<string> {
  const files = await filesOf(place);
  expect(files).toHaveLength(1);
  return files[0] ?? '';
}

const readOne = async (store: AnswerStore, n: number) => (await store.read([keyOf(n)])).get(keyOf(n)) ?? null;

test('gives back what was written, also to another process’s store; a place that is not there holds nothing', async () => {
  const store = openFolderAnswers(place);
  expect(store.place).toBe(place);
  expect(await store.read([keyOf(1), keyOf(2)])).toEqual(new Map());
  await Promise.all([1, 2, 3].map((n) => store.write(keyOf(n), answerOf(n))));
  const keys = [keyOf(3), keyOf(9), keyOf(1)];
  const found = await openFolderAnswers(`${place}/`).read(keys);
  expect([...found]).toEqual([
    [keyOf(3), answerOf(3)],
    [keyOf(1), answerOf(1)],
  ]);
  expect(await store.read([])).toEqual(new Map());
});

test('the last answer under a key counts', async () => {
  const store = openFolderAnswers(place);
  for (const n of [1, 2]) await store.write(keyOf(1), answerOf(n));
  expect(await readOne(store, 1)).toEqual(answerOf(2));
});

test('a folder that went away is made again', async () => {
  const store = openFolderAnswers(place);
  await store.write(keyOf(1), answerOf(1));
  await rm(path.join(root, 'results'), { recursive: true });
  await store.write(keyOf(1), answerOf(2));
  expect(await readOne(store, 1)).toEqual(answerOf(2));
});

describe('a damaged entry is not there, and the next write puts it right', () => {
  test.each<[string, (file: string, text: string) => Promise<void>]>([
    ['empty', (file) => truncate(file, 0)],
    ['torn at its half', (file, text) => truncate(file, Math.floor(text.length / 2))],
    ['torn by a byte', (file, text) => truncate(file, Buffer.byteLength(text) - 1)],
    ['with another count', (file, text) => writeFile(file, text.replace('"count":1,', '"count":7,'))],
    ['full of zeros', (file, text) => writeFile(file, Buffer.alloc(text.length))],
    [
      'of random bytes',
      (file) => writeFile(file, Buffer.from(Array.from({ length: 999 }, (_, i) => i * 97))),
    ],
    ['gone', (file) => rm(file)],
  ])('%s', async (_, damage) => {
    const store = openFolderAnswers(place);
    await store.write(keyOf(1), answerOf(1));
    const file = await onlyFile();
    await damage(file, await readFile(file, 'utf8'));
    expect(await store.read([keyOf(1)])).toEqual(new Map());
    await store.write(keyOf(1), answerOf(2));
    expect(await readOne(store, 1)).toEqual(answerOf(2));
  });

  test('a torn write leaves the answer that was there before', async () => {
    const store = openFolderAnswers(place);
    await store.write(keyOf(1), answerOf(1));
    const file = await onlyFile();
    const text = await readFile(file, 'utf8');
    await appendFile(file, text.replace('"count":1,', '"count":2,').slice(0, 300));
    expect(await readOne(store, 1)).toEqual(answerOf(1));
  });

  test.each<[string, (entry: Record<string, unknown>) => unknown]>([
    ['of a later version', (entry) => ({ ...entry, v: 2 })],
    ['without its run', ({ run: _run, ...entry }) => entry],
    ['without an answer', (entry) => ({ ...entry, answer: {} })],
    ['that is none', () => 'hello'],
    ['of nothing', () => undefined],
  ])('one that the library takes for sound: %s', async (_, change) => {
    const { index } = await import('cacache');
    const { seal } = await import('../../src/worker/adapters/stored-answer.ts');
    const { integrity, entry } = seal(keyOf(1), answerOf(1));
    await index.insert(place, keyOf(1), integrity, { metadata: change({ ...entry }) });
    expect(await openFolderAnswers(place).read([keyOf(1)])).toEqual(new Map());
  });

  test('one that was copied under another key', async () => {
    const { index } = await import('cacache');
    const { seal } = await import('../../src/worker/adapters/stored-answer.ts');
    const { integrity, entry } = seal(keyOf(1), answerOf(1));
    await index.insert(place, keyOf(2), integrity, { metadata: entry });
    expect(await openFolderAnswers(place).read([keyOf(2)])).toEqual(new Map());
  });
});

test('two processes write the same keys at once, one is killed in the middle: every answer is whole', async () => {
  const N = 40;
  const start = (run: string): ChildProcess =>
    spawn(
      process.execPath,
      ['--import', 'tsx', path.resolve('test/unit/answers-writer.ts'), place, run, String(N)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
  const writers = [start('/a'), start('/b')];
  const ended = writers.map((writer) => once(writer, 'exit'));
  const store = openFolderAnswers(place);
  const keys = Array.from({ length: N }, (_, i) => keyOf(i));
  try {
    await Promise.all(writers.map((writer) => once(writer.stdout!, 'data')));
    for (let look = 0; look < 20; look += 1) {
      const found = await store.read(keys);
      expect(found.size).toBe(N);
      for (const [i, key] of keys.entries())
        expect([answerOf(i, '/a'), answerOf(i, '/b')]).toContainEqual(found.get(key));
    }
  } finally {
    for (const writer of writers) writer.kill('SIGKILL');
    await Promise.all(ended);
  }
  await store.write(keyOf(0), answerOf(5, '/c'));
  const found = await store.read(keys);
  expect(found.size).toBe(N);
  expect(found.get(keyOf(0))).toEqual(answerOf(5, '/c'));
}, 30_000);

describe('what the system refuses is told with the place and ANSWERS', () => {
  const refusal = (kind: string, says: RegExp) => async (act: Promise<unknown>) => {
    await expect(act).rejects.toMatchObject({ name: 'StoreError', kind });
    await expect(act).rejects.toThrow(says);
  };

  test.each(['answers', './answers', ''])('the place %j', (wrong) => {
    expect(() => openFolderAnswers(wrong)).toThrow(
      expect.objectContaining({ name: 'StoreError', kind: 'invalid' }),
    );
    expect(() => openFolderAnswers(wrong)).toThrow(/absolute path.*ANSWERS/);
  });

  test('a place below a file', async () => {
    await writeFile(path.join(root, 'results'), '');
    const store = openFolderAnswers(place);
    const refused = refusal(
      'invalid',
      /The answers in .*\.answers cannot be (read|written): a part.*with ANSWERS\.$/,
    );
    await refused(store.write(keyOf(1), answerOf(1)));
    await refused(store.read([keyOf(1)]));
  });

  test.runIf(process.platform === 'linux')('a place where the system makes no folder', async () => {
    const store = openFolderAnswers('/proc/nowhere/.answers');
    await refusal(
      'missing',
      /\/proc\/nowhere\/\.answers cannot be written: it does not exist \(ENOENT\); .*ANSWERS/,
    )(store.write(keyOf(1), answerOf(1)));
    expect(await store.read([keyOf(1)])).toEqual(new Map());
  });

  test.runIf(isRoot)(
    'a read-only disk, and one that is full; it goes on when there is room again',
    async () => {
      await mkdir(place, { recursive: true });
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', place]);
      expect(String(mounted.stderr)).toBe('');
      try {
        const store = openFolderAnswers(place);
        await writeFile(path.join(place, 'filler'), Buffer.alloc(40 * 1024));
        const written: number[] = [];
        const fill = async (): Promise<void> => {
          for (let n = 0; n < 100; n += 1) {
            await store.write(keyOf(n), answerOf(n));
            written.push(n);
          }
        };
        await refusal(
          'full',
          /the disk is full \(ENOSPC\); free some space, or name another place with ANSWERS/,
        )(fill());
        expect(written.length).toBeGreaterThan(0);
        expect([...(await store.read(written.map(keyOf))).values()]).toEqual(written.map((n) => answerOf(n)));
        const torn = written.length;
        expect(await readOne(store, torn)).toBeNull();
        await rm(path.join(place, 'filler'));
        await store.write(keyOf(torn), answerOf(torn));
        expect(await readOne(store, torn)).toEqual(answerOf(torn));
        expect(spawnSync('mount', ['-o', 'remount,ro', place]).status).toBe(0);
        await refusal('forbidden', /read-only.*ANSWERS/)(store.write(keyOf(200), answerOf(200)));
        expect(await readOne(store, torn)).toEqual(answerOf(torn));
      } finally {
        spawnSync('umount', ['-l', place]);
      }
    },
  );

  test.skipIf(isRoot)('a folder of somebody else', async () => {
    await mkdir(place, { recursive: true });
    await chmod(place, 0o500);
    const store = openFolderAnswers(place);
    await refusal('forbidden', /permission denied.*ANSWERS/)(store.write(keyOf(1), answerOf(1)));
    await chmod(place, 0o700);
  });
});

describe('looking after it', () => {
  const DAY = 24 * 3_600_000;
  const now = Math.floor(Date.now() / 1000) * 1000;
  const age = async (file: string, days: number): Promise<void> => {
    const time = new Date(now - days * DAY);
    await utimes(file, time, time);
  };

  test('says what is there', async () => {
    const store = openFolderAnswers(place);
    expect(await store.stats()).toEqual({ entries: 0, bytes: 0, oldest: null, newest: null });
    await store.write(keyOf(1), answerOf(1));
    await age(await onlyFile(), 40);
    await store.write(keyOf(2), answerOf(2));
    const stats = await store.stats();
    expect(stats.entries).toBe(2);
    expect(stats.bytes).toBeGreaterThan(1_500);
    expect(stats.oldest).toBe(new Date(now - 40 * DAY).toISOString());
    expect(Date.parse(stats.newest ?? '')).toBeGreaterThan(now - 5_000);
  });

  test('removes what is damaged or old, and its folders; leaves the rest and what is not its own', async () => {
    const store = openFolderAnswers(place);
    const fileOf = new Map<number, string>();
    for (const n of [1, 2, 3, 4]) {
      const before = await filesOf(root);
      await store.write(keyOf(n), answerOf(n));
      fileOf.set(n, (await filesOf(root)).find((file) => !before.includes(file)) ?? '');
    }
    const [damaged = '', tearing = '', old = ''] = [2, 3, 4].map((n) => fileOf.get(n));
    for (const file of [damaged, tearing]) await truncate(file, 100);
    await age(damaged, 1);
    await age(old, 31);
    await writeFile(path.join(place, 'mine.txt'), 'a file of a person');

    const first = await store.prune({ now, olderThanMs: null });
    expect(first).toMatchObject({ damaged: 1, old: 0, kept: 3 });
    expect(first.bytes).toBeGreaterThan(0);
    expect(await store.prune({ now, olderThanMs: 30 * DAY })).toMatchObject({ damaged: 0, old: 1, kept: 2 });
    const left = [fileOf.get(1), tearing, path.join(place, 'mine.txt')];
    expect((await filesOf(place)).sort()).toEqual(left.sort());
    expect(await readdir(path.dirname(path.dirname(damaged)))).toEqual([]);
    expect(await readOne(store, 1)).toEqual(answerOf(1));
    await store.write(keyOf(2), answerOf(2));
    expect(await readOne(store, 2)).toEqual(answerOf(2));
  });
});
