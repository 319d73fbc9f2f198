import type { GetFilesOptions } from '@google-cloud/storage';
import type { Gcs, GcsPlace } from './gcs.ts';
import { gcsStoreError } from './gcs-store.ts';
import type { PlaceUse } from './store-path.ts';

/** An object as a listing tells of it. */
export interface ListedObject {
  /** In the bucket. */
  name: string;
  /** Below the place. */
  path: string;
  generation: string;
  bytes: number;
  writtenMs: number;
}

/** All objects below a place, a page at a time. Throws a `StoreError` in the words of `use`. */
export async function* listObjects(place: GcsPlace, gcs: Gcs, use: PlaceUse): AsyncGenerator<ListedObject[]> {
  const fields = 'items(name,generation,size,updated),nextPageToken';
  let query: GetFilesOptions | null = { prefix: place.prefix, fields, autoPaginate: false };
  while (query !== null) {
    const answer = await pageOf(place, gcs, query, use);
    yield (answer.items ?? []).map(({ name, generation, size, updated }) => ({
      name,
      path: name.slice(place.prefix.length),
      generation,
      bytes: Number(size),
      writtenMs: Date.parse(updated),
    }));
    query = answer.next;
  }
}

async function pageOf(
  place: GcsPlace,
  gcs: Gcs,
  query: GetFilesOptions,
  use: PlaceUse,
): Promise<{
  items?: { name: string; generation: string; size: string; updated: string }[];
  next: GetFilesOptions | null;
}> {
  try {
    const [, next, answer]: [unknown, GetFilesOptions | null, unknown?] = await (
      await gcs()
    )
      .bucket(place.bucket)
      .getFiles(query);
    return { ...(answer as object), next };
  } catch (error) {
    throw gcsStoreError(place, 'read', error, use);
  }
}
