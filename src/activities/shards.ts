import { files } from '../shared/names.ts';
import { mergeRecords } from '../shared/recorded.ts';
import type { ResultStore } from '../shared/result-store.ts';
import type { Shard } from '../shared/types.ts';
import { kept, parsed, type RunFiles, type RunPlace } from './run-files.ts';

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

/** Writes a batch's shard, or adds to the one that is there. Returns what is there then. */
export async function keepShard(store: ResultStore, shard: Shard): Promise<Shard> {
  const path = files.shard(shard.batch);
  if (await store.create(path, textOf(shard))) return shard;
  const before = await store.read(path);
  const merged = before === null ? shard : merge(parsed<Shard>(before, `${store.place}/${path}`), shard);
  if (textOf(merged) !== before) await store.replace(path, [textOf(merged)]);
  return merged;
}

function merge(older: Shard, newer: Shard): Shard {
  const images = new Map(older.images.map((image) => [image.index, image]));
  for (const image of newer.images) {
    const known = images.get(image.index);
    images.set(image.index, known === undefined ? image : mergeRecords(known, image));
  }
  return { ...newer, images: [...images.values()].sort((a, b) => a.index - b.index) };
}

const textOf = (shard: Shard): string => `${JSON.stringify(shard)}\n`;
