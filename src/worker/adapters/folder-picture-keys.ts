import { appendFile, readdir, readFile, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { pictureHash } from '../../activities/picture-hash.ts';
import { makeFolder } from './folder-store.ts';
import { systemCode } from './system-problem.ts';

/** Folder of the record, beside the library's own. */
const FOLDER = 'pictures';

/** Of writers that make a folder while it is removed as an empty one. */
const TRIES = 3;

/** Which answers of a store are about which picture: the keys of its answers, by the hash of its address. */
export interface FolderPictureKeys {
  /** One short write, whatever is there already. */
  add(picture: string, key: string): Promise<void>;
  keysOf(picture: string): Promise<string[]>;
  remove(picture: string): Promise<void>;
  /** Removes what is said of pictures of which no answer is left; files that were written since `before` stay. */
  prune(before: number, isKept: (key: string) => Promise<boolean>): Promise<void>;
}

/**
 * The record in a folder: one file a picture, to which a line is appended for each answer. A line is shorter than what a
 * system appends in one piece and begins on a line of its own, so writers in several processes need no lock, and what
 * one of them tore is passed over.
 */
export function createFolderPictureKeys(root: string): FolderPictureKeys {
  const fileOf = (picture: string): string => {
    const hash = pictureHash(picture);
    return path.join(root, FOLDER, hash.slice(0, 2), hash.slice(2));
  };

  return {
    async add(picture, key) {
      const file = fileOf(picture);
      for (let n = 1; ; n += 1) {
        try {
          await appendFile(file, `\n${key}\n`);
          return;
        } catch (error) {
          if (n === TRIES || systemCode(error) !== 'ENOENT') throw error;
          await makeFolder(path.dirname(file));
        }
      }
    },

    keysOf: async (picture) => keysIn(await textOf(fileOf(picture))),

    async remove(picture) {
      await removeFile(fileOf(picture));
    },

    async prune(before, isKept) {
      for (const two of await namesIn(path.join(root, FOLDER))) {
        for (const name of await namesIn(path.join(root, FOLDER, two))) {
          const file = path.join(root, FOLDER, two, name);
          if (!/^[0-9a-f]{62}$/.test(name) || (await wasWrittenSince(file, before))) continue;
          if (await some(keysIn(await textOf(file)), isKept)) continue;
          // Looked at again: another process may have kept an answer meanwhile.
          if (!(await wasWrittenSince(file, before))) await removeFile(file);
        }
      }
    },
  };
}

const keysIn = (text: string): string[] => [...new Set(text.match(/^[0-9a-f]{64}$/gm) ?? [])];

async function some(keys: readonly string[], is: (key: string) => Promise<boolean>): Promise<boolean> {
  for (const key of keys) if (await is(key)) return true;
  return false;
}

async function removeFile(file: string): Promise<void> {
  await rm(file, { force: true });
  await rmdir(path.dirname(file)).catch(() => undefined);
}

const wasWrittenSince = async (file: string, before: number): Promise<boolean> =>
  ((await stat(file).catch(() => null))?.mtimeMs ?? 0) > before;

const textOf = (file: string): Promise<string> => unlessGone(readFile(file, 'utf8'), '');
const namesIn = (folder: string): Promise<string[]> => unlessGone(readdir(folder), []);

const unlessGone = <T>(work: Promise<T>, otherwise: T): Promise<T> =>
  work.catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error))) return otherwise;
    throw error;
  });
