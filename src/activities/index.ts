import { type AskDeps, createAskModel } from './ask-model.ts';
import { createFindClosed, type FindClosedDeps } from './find-closed.ts';
import { createFindMissing } from './find-missing.ts';
import { createListImages } from './list-images.ts';
import { createOpenBatch, type OpenBatchDeps } from './open-batch.ts';
import { createNotify, type NotifyDeps } from './notify.ts';
import { createPlanRun, type PlanDeps } from './plan-run.ts';
import { createSalvageBatch } from './salvage-batch.ts';
import { createSaveBatch } from './save-batch.ts';
import { createSaveResults, type SaveResultsDeps } from './save-results.ts';
import { createSaveSegment } from './save-segment.ts';
import { createShardReader } from './shards.ts';

export type { BatchImage } from './open-batch.ts';

/** Everything but the model's calls: on the ordinary task queue. */
export function createRunActivities(
  deps: PlanDeps &
    Pick<SaveResultsDeps, 'answersOf' | 'server'> &
    FindClosedDeps &
    Pick<OpenBatchDeps, 'answers' | 'earlierAnswers'> & { notifySecret: NotifyDeps['secret'] },
) {
  const shards = createShardReader(deps.files);
  return {
    planRun: createPlanRun(deps),
    listImages: createListImages(deps),
    findMissing: createFindMissing({ ...deps, shards }),
    findClosed: createFindClosed(deps),
    openBatch: createOpenBatch({ ...deps, shards }),
    notify: createNotify({ secret: deps.notifySecret }),
    saveBatch: createSaveBatch(deps),
    salvageBatch: createSalvageBatch({ ...deps, shards }),
    saveSegment: createSaveSegment({ ...deps, shards }),
    saveResults: createSaveResults({ ...deps, shards }),
  };
}

/** The model's calls: alone on the account's own task queue, behind the limiter. */
export function createModelActivities(deps: AskDeps) {
  return { askModel: createAskModel(deps) };
}

export type RunActivities = ReturnType<typeof createRunActivities>;
export type ModelActivities = ReturnType<typeof createModelActivities>;
