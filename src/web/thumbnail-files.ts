import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Thumbnails on disk, by key. */
export interface ThumbnailFiles {
  /** `null` where there is none, or only a damaged one. */
  read(key: string): Promise<Uint8Array | null>;
  /** Never fails: without a file the thumbnail is made again when it is wanted again. */
  write(key: string, bytes: Uint8Array): Promise<void>;
}

/** Files are looked through again when so much of the bound was written since: also by how much others may exceed it. */
const SWEEP_EACH = 0.1;
/** When more than this is there, files go until only that is left: the next sweep is then some time away. */
const HIGH = 0.9;
const LOW = 0.8;

/** What was asked for is marked as used, by its modification time, at most so often. */
const MARK_EACH_MS = 60_000;

/** A file half written by a process that has died. */
const ABANDONED_MS = 3_600_000;

const HALF = '.half';

/**
 * Keeps files below a folder within `maxBytes`: the least recently used go first. Each is written whole under another
 * name and then renamed, so that several processes can share the folder; each of these may exceed the bound by a tenth.
 */
export function createThumbnailFiles(options: {
  folder: string;
  maxBytes: number;
  now: () => number;
}): ThumbnailFiles {
  const { folder, maxBytes, now } = options;
  const placeOf = (key: string): string => path.join(folder, key.slice(0, 2), `${key}.webp`);
  let sinceSweep = Infinity;
  let sweeping: Promise<void> | null = null;

  return {
    async read(key) {
      const file = placeOf(key);
      const bytes = await readFile(file).catch(() => null);
      if (bytes === null || !isWhole(bytes)) return null;
      await markUsed(file, now());
      return bytes;
    },

    async write(key, bytes) {
      const file = placeOf(key);
      const half = `${file}.${randomUUID()}${HALF}`;
      try {
        await mkdir(path.dirname(file), { recursive: true });
        await writeFile(half, bytes);
        const used = new Date(now());
        await utimes(half, used, used);
        await rename(half, file);
      } catch {
        await rm(half, { force: true }).catch(() => undefined);
        return;
      }
      sinceSweep += bytes.length;
      if (sinceSweep <= maxBytes * SWEEP_EACH) return;
      sinceSweep = 0;
      sweeping ??= sweep(folder, maxBytes, now()).finally(() => (sweeping = null));
      await sweeping;
    },
  };
}

/**
 * Removes every thumbnail in a folder, also those that an earlier version has made under keys which nobody can tell
 * today; says how many there were. They are made again when they are wanted again.
 */
export async function clearThumbnails(folder: string): Promise<number> {
  const files = await filesBelow(folder);
  for (const file of files) await rm(file.path, { force: true });
  return files.length;
}

/** A WebP file says in its head how long it is; one on a disk that was full, or lost its power, is shorter. */
function isWhole(bytes: Buffer): boolean {
  return (
    bytes.length > 12 &&
    bytes.toString('latin1', 0, 4) === 'RIFF' &&
    bytes.readUInt32LE(4) + 8 === bytes.length
  );
}

async function markUsed(file: string, now: number): Promise<void> {
  try {
    if (now - (await stat(file)).mtimeMs < MARK_EACH_MS) return;
    await utimes(file, new Date(now), new Date(now));
  } catch {
    // Another process has just removed it, or the folder is read-only: it is served all the same.
  }
}

async function sweep(folder: string, maxBytes: number, now: number): Promise<void> {
  const files = await filesBelow(folder);
  let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const isAbandoned = (file: Kept): boolean => file.path.endsWith(HALF) && now - file.usedAt > ABANDONED_MS;
  const isOver = total > maxBytes * HIGH;
  for (const file of files.sort((a, b) => a.usedAt - b.usedAt)) {
    const must = isOver && total > maxBytes * LOW && !file.path.endsWith(HALF);
    if (!must && !isAbandoned(file)) continue;
    await rm(file.path, { force: true }).catch(() => undefined);
    total -= file.bytes;
  }
}

interface Kept {
  path: string;
  bytes: number;
  usedAt: number;
}

async function filesBelow(folder: string): Promise<Kept[]> {
  const entries: Dirent[] = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const kept: Kept[] = [];
  for (const entry of entries) {
    // Nothing but our own files is ever removed, whatever folder was given.
    if (!entry.isFile() || !/^[\da-f]{64}\.webp(\.[\da-f-]{36}\.half)?$/.test(entry.name)) continue;
    const file = path.join(entry.parentPath, entry.name);
    const about = await stat(file).catch(() => null);
    if (about !== null) kept.push({ path: file, bytes: about.size, usedAt: about.mtimeMs });
  }
  return kept;
}
