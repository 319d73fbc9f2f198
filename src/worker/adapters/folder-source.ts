import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ImageSource, ListedImages } from '../../activities/ports.ts';
import { SourceError } from '../../activities/ports.ts';
import type { ImageRef, SkippedObject } from '../../shared/types.ts';
import type { Found } from './folder-walk.ts';
import { walkFolder } from './folder-walk.ts';
import type { ObjectFilter } from './object-filter.ts';
import { systemCode, systemProblem } from './system-problem.ts';

/** Files hashed side by side: enough to keep a network disk busy. */
const HASHED_AT_ONCE = 8;

/**
 * The pictures of a folder and the folders below it. A picture's identity is the SHA-256 of its content, so each
 * page that is listed reads its own files once and none of the pages before it; the cursor is the last name given.
 *
 * Has no URLs to give: its pictures travel as base64. Does not watch the folder, and says nothing about an empty one.
 */
export function openFolderSource(folder: string, filter: ObjectFilter): ImageSource {
  const root = path.resolve(folder);
  return {
    uri: root,
    signedUrl: null,
    signingProblem: () => Promise.resolve(null),

    async list(cursor, max, signal) {
      try {
        await checkFolder(root);
        return await listPage(root, filter, cursor, max, signal);
      } catch (error) {
        throw systemCode(error) === '' || error instanceof SourceError ? error : sourceError(root, error);
      }
    },

    async read(image, signal) {
      const bytes = await readPicture(image, signal);
      if (identityOf(bytes) === image.identity) return bytes;
      throw replaced(image);
    },
  };
}

async function checkFolder(root: string): Promise<void> {
  if ((await stat(root)).isDirectory()) return;
  throw new SourceError(
    'invalid',
    `${root} is a file, not a folder; give the folder that holds it, or ask about this one picture with "ask".`,
  );
}

async function listPage(
  root: string,
  filter: ObjectFilter,
  cursor: string | null,
  max: number,
  signal?: AbortSignal,
): Promise<ListedImages> {
  const found: Found[] = [];
  let more = false;
  for await (const entry of walkFolder(root, cursor, signal)) {
    if (filter(entry.name).act === 'omit') continue;
    more = found.length === max;
    if (more) break;
    found.push(entry);
  }
  const images: ImageRef[] = [];
  const skipped: SkippedObject[] = [];
  for (const outcome of await inOrder(found, HASHED_AT_ONCE, (entry) => identify(entry, filter, signal))) {
    if ('reason' in outcome) skipped.push(outcome);
    else images.push(outcome);
  }
  return { images, skipped, next: more ? (found.at(-1)?.name ?? null) : null };
}

async function identify(
  entry: Found,
  filter: ObjectFilter,
  signal?: AbortSignal,
): Promise<ImageRef | SkippedObject> {
  const { name } = entry;
  if (entry.kind === 'odd') return { name, reason: entry.reason };
  const verdict = filter(name);
  if (entry.kind === 'hidden' || verdict.act !== 'take') {
    return { name, reason: verdict.act === 'skip' ? verdict.reason : 'hidden' };
  }
  try {
    const { identity, bytes } = await hashFile(entry.path, signal);
    return { name, uri: entry.path, identity, bytes };
  } catch (error) {
    signal?.throwIfAborted();
    const undecodable = systemCode(error) === 'ENOENT' && name.includes('\uFFFD');
    return {
      name,
      reason: `cannot be read: ${undecodable ? 'its name is not UTF-8' : systemProblem(error)}`,
    };
  }
}

async function hashFile(file: string, signal?: AbortSignal): Promise<{ identity: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18, ...(signal && { signal }) })) {
    hash.update(chunk as Uint8Array);
    bytes += (chunk as Uint8Array).length;
  }
  return { identity: `sha256:${hash.digest('hex')}`, bytes };
}

async function readPicture(image: ImageRef, signal?: AbortSignal): Promise<Uint8Array> {
  try {
    const found = await stat(image.uri);
    // Not read to find that out: it may have no end now, or fill the memory.
    if (!found.isDirectory() && !(found.isFile() && found.size === image.bytes)) throw replaced(image);
    return await readFile(image.uri, signal && { signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof SourceError) throw error;
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error))) {
      throw new SourceError('gone', `${image.uri} was removed after it was listed.`);
    }
    throw new SourceError('unreadable', `${image.uri} cannot be read: ${systemProblem(error)}.`);
  }
}

const replaced = (image: ImageRef): SourceError =>
  new SourceError('changed', `${image.uri} was replaced after it was listed; start a new run to analyse it.`);

const identityOf = (bytes: Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** The error of a source folder, with what a person can do about it. */
export function sourceError(root: string, error: unknown): SourceError {
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const hint = 'check the spelling; the folder must exist on the machine where the worker runs';
    return new SourceError('missing', `There is no folder ${root}: ${systemProblem(error)}; ${hint}.`);
  }
  if (code === 'EACCES' || code === 'EPERM') {
    const hint = 'give the user that runs the worker the right to read and enter it';
    return new SourceError(
      'forbidden',
      `The folder ${root} may not be read: ${systemProblem(error)}; ${hint}.`,
    );
  }
  return new SourceError('unreadable', `The folder ${root} cannot be read: ${systemProblem(error)}.`);
}

/** Maps with so many calls side by side; results keep the order of the items. */
async function inOrder<T, R>(items: T[], atOnce: number, map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const rest = items.entries();
  const work = async (): Promise<void> => {
    for (const [index, item] of rest) results[index] = await map(item);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}
