import type { File, GetFilesOptions } from '@google-cloud/storage';
import { addAbortSignal } from 'node:stream';
import type { ImageSource, SourceErrorKind } from '../../activities/ports.ts';
import { SourceError } from '../../activities/ports.ts';
import type { ImageRef, SkippedObject } from '../../shared/types.ts';
import type { Gcs, GcsPlace } from './gcs.ts';
import { gcsProblem } from './gcs.ts';
import type { GcsObject, GcsUrls } from './gcs-urls.ts';
import type { ObjectFilter } from './object-filter.ts';

/** Objects in one answer of the API; also its own maximum. */
const API_PAGE = 1_000;

/** An object of a listing. With `fields` the library hands the API's own objects on, whatever its types say. */
interface Listed {
  name: string;
  generation: string;
  size: string;
}

const FIELDS = 'items(name,generation,size),nextPageToken';

/**
 * The pictures below a prefix of a bucket, in the API's own order. A picture's identity is its generation. The
 * cursor is the last name given, not a page token, so that a page is always full and a cursor never expires.
 *
 * Listing opens no object: an empty or renamed one is found when it is read. Placeholders of folders (names that
 * end in `/`) are left out without a word.
 */
export function openGcsSource(place: GcsPlace, filter: ObjectFilter, gcs: Gcs, urls: GcsUrls): ImageSource {
  const uri = `gs://${place.bucket}/${place.prefix}`;

  async function* objectsAfter(
    cursor: string | null,
    max: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Listed> {
    const bucket = (await gcs()).bucket(place.bucket);
    const last = cursor === null ? null : place.prefix + cursor;
    let query: GetFilesOptions | null = {
      prefix: place.prefix,
      autoPaginate: false,
      maxResults: Math.min(API_PAGE, max + 2), // one to see whether more follow, and the last one, which comes again
      fields: FIELDS,
      ...(last !== null && { startOffset: last }),
    };
    while (query !== null) {
      signal?.throwIfAborted();
      const [, next, answer]: [unknown, GetFilesOptions | null, unknown?] = await bucket.getFiles(query);
      for (const object of (answer as { items?: Listed[] }).items ?? []) {
        if (object.name !== last && !object.name.endsWith('/')) yield object;
      }
      query = next;
    }
  }

  return {
    uri,
    signedUrl: (image) => urls.sign(objectOf(image)),
    signingProblem: () => urls.problem(place),

    async list(cursor, max, signal) {
      const images: ImageRef[] = [];
      const skipped: SkippedObject[] = [];
      let last: string | null = null;
      try {
        for await (const object of objectsAfter(cursor, max, signal)) {
          const name = object.name.slice(place.prefix.length);
          const verdict = filter(name);
          if (verdict.act === 'omit') continue;
          if (images.length + skipped.length === max) return { images, skipped, next: last };
          last = name;
          if (verdict.act === 'take') images.push(imageOf(place, name, object));
          else skipped.push({ name, reason: verdict.reason });
        }
        if (last === null && cursor === null) await refusePicture(place, gcs);
      } catch (error) {
        signal?.throwIfAborted();
        throw listError(uri, place, error);
      }
      return { images, skipped, next: null };
    },

    async read(image, signal) {
      const target = objectOf(image);
      try {
        const file = (await gcs())
          .bucket(target.bucket)
          .file(target.object, { generation: target.generation });
        return await bytesOf(file, signal);
      } catch (error) {
        signal?.throwIfAborted();
        throw await readError(image, target, gcs, error);
      }
    },
  };
}

function imageOf(place: GcsPlace, name: string, object: Listed): ImageRef {
  const uri = `gs://${place.bucket}/${object.name}`;
  return { name, uri, identity: `${uri}#${object.generation}`, bytes: Number(object.size) };
}

/** The object that an identity names. */
function objectOf(image: ImageRef): GcsObject {
  const [, bucket, object, generation] = /^gs:\/\/([^/]+)\/(.+)#(\d+)$/s.exec(image.identity) ?? [];
  if (bucket === undefined || object === undefined || generation === undefined) {
    throw new SourceError(
      'invalid',
      `${image.uri} was not listed in a bucket (its identity is ${image.identity}).`,
    );
  }
  return { bucket, object, generation };
}

/** `gs://bucket/picture.jpg` lists nothing; the person meant something else. */
async function refusePicture({ bucket, prefix }: GcsPlace, gcs: Gcs): Promise<void> {
  const object = prefix.slice(0, -1);
  if (object === '') return;
  const [exists] = await (await gcs()).bucket(bucket).file(object).exists();
  if (!exists) return;
  const what = `gs://${bucket}/${object} is one object, not a folder`;
  throw new SourceError(
    'invalid',
    `${what}; give the folder that holds it, or ask about this one with "ask".`,
  );
}

async function bytesOf(file: File, signal?: AbortSignal): Promise<Uint8Array> {
  const stream = file.createReadStream();
  if (signal) addAbortSignal(signal, stream);
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

async function readError(image: ImageRef, target: GcsObject, gcs: Gcs, error: unknown): Promise<SourceError> {
  const { kind, message } = gcsProblem(error);
  if (kind !== 'missing') return placeError(kind, image.uri, target.bucket, message, 'get');
  try {
    const [replaced] = await (await gcs()).bucket(target.bucket).file(target.object).exists();
    return replaced
      ? new SourceError(
          'changed',
          `${image.uri} was replaced after it was listed; start a new run to analyse it.`,
        )
      : new SourceError('gone', `${image.uri} was deleted after it was listed.`);
  } catch (again) {
    const second = gcsProblem(again);
    return placeError(second.kind, image.uri, target.bucket, second.message, 'get');
  }
}

function listError(uri: string, place: GcsPlace, error: unknown): SourceError {
  if (error instanceof SourceError) return error;
  const { kind, message } = gcsProblem(error);
  return placeError(kind, uri, place.bucket, message, 'list');
}

function placeError(
  kind: string,
  uri: string,
  bucket: string,
  message: string,
  act: 'list' | 'get',
): SourceError {
  const [errorKind, words]: [SourceErrorKind, string] =
    kind === 'missing'
      ? ['missing', `there is no bucket ${bucket} (${message}); check the spelling`]
      : kind === 'forbidden'
        ? ['forbidden', `${message}. ${remedy(bucket, act)}`]
        : ['unreachable', `${message}; check the network and try again`];
  return new SourceError(errorKind, `${uri} cannot be ${act === 'list' ? 'listed' : 'read'}: ${words}.`);
}

const remedy = (bucket: string, act: 'list' | 'get'): string =>
  `The worker's credentials need storage.objects.${act} on gs://${bucket} (role Storage Object Viewer); without ` +
  'credentials set GOOGLE_APPLICATION_CREDENTIALS or run "gcloud auth application-default login"';
