import type { Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { createAtMost } from '../shared/at-most.ts';
import type { ImageRef, Plan } from '../shared/types.ts';
import { PictureError, type PictureErrorKind } from './picture-error.ts';

/**
 * Reads a listed picture from its source (`gs://…`, or an absolute folder), and makes sure that it is the content that
 * was listed. Throws an Error whose `kind` tells why there is nothing: `gone`, `changed`, or another word.
 */
export type ReadPicture = (source: string, image: ImageRef, signal?: AbortSignal) => Promise<Uint8Array>;

export type PictureType = 'image/jpeg' | 'image/png' | 'image/webp' | 'image/gif';

export interface ShownPicture {
  bytes: Uint8Array;
  /** From the content alone, never from the name. To be sent with `X-Content-Type-Options: nosniff`. */
  type: PictureType;
}

export interface Pictures {
  /** A picture that the run listed. Throws a {@link PictureError}. */
  read(plan: Pick<Plan, 'source'>, image: ImageRef, signal?: AbortSignal): Promise<ShownPicture>;
}

/** More than any request to a model can carry: what is larger was never asked about. */
const MOST_BYTES = 50_000_000;

/** Each is in memory as a whole while it is sent. */
const AT_ONCE = 4;

/**
 * Shows the pictures of runs, through the server, from where they lie: a bucket needs neither to be public nor to be
 * reached by the browser. Only what a run has listed can be read, only below the run's source (a link that leads out of
 * it is not followed), and only while it is the content that the run has seen. Keeps nothing.
 */
export function createPictures({ read }: { read: ReadPicture }): Pictures {
  const atMost = createAtMost(AT_ONCE);
  return {
    read: ({ source }, image, signal) =>
      atMost(async () => {
        signal?.throwIfAborted();
        if (image.bytes > MOST_BYTES) throw unreadable(image, 'is too large to be shown');
        if (source.startsWith('gs://')) checkObject(source, image);
        else await checkFile(source, image);
        const bytes = await read(source, image, signal).catch((error: unknown) => {
          signal?.throwIfAborted();
          throw pictureError(image, error);
        });
        const type = pictureType(bytes);
        if (type === null) throw unreadable(image, 'is no JPEG, PNG, WebP or GIF picture');
        return { bytes, type };
      }),
  };
}

/** What the first bytes say that this is; `null` where it is no picture that every browser shows. */
export function pictureType(bytes: Uint8Array): PictureType | null {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 12)).toString(
    'latin1',
  );
  if (start.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (start.startsWith('RIFF') && start.startsWith('WEBP', 8)) return 'image/webp';
  if (start.startsWith('GIF87a') || start.startsWith('GIF89a')) return 'image/gif';
  return null;
}

const below = (place: string, separator: string): string =>
  place.endsWith(separator) ? place : `${place}${separator}`;

function checkObject(source: string, image: ImageRef): void {
  const uri = below(source, '/') + image.name;
  if (image.uri !== uri || !image.identity.startsWith(`${uri}#`)) throw outside(image, source);
}

/**
 * Links that stay in the source are followed, as when it was listed. A file of another size is another picture: it is
 * not read to find that out, for what a link leads to now may have no end.
 */
async function checkFile(source: string, image: ImageRef): Promise<void> {
  if (path.relative(below(source, path.sep) + image.name, image.uri) !== '') throw outside(image, source);
  const { root, real, file } = await look(source, image);
  if (!real.startsWith(below(root, path.sep))) throw outside(image, source);
  if (!file.isFile() || file.size !== image.bytes) {
    throw new PictureError('changed', `${image.name} was replaced after it was listed.`);
  }
}

async function look(source: string, image: ImageRef): Promise<{ root: string; real: string; file: Stats }> {
  try {
    const [root, real] = await Promise.all([realpath(source), realpath(image.uri)]);
    return { root, real, file: await stat(real) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(code)) {
      throw new PictureError('gone', `${image.name} is no longer in ${source}, where it was listed.`);
    }
    const remedy = 'give the user that runs this program the right to read it';
    throw new PictureError('unreachable', `${image.name} cannot be read (${code}): ${remedy}.`);
  }
}

const KINDS: Readonly<Record<string, PictureErrorKind>> = {
  gone: 'gone',
  changed: 'changed',
  invalid: 'outside',
};

function pictureError(image: ImageRef, error: unknown): PictureError {
  const kind = error instanceof Error && 'kind' in error ? String(error.kind) : '';
  const said = kind !== '' && error instanceof Error ? error.message : `${image.name} cannot be read.`;
  return new PictureError(KINDS[kind] ?? 'unreachable', said, { cause: error });
}

const outside = (image: ImageRef, source: string): PictureError =>
  new PictureError('outside', `${image.name} does not lie in ${source}, the run's source, and is not shown.`);

const unreadable = (image: ImageRef, why: string): PictureError =>
  new PictureError('unreadable', `${image.name} ${why}.`);
