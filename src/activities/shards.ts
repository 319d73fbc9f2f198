import { files } from '../shared/names.ts';
import type { Progress, Shard } from '../shared/types.ts';
import { kept, parsed, type RunFiles, type RunPlace } from './run-files.ts';

/** Reads shards, and keeps the last ones read: the results of a small run are composed from the same ones again and again. */
export interface ShardReader {
  /** `null` while the batch has not written its shard. */
  read(place: RunPlace, batch: number): Promise<Shard | null>;
}

/** Batches begin in order: of those that are listed the first so many may have a shard, the rest is not looked for. */
export const begunBatches = ({ batchesDone, running }: Pick<Progress, 'batchesDone' | 'running'>): number =>
  batchesDone + running.length;

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
      const text = await runFiles.store(results).read(files.shard(batch));
      if (text === null) return null;
      return kept(cache, key, SHARDS_KEPT, async () =>
        parsed<Shard>(text, `${results}/${files.shard(batch)}`),
      );
    },
  };
}
