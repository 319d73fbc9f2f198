import { files } from '../shared/names.ts';
import { mergeRecords } from '../shared/recorded.ts';
import { type ResultStore, StoreError } from '../shared/result-store.ts';
import type { ImageResult, Shard } from '../shared/types.ts';
import { checkFolder, kept, parsed, type RunFiles, type RunPlace } from './run-files.ts';

/**
 * Reads shards, and keeps those of the last ones read in which every question is answered: they never change, and the
 * results of a small run are composed from the same ones again and again.
 */
export interface ShardReader {
  /** `null` while the batch has not written its shard. */
  read(place: RunPlace, batch: number): Promise<Shard | null>;
}

/** All shards of a run whose results are written in full each time: 1,000 pictures in batches of four. */
const SHARDS_KEPT = 250;

export function createShardReader(runFiles: RunFiles): ShardReader {
  const cache = new Map<string, Promise<Shard>>();
  return {
    async read(place, batch) {
      const { results, plan } = place;
      const key = `${results} ${plan} ${batch}`;
      const known = cache.get(key);
      if (known) return known;
      const path = files.shard(batch);
      const text = await runFiles.store(results).read(path);
      if (text === null) return null;
      const shard = parsed<Shard>(text, `${results}/${path}`);
      return (await isAnswered(runFiles, place, shard))
        ? kept(cache, key, SHARDS_KEPT, () => Promise.resolve(shard))
        : shard;
    },
  };
}

/** A page's last batch may have fewer pictures, and a shard does not say how many: then it is read again each time. */
async function isAnswered(runFiles: RunFiles, place: RunPlace, shard: Shard): Promise<boolean> {
  const { prompts, batchSize } = await runFiles.plan(place);
  return (
    shard.images.length === batchSize &&
    shard.images.every((image) => prompts.every(({ id }) => image.prompts[id]?.ok === true))
  );
}

/** Writers of one shard are few: a batch, and one that was ended while its worker was slow. */
const TRIES = 10;

/**
 * Writes a batch's shard, or adds to the one that is there: also to what another writer puts there meanwhile. Returns
 * what is there then. Throws a `Blocked` failure when the run's folder is gone.
 */
export async function keepShard(store: ResultStore, shard: Shard): Promise<Shard> {
  await checkFolder(store);
  for (let n = 1; ; n += 1) {
    try {
      return await addShard(store, shard);
    } catch (err) {
      if (n === TRIES || !(err instanceof StoreError) || err.kind !== 'conflict') throw err;
    }
  }
}

async function addShard(store: ResultStore, shard: Shard): Promise<Shard> {
  const path = files.shard(shard.batch);
  if (await store.create(path, textOf(shard))) return shard;
  const before = await store.read(path);
  const merged = before === null ? shard : merge(parsed<Shard>(before, `${store.place}/${path}`), shard);
  if (textOf(merged) !== before) await store.replace(path, [textOf(merged)], before ?? undefined);
  return merged;
}

const merge = (older: Shard, newer: Shard): Shard => ({
  ...newer,
  images: mergeImages(older.images, newer.images),
});

/** What is known of a batch's pictures from two records of them, in their order. */
export function mergeImages(older: readonly ImageResult[], newer: readonly ImageResult[]): ImageResult[] {
  const images = new Map(older.map((image) => [image.index, image]));
  for (const image of newer) {
    const known = images.get(image.index);
    images.set(image.index, known === undefined ? image : mergeRecords(known, image));
  }
  return [...images.values()].sort((a, b) => a.index - b.index);
}

const textOf = (shard: Shard): string => `${JSON.stringify(shard)}\n`;
