import { createErasePicture } from '../activities/erase-picture.ts';
import { createFindPicture } from '../activities/find-picture.ts';
import type { Config } from '../config.ts';
import type { Purge } from '../shared/purge.ts';
import { createGcs } from './adapters/gcs.ts';
import { createOpenAnswers } from './adapters/open-answers.ts';
import { createOpenStore } from './adapters/open-store.ts';
import { createRemoveRun } from './adapters/remove-run.ts';

/** What a purge does to files, without a worker: with the parts that the settings name. */
export function createPurge(config: Config): Omit<Purge, 'clearThumbnails'> {
  const gcs = createGcs({ apiEndpoint: config.gcsEndpoint });
  const openStore = createOpenStore(gcs);
  return {
    find: createFindPicture({ openStore }),
    erase: createErasePicture({ openStore, answers: createOpenAnswers(gcs)(config.answers) }),
    removeRun: createRemoveRun(gcs),
  };
}
