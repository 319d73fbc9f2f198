import type { Shard } from '../shared/types.ts';
import type { RunFiles, RunPlace } from './run-files.ts';
import { runFailure } from './run-failure.ts';
import { keepShard } from './shards.ts';

export interface SaveBatchInput extends RunPlace {
  shard: Shard;
}

/** Writes a batch's answers as its shard, or adds them to the shard that an earlier execution or attempt left. */
export function createSaveBatch(deps: { files: RunFiles }) {
  return async function saveBatch({ results, shard }: SaveBatchInput): Promise<void> {
    try {
      await keepShard(deps.files.store(results), shard);
    } catch (err) {
      throw runFailure(err);
    }
  };
}
