import type { GetFilesOptions, SaveOptions } from '@google-cloud/storage';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ResultStore, StoreErrorKind } from '../../shared/result-store.ts';
import { StoreError } from '../../shared/result-store.ts';
import { inBlocks } from './blocks.ts';
import { compareBytes } from './byte-order.ts';
import type { Gcs, GcsPlace, GcsProblem } from './gcs.ts';
import { gcsProblem } from './gcs.ts';
import type { PlaceUse } from './store-path.ts';
import { checkStorePath, RESULTS } from './store-path.ts';

/**
 * A run's files, or what `use` says, in a bucket. Every write carries a precondition on the object's generation, so two
 * writers never overwrite each other: one of them is told. Does not make the bucket.
 */
export function openGcsStore(place: GcsPlace, gcs: Gcs, use: PlaceUse = RESULTS): ResultStore {
  const uri = `gs://${place.bucket}/${place.prefix}`.replace(/\/$/, '');
  const storeError = (act: 'read' | 'written', error: unknown): StoreError =>
    gcsStoreError(place, act, error, use);
  const bucket = async () => (await gcs()).bucket(place.bucket);
  const fileAt = async (relative: string) =>
    (await bucket()).file(place.prefix + checkStorePath(uri, relative));
  const textOf = async (relative: string): Promise<string | null> => {
    const file = await fileAt(relative);
    return ifThere(async () => (await file.download())[0].toString('utf8'));
  };

  return {
    place: uri,

    async read(relative) {
      try {
        return await textOf(relative);
      } catch (error) {
        throw storeError('read', error);
      }
    },

    async has(relative) {
      try {
        const [there] = await (await fileAt(relative)).exists();
        return there;
      } catch (error) {
        throw storeError('read', error);
      }
    },

    async create(relative, text) {
      try {
        await (await fileAt(relative)).save(text, writeOptions(0));
        return true;
      } catch (error) {
        if (gcsProblem(error).kind === 'precondition') return false;
        throw storeError('written', error);
      }
    },

    async replace(relative, text, earlier) {
      let failedText: { error: unknown } | null = null;
      const pieces = watched(text, (error) => (failedText = { error }));
      try {
        const file = await fileAt(relative);
        const generation = await ifThere(async () => Number((await file.getMetadata())[0].generation));
        // Looked at after the generation: what comes later fails the precondition.
        if (earlier !== undefined && (await textOf(relative)) !== earlier)
          throw explained(place, 'written', CONFLICT, use);
        await pipeline(
          Readable.from(inBlocks(pieces)),
          file.createWriteStream(writeOptions(generation ?? 0)),
        );
      } catch (error) {
        throw failedText === null ? storeError('written', error) : error;
      }
    },

    async list(folder) {
      const prefix = `${place.prefix}${checkStorePath(uri, folder)}/`;
      const names: string[] = [];
      try {
        for await (const page of pages(gcs, place.bucket, { prefix, fields: 'items(name),nextPageToken' })) {
          names.push(...page.names.map((name) => name.slice(prefix.length)));
        }
      } catch (error) {
        throw storeError('read', error);
      }
      return names.filter((name) => name !== '').sort(compareBytes);
    },
  };
}

const CONFLICT: GcsProblem = { kind: 'precondition', message: '' };

/** `null` where the object, or its bucket, is not there. */
const ifThere = <T>(get: () => Promise<T>): Promise<T | null> =>
  get().catch((error: unknown) => {
    if (gcsProblem(error).kind === 'missing') return null;
    throw error;
  });

/** Folders directly below a results place, newest name first; none when nothing is there yet. */
export async function listGcsRuns(place: GcsPlace, gcs: Gcs): Promise<string[]> {
  const names: string[] = [];
  try {
    const query = { prefix: place.prefix, fields: 'prefixes,nextPageToken' };
    for await (const page of pages(gcs, place.bucket, query)) {
      names.push(...page.folders.map((folder) => folder.slice(place.prefix.length, -1)));
    }
  } catch (error) {
    throw gcsStoreError(place, 'read', error);
  }
  return names.filter((name) => name !== '' && !name.startsWith('.')).sort((a, b) => compareBytes(b, a));
}

async function* pages(
  gcs: Gcs,
  bucket: string,
  what: GetFilesOptions,
): AsyncGenerator<{ names: string[]; folders: string[] }> {
  let query: GetFilesOptions | null = { ...what, delimiter: '/', autoPaginate: false };
  while (query !== null) {
    const [, next, answer]: [unknown, GetFilesOptions | null, unknown?] = await (
      await gcs()
    )
      .bucket(bucket)
      .getFiles(query);
    const { items, prefixes } = answer as { items?: { name: string }[]; prefixes?: string[] };
    yield { names: (items ?? []).map((item) => item.name), folders: prefixes ?? [] };
    query = next;
  }
}

/** Tells an error in the making of the text from one in its writing: the first is the caller's own. */
async function* watched(
  text: Iterable<string> | AsyncIterable<string>,
  failed: (error: unknown) => void,
): AsyncGenerator<string> {
  try {
    yield* text;
  } catch (error) {
    failed(error);
    throw error;
  }
}

/** In one request, which the library may repeat safely because of the precondition. */
const writeOptions = (generation: number): SaveOptions => ({
  resumable: false,
  contentType: 'application/json; charset=utf-8',
  preconditionOpts: { ifGenerationMatch: generation },
});

/** The error of a place in a bucket, with what a person can do about it. */
export function gcsStoreError(
  place: GcsPlace,
  act: 'read' | 'written',
  error: unknown,
  use: PlaceUse = RESULTS,
): StoreError {
  if (error instanceof StoreError) return error;
  return explained(place, act, gcsProblem(error), use);
}

function explained(
  place: GcsPlace,
  act: 'read' | 'written',
  { kind, message }: GcsProblem,
  use: PlaceUse,
): StoreError {
  const [storeKind, words] = explain(kind, message, place.bucket, use.setting);
  const uri = `gs://${place.bucket}/${place.prefix}`.replace(/\/$/, '');
  return new StoreError(storeKind, `The ${use.what} in ${uri} cannot be ${act}: ${words}.`);
}

function explain(
  kind: GcsProblem['kind'],
  message: string,
  bucket: string,
  setting: string,
): [StoreErrorKind, string] {
  switch (kind) {
    case 'precondition':
      return ['conflict', 'another process wrote the same file at the same time; write it again'];
    case 'missing':
      return [
        'missing',
        `there is no bucket ${bucket} (${message}); make it, or check the spelling of ${setting}`,
      ];
    case 'forbidden':
      return ['forbidden', `${message}. The worker's credentials need ${RIGHTS} on gs://${bucket}`];
    case 'unreachable':
      return ['unreachable', `${message}; check the network and try again`];
  }
}

/** `delete` is part of replacing an object. */
const RIGHTS = 'storage.objects.get, .list, .create and .delete (role Storage Object User)';
