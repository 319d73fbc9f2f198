import type { Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { compareBytes } from './byte-order.ts';
import { systemProblem } from './system-problem.ts';

/** Something below a folder. Names use `/`; the name of a folder that is passed over ends in `/`. */
export type Found =
  | { kind: 'file'; name: string; path: string }
  | { kind: 'hidden'; name: string }
  | { kind: 'odd'; name: string; reason: string };

interface Folder {
  /** Below the source, with a slash at its end; empty for the source itself. */
  prefix: string;
  path: string;
  /** Real paths of the folder and of all above it, to tell a loop. */
  trail: string[];
}

type Entry = { name: string; path: string; at: 'file' | 'folder' | { reason: string }; real: string | null };

/**
 * Everything below `root` whose name comes after `cursor`, in the order of the names' bytes. Reads folder by folder
 * and opens no file. Links within `root` are followed; one that leads back to a folder above it ends there, and one
 * that leads out of `root` is `odd`: whoever can only put something into a folder of pictures must not be able to send
 * others from elsewhere. A folder that cannot be read is one `odd` entry, except for the root, where the error is thrown
 * as the system gave it.
 */
export async function* walkFolder(
  root: string,
  cursor: string | null,
  signal?: AbortSignal,
): AsyncGenerator<Found> {
  yield* walk({ prefix: '', path: root, trail: [await realpath(root)] }, cursor, signal);
}

async function* walk(folder: Folder, cursor: string | null, signal?: AbortSignal): AsyncGenerator<Found> {
  for (const entry of await entriesAfter(folder, cursor)) {
    signal?.throwIfAborted();
    if (path.basename(entry.name).startsWith('.')) yield { kind: 'hidden', name: entry.name };
    else if (entry.at === 'file') yield { kind: 'file', name: entry.name, path: entry.path };
    else if (entry.at === 'folder') yield* enter(folder, entry, cursor, signal);
    else yield { kind: 'odd', name: entry.name, reason: entry.at.reason };
  }
}

async function* enter(
  above: Folder,
  entry: Entry,
  cursor: string | null,
  signal?: AbortSignal,
): AsyncGenerator<Found> {
  const real = entry.real ?? path.join(above.trail.at(-1) ?? '', path.basename(entry.path));
  if (above.trail.includes(real)) {
    yield { kind: 'odd', name: entry.name, reason: 'a link that leads back to a folder above it' };
    return;
  }
  try {
    yield* walk({ prefix: entry.name, path: entry.path, trail: [...above.trail, real] }, cursor, signal);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    yield { kind: 'odd', name: entry.name, reason: `cannot be read: ${systemProblem(error)}` };
  }
}

async function entriesAfter(folder: Folder, cursor: string | null): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const dirent of await readdir(folder.path, { withFileTypes: true })) {
    const name = folder.prefix + dirent.name;
    if (cursor !== null && isBehind(`${name}/`, cursor)) continue;
    const place = path.join(folder.path, dirent.name);
    const entry: Entry = dirent.isFile()
      ? { name, path: place, at: 'file', real: null }
      : await look(name, place, dirent, folder.trail[0] ?? folder.path);
    if (cursor === null || !isBehind(entry.name, cursor)) entries.push(entry);
  }
  return entries.sort((a, b) => compareBytes(a.name, b.name));
}

/** Whether the name, and when it is a folder's everything below it, was given out already. */
function isBehind(name: string, cursor: string): boolean {
  return (
    name === cursor || (compareBytes(name, cursor) < 0 && !(name.endsWith('/') && cursor.startsWith(name)))
  );
}

async function look(
  name: string,
  place: string,
  dirent: Pick<Stats, 'isDirectory' | 'isSymbolicLink'>,
  root: string,
): Promise<Entry> {
  if (dirent.isDirectory()) return { name: `${name}/`, path: place, at: 'folder', real: null };
  try {
    const target = await stat(place);
    const real = dirent.isSymbolicLink() ? await realpath(place) : null;
    const folder = target.isDirectory();
    const whole = folder ? `${name}/` : name;
    if (!folder && !target.isFile()) return { name, path: place, at: { reason: 'not a regular file' }, real };
    if (real === null || isWithin(root, real))
      return { name: whole, path: place, at: folder ? 'folder' : 'file', real };
    const reason =
      'a link that leads out of the source; name a folder that holds both, or copy what it leads to';
    return { name: whole, path: place, at: { reason }, real };
  } catch (error) {
    const broken = isSystemError(error) && error.code === 'ENOENT' && dirent.isSymbolicLink();
    const why = broken ? 'a link to nothing' : systemProblem(error);
    return { name, path: place, at: { reason: `cannot be read: ${why}` }, real: null };
  }
}

const isWithin = (root: string, real: string): boolean =>
  real === root || real.startsWith(root.endsWith(path.sep) ? root : root + path.sep);

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'syscall' in error && 'code' in error;
