import path from 'node:path';
import type { ListRuns, OpenStore } from '../../shared/result-store.ts';
import { StoreError } from '../../shared/result-store.ts';
import { listFolderRuns, openFolderStore } from './folder-store.ts';
import type { Gcs, GcsPlace } from './gcs.ts';
import { parseGcsPlace } from './gcs.ts';
import { listGcsRuns, openGcsStore } from './gcs-store.ts';

/** Opens a run's folder in a bucket (`gs://…`) or on disk (an absolute path). Nothing is written yet. */
export function createOpenStore(gcs: Gcs): OpenStore {
  return (place) => {
    const bucket = bucketPlace(place);
    return bucket ? openGcsStore(bucket, gcs) : openFolderStore(place);
  };
}

/** Lists the runs below a results place. Throws a {@link StoreError}. */
export function createListRuns(gcs: Gcs): ListRuns {
  return async (resultsRoot) => {
    const bucket = bucketPlace(resultsRoot);
    return bucket ? listGcsRuns(bucket, gcs) : listFolderRuns(path.resolve(resultsRoot));
  };
}

function bucketPlace(place: string): GcsPlace | null {
  if (!place.startsWith('gs://')) return null;
  const parsed = parseGcsPlace(place);
  if (typeof parsed === 'string') throw new StoreError('invalid', `The results place ${parsed}`);
  return parsed;
}
