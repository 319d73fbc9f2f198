import { files } from '../../shared/names.ts';
import type { ResultStore } from '../../shared/result-store.ts';
import type { ImagePage, IndexLine, Segment, Shard } from '../../shared/types.ts';
import { PAGE_PICTURES } from './columns.ts';

/** A page of a run's pictures as far as its index segment or the page file alone tell. */
export interface ReadPage {
  page: number;
  /** Whether the answers are of a segment; otherwise they are in shards alone. */
  summedUp: boolean;
  /** By index. */
  pictures: readonly ReadPicture[];
}

export interface ReadPicture {
  name: string;
  identity: string;
  /** Absent where the segment has none, or there is no segment. */
  answers?: IndexLine['answers'];
}

/**
 * Reads a page from its segment, and from the page file where there is none, or where the segment does not tell which
 * of the page's pictures it has: a picture whose batch wrote no shard has no line in it.
 *
 * @throws Error that names the file which is gone or damaged.
 */
export async function readPage(store: ResultStore, page: number, hasSegment: boolean): Promise<ReadPage> {
  const segment = hasSegment ? await readSegment(store, page) : null;
  if (segment !== null && isWhole(segment)) return { page, summedUp: true, pictures: segment.images };
  const { images } = await readImagePage(store, page);
  if (segment === null) return { page, summedUp: false, pictures: images };
  const lines = new Map(segment.images.map((line) => [line.name, line]));
  return { page, summedUp: true, pictures: images.map((image) => lines.get(image.name) ?? image) };
}

/** It has every picture that a page can have, in the page's order, which is that of the names' bytes. */
function isWhole({ images }: Segment): boolean {
  return images.length === PAGE_PICTURES && images.every(({ name }, n) => name > (images[n - 1]?.name ?? ''));
}

const readSegment = (store: ResultStore, page: number): Promise<Segment | null> =>
  readJson(store, files.segment(page), (segment: Partial<Segment>) => Array.isArray(segment.images));

/** @throws Error where it is gone or damaged. */
export async function readImagePage(store: ResultStore, page: number): Promise<ImagePage> {
  const path = files.page(page);
  const found = await readJson<ImagePage>(store, path, (read) => Array.isArray(read.images));
  if (found === null) throw new Error(`${store.place}/${path} is gone: without it nobody knows its pictures`);
  return found;
}

/** `null` while the batch has not written it. */
export const readShard = (store: ResultStore, batch: number): Promise<Shard | null> =>
  readJson(store, files.shard(batch), (shard: Partial<Shard>) => Array.isArray(shard.images));

/** A file that is not there is `null`; one that is not what it should be is an error that names it. */
export async function readJson<T>(
  store: ResultStore,
  path: string,
  isGood: (read: Partial<T>) => boolean,
): Promise<T | null> {
  const text = await store.read(path);
  if (text === null) return null;
  try {
    const read = JSON.parse(text) as Partial<T> | null;
    if (read !== null && isGood(read)) return read as T;
  } catch {
    // Said below.
  }
  throw new Error(`${store.place}/${path} is damaged: somebody changed it`);
}
