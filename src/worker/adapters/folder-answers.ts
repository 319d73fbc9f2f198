import { mkdtemp, readdir, readFile, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { get, index, rm as remove } from 'cacache';
import type { AnswerStore, StoredAnswer } from '../../activities/ports.ts';
import { createAnswerTally, type AnswerCache } from '../../shared/answer-cache.ts';
import { StoreError } from '../../shared/result-store.ts';
import { createAtMost } from '../../shared/at-most.ts';
import { createFolderPictureKeys } from './folder-picture-keys.ts';
import { makeFolder, storeError } from './folder-store.ts';
import { ANSWERS } from './store-path.ts';
import { seal, unseal } from './stored-answer.ts';
import { systemCode } from './system-problem.ts';

/** Files that are open at once: a process may have 1,024, and several batches recall side by side. */
const FILES_AT_ONCE = 64;

/** The library's types lack the options. */
const removeEntry: (root: string, key: string, options: { removeFully: true }) => Promise<unknown> =
  remove.entry;

/** A file that was touched so lately may be in the middle of its writing. */
const SETTLED_MS = 60_000;

/**
 * Answers in a folder, kept by `cacache`: one small file an answer, to which every write appends a line with its
 * checksum, and the last sound line counts. So writers in several processes need no lock, and what one of them tore is
 * passed over. The answer lies in the index entry itself: as content of its own it would take a second file, twice the
 * disk, and would not be written again where a damaged copy lies.
 *
 * Which answers are about which picture is recorded beside them, before the answer is kept: see
 * {@link createFolderPictureKeys}.
 *
 * Nothing is kept in memory. A write is not forced to the disk: after a power cut an entry may be missing, which is
 * then in the run's history. Throws a {@link StoreError} `invalid` for a relative place.
 */
export function openFolderAnswers(place: string): AnswerStore & AnswerCache {
  if (!path.isAbsolute(place)) {
    throw new StoreError(
      'invalid',
      `The answers' place ${JSON.stringify(place)} must be an absolute path or gs://…; set ANSWERS.`,
    );
  }
  const root = path.resolve(place);
  const atMost = createAtMost(FILES_AT_ONCE);
  const pictures = createFolderPictureKeys(root);

  async function read(key: string): Promise<StoredAnswer | null> {
    const found = await get.info(root, key, { memoize: false });
    return found === null
      ? null
      : unseal(key, { integrity: found.integrity, entry: found.metadata as unknown });
  }

  const all = async <T>(act: 'read' | 'written', work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw storeError(root, act, error, ANSWERS);
    }
  };

  return {
    place: root,

    read: (keys) =>
      all('read', async () => {
        const found = await Promise.all(keys.map((key) => atMost(() => read(key))));
        const answers = new Map<string, StoredAnswer>();
        for (const [i, answer] of found.entries()) if (answer) answers.set(keys[i] ?? '', answer);
        return answers;
      }),

    write: (key, answer, picture) =>
      all('written', () =>
        atMost(async () => {
          // Before the library does, by `mkdir` with `recursive`: see `makeFolder`.
          await makeFolder(root);
          if (picture !== undefined) await pictures.add(picture, key);
          const { integrity, entry } = seal(key, answer);
          const insert = () => index.insert(root, key, integrity, { metadata: entry });
          // It says nothing when its folder went away in between, as an empty one does when the store is pruned.
          const inserted: unknown = (await insert()) ?? (await insert());
          if (inserted === undefined) await explain(root);
        }),
      ),

    stats: () =>
      all('read', async () => {
        const tally = createAnswerTally();
        await eachEntryFile(root, async (entry) => tally.add(entry));
        return tally.stats();
      }),

    prune: ({ now, olderThanMs }) =>
      all('written', async () => {
        const pruned = { damaged: 0, old: 0, bytes: 0, kept: 0 };
        await eachEntryFile(root, async ({ file, bytes, writtenMs }) => {
          const old = olderThanMs !== null && now - writtenMs > olderThanMs;
          if (!old && (now - writtenMs < SETTLED_MS || (await isSound(file, read)))) {
            pruned.kept += 1;
            return;
          }
          await rm(file, { force: true });
          // The folders above it, which take more of the disk than it did; those that are not empty stay.
          await rmdir(path.dirname(file)).catch(() => undefined);
          pruned[old ? 'old' : 'damaged'] += 1;
          pruned.bytes += bytes;
        });
        await pictures.prune(now - SETTLED_MS, async (key) => (await read(key)) !== null);
        return pruned;
      }),

    old: ({ now, olderThanMs }) =>
      all('read', async () => {
        const tally = createAnswerTally();
        await eachEntryFile(root, async (entry) => {
          if (now - entry.writtenMs > olderThanMs) tally.add(entry);
        });
        const { entries, bytes } = tally.stats();
        return { entries, bytes };
      }),

    keysOf: (picture) => all('read', () => pictures.keysOf(picture)),

    forget: (picture, keys) =>
      all('written', async () => {
        let there = 0;
        for (const key of keys) {
          if ((await read(key)) !== null) there += 1;
          // With all lines of its file, where an ordinary removal adds one. Also where the last of them is damaged.
          await removeEntry(root, key, { removeFully: true });
        }
        await pictures.remove(picture);
        return there;
      }),
  };
}

/** The system's own word on a place where the library could make no folder, which it keeps to itself. */
async function explain(root: string): Promise<never> {
  await rmdir(await mkdtemp(path.join(root, 'tmp-')));
  throw Object.assign(new Error('the library could not write'), { code: 'ENOENT' });
}

/** A file holds the lines of one key. One that has gone meanwhile is nobody's to remove: it may be written anew. */
async function isSound(file: string, read: (key: string) => Promise<StoredAnswer | null>): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return true;
  const keys = new Set([...text.matchAll(/"key":"([0-9a-f]{64})"/g)].map(([, key = '']) => key));
  for (const key of keys) if ((await read(key)) !== null) return true;
  return false;
}

interface EntryFile {
  file: string;
  /** Of the disk. */
  bytes: number;
  writtenMs: number;
}

/** Looks at the library's index files, of whichever version of it: at nothing else below the place. */
async function eachEntryFile(root: string, look: (entry: EntryFile) => Promise<void>): Promise<void> {
  const lookAt = async (file: string): Promise<void> => {
    const found = await stat(file).catch(() => null);
    if (!found?.isFile()) return;
    const bytes = found.blocks > 0 ? found.blocks * 512 : found.size;
    await look({ file, bytes, writtenMs: found.mtimeMs });
  };
  for (const name of await namesIn(root)) {
    if (!/^index-v\d+$/.test(name)) continue;
    let files: string[] = [];
    for await (const file of filesBelow(path.join(root, name), 2)) {
      if (files.push(file) < FILES_AT_ONCE) continue;
      await Promise.all(files.map(lookAt));
      files = [];
    }
    await Promise.all(files.map(lookAt));
  }
}

async function* filesBelow(folder: string, levels: number): AsyncGenerator<string> {
  for (const name of await namesIn(folder)) {
    const inside = path.join(folder, name);
    if (levels === 0) yield inside;
    else yield* filesBelow(inside, levels - 1);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
