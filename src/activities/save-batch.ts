import { files } from '../shared/names.ts';
import type { Shard } from '../shared/types.ts';
import type { RunFiles, RunPlace } from './run-files.ts';
import { runFailure } from './run-failure.ts';

export interface SaveBatchInput extends RunPlace {
  shard: Shard;
}

/** Writes a batch's answers as one immutable shard. A shard that is there already was written by an earlier attempt. */
export function createSaveBatch(deps: { files: RunFiles }) {
  return async function saveBatch({ results, shard }: SaveBatchInput): Promise<void> {
    try {
      await deps.files.store(results).create(files.shard(shard.batch), `${JSON.stringify(shard)}\n`);
    } catch (err) {
      throw runFailure(err);
    }
  };
}
