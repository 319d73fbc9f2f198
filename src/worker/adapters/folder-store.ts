import { randomUUID } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ResultStore, StoreErrorKind } from '../../shared/result-store.ts';
import { StoreError } from '../../shared/result-store.ts';
import { inBlocks } from './blocks.ts';
import { compareBytes } from './byte-order.ts';
import type { PlaceUse } from './store-path.ts';
import { checkStorePath, RESULTS } from './store-path.ts';
import { systemCode, systemProblem } from './system-problem.ts';

/**
 * A run's files in a folder, which is made with the first file. A file is written beside its place under a hidden
 * name, flushed to the disk and then put in place in one step, so neither a reader nor a crash sees half of it.
 *
 * `replace` compares the file before and after its writing and so notices a writer in between, but for the moment
 * between that look and the rename: a folder has no precondition as a bucket does. One writer a file is the rule.
 * Throws a {@link StoreError} `invalid` for a relative place.
 */
export function openFolderStore(place: string): ResultStore {
  if (!path.isAbsolute(place)) {
    throw new StoreError(
      'invalid',
      `The results place ${JSON.stringify(place)} must be an absolute path or gs://….`,
    );
  }
  const root = path.resolve(place);
  const fileOf = (relative: string): string => path.join(root, checkStorePath(root, relative));
  return {
    place: root,

    async read(relative) {
      try {
        return await textOf(fileOf(relative));
      } catch (error) {
        throw storeError(root, 'read', error);
      }
    },

    async has(relative) {
      try {
        return (await versionOf(fileOf(relative))) !== null;
      } catch (error) {
        throw storeError(root, 'read', error);
      }
    },

    async create(relative, text) {
      const file = fileOf(relative);
      try {
        return await withTemporary(file, [text], async (temporary) => {
          try {
            await link(temporary, file);
            return true;
          } catch (error) {
            if (systemCode(error) === 'EEXIST') return false;
            throw linkError(root, error);
          }
        });
      } catch (error) {
        throw storeError(root, 'written', error);
      }
    },

    async replace(relative, text, earlier) {
      const file = fileOf(relative);
      try {
        const before = await versionOf(file);
        if (earlier !== undefined && (await textOf(file)) !== earlier) throw conflict(file);
        await withTemporary(file, text, async (temporary) => {
          if ((await versionOf(file)) !== before) throw conflict(file);
          await rename(temporary, file);
        });
      } catch (error) {
        throw storeError(root, 'written', error);
      }
    },

    async list(folder) {
      try {
        const entries = await readdir(fileOf(folder), { withFileTypes: true });
        const names = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'));
        return names.map((entry) => entry.name).sort(compareBytes);
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return [];
        throw storeError(root, 'read', error);
      }
    },
  };
}

const conflict = (file: string): StoreError =>
  new StoreError('conflict', `${file} was written by another process at the same time; write it again.`);

/** Folders directly below a results place, newest name first; none when there is no such place yet. */
export async function listFolderRuns(resultsRoot: string): Promise<string[]> {
  try {
    const entries = await readdir(resultsRoot, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
    return folders.map((entry) => entry.name).sort((a, b) => compareBytes(b, a));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw storeError(resultsRoot, 'read', error);
  }
}

/** Writes the text to a new file beside `file`, gives it to `place`, and leaves nothing of it behind. */
async function withTemporary<T>(
  file: string,
  text: Iterable<string> | AsyncIterable<string>,
  place: (temporary: string) => Promise<T>,
): Promise<T> {
  const folder = path.dirname(file);
  await makeFolder(folder);
  const temporary = path.join(folder, `.${path.basename(file)}.${randomUUID()}.tmp`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      for await (const block of inBlocks(text)) await handle.writeFile(block);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const result = await place(temporary);
    await syncFolder(folder);
    return result;
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Makes a folder and those above it. Not by `mkdir` with `recursive`, which never ends where the system makes no
 * folder and says ENOENT for it, as Linux does below `/proc` (seen in Node 20).
 */
export async function makeFolder(folder: string, above = true): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const parent = path.dirname(folder);
    if (above && systemCode(error) === 'ENOENT' && parent !== folder) {
      await makeFolder(parent);
      await makeFolder(folder, false);
    } else if (!(await isFolder(folder))) throw error;
  }
}

const isFolder = (folder: string): Promise<boolean> =>
  stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** Makes the new name itself survive a power cut. Some systems cannot open a folder; there it is left to them. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

async function versionOf(file: string): Promise<string | null> {
  try {
    const { ino, size, mtimeNs }: BigIntStats = await stat(file, { bigint: true });
    return `${ino}-${size}-${mtimeNs}`;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

function linkError(root: string, error: unknown): unknown {
  if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(systemCode(error))) return error;
  const why = `the file system of ${root} has no hard links (${systemCode(error)})`;
  return new StoreError('invalid', `Results cannot be kept here: ${why}; name another place with --results.`);
}

const free = (setting: string): string => `free some space, or name another place with ${setting}`;
const permit = (setting: string): string =>
  `give the user that runs the worker the right to write there, or name another place with ${setting}`;

const KINDS: Record<string, [StoreErrorKind, (setting: string) => string]> = {
  ENOSPC: ['full', free],
  EDQUOT: ['full', free],
  EACCES: ['forbidden', permit],
  EPERM: ['forbidden', permit],
  EROFS: ['forbidden', (setting) => `name a place that can be written with ${setting}`],
  ENOTDIR: ['invalid', (setting) => `name a folder with ${setting}`],
  EEXIST: ['invalid', (setting) => `a file stands where a folder is needed; name a folder with ${setting}`],
  EISDIR: [
    'invalid',
    (setting) => `a folder stands where a file is needed; name another place with ${setting}`,
  ],
  ENAMETOOLONG: ['invalid', (setting) => `name a shorter place with ${setting}`],
  ELOOP: ['invalid', (setting) => `name a place without looping links with ${setting}`],
  ENOENT: ['missing', (setting) => `make the folder, or name another place with ${setting}`],
};
const UNKNOWN = [
  'unreachable',
  (setting: string) => `check the disk, or name another place with ${setting}`,
] as const;

/**
 * The error of a folder of results, or of what else it holds, with what a person can do about it. Leaves errors that
 * are not the system's alone.
 */
export function storeError(
  root: string,
  act: 'read' | 'written',
  error: unknown,
  { what, setting }: PlaceUse = RESULTS,
): unknown {
  const code = systemCode(error);
  if (error instanceof StoreError || code === '' || code.startsWith('ERR_')) return error;
  const [kind, remedy] = KINDS[code] ?? UNKNOWN;
  const problem = `The ${what} in ${root} cannot be ${act}: ${systemProblem(error)}`;
  return new StoreError(kind, `${problem}; ${remedy(setting)}.`);
}
