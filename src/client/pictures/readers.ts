import type { OpenStore, ResultStore } from '../../shared/result-store.ts';
import type { Plan } from '../../shared/types.ts';
import type { RecordedRun } from '../runs.ts';
import { createDetails, type Details } from './details.ts';
import { createRecent } from './recent.ts';
import { openRunIndex, type RunIndex } from './run-index.ts';

/** A run's pictures, opened: what filters and sums need in memory, the rest on demand. */
export interface PictureReader {
  plan: Plan;
  store: ResultStore;
  index: RunIndex;
  details: Details;
}

/** Opens the pictures of one run. Throws an Error that names a file which is gone or damaged. */
export async function openPictures(openStore: OpenStore, recorded: RecordedRun): Promise<PictureReader> {
  const { place, plan, progress } = recorded;
  const store = openStore(place);
  const index = await openRunIndex({ store, plan, progress });
  return { plan, store, index, details: createDetails({ store, plan, index }) };
}

/** The pictures of the last few runs that were looked at, kept open. */
export interface PictureReaders {
  /**
   * The run's pictures as new as the record given. Two that ask at once wait for one opening.
   *
   * @throws Error that names a file which is gone or damaged.
   */
  open(recorded: RecordedRun): Promise<PictureReader>;
}

/** @param options.max - Runs kept open: one of 100,000 pictures and six questions is some 20 MB. */
export function createPictureReaders(options: { openStore: OpenStore; max: number }): PictureReaders {
  const { openStore, max } = options;
  const readers = createRecent<PictureReader>(max);
  return {
    async open(recorded) {
      // A run that was removed and begun anew under its name is another one.
      // And one from which pictures were purged: nothing of before is to be shown.
      const key = `${recorded.place} ${recorded.plan.createdAt} ${recorded.plan.purges ?? 0}`;
      const reader = await readers.get(key, () => openPictures(openStore, recorded));
      if (reader.index.updatedAt !== (recorded.progress?.updatedAt ?? null)) await reader.index.refresh();
      return reader;
    },
  };
}
