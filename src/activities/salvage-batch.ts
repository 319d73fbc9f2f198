import { activityInfo, log } from '@temporalio/activity';
import { addCounts, countRecorded, noCounts } from '../shared/counts.ts';
import { redact } from '../shared/redact.ts';
import type { BatchResult, Counts, ImageResult, Plan, Shard } from '../shared/types.ts';
import { withHeartbeat } from './heartbeat.ts';
import { runFailure } from './run-failure.ts';
import type { RunFiles, RunPlace } from './run-files.ts';
import { keepShard } from './shards.ts';

export interface SalvageInput extends RunPlace {
  batch: number;
  page: number;
  first: number;
  images: number;
  /** The batch's workflow, which ended without a word. */
  workflowId: string;
  /** The batch is started again, and asks what is missing. */
  again: boolean;
}

/** So often the workflow of a batch is asked for its answers before the batch starts again without them. */
const ASKED_AT_MOST = 5;

/** What the batch's workflow has answered so far; rejects when nobody can say. */
export type AnswersOf = (workflowId: string) => Promise<ImageResult[]>;

/**
 * Writes what the workflow of a batch had answered before it was ended from outside, so that its paid answers stay in
 * the results. Unless the batch is started again, every question that it had not answered fails as `Lost`: nothing is
 * missing without a reason.
 */
export function createSalvageBatch(deps: { files: RunFiles; answersOf: AnswersOf }) {
  return async function salvageBatch(input: SalvageInput): Promise<BatchResult> {
    try {
      return await withHeartbeat(async () => {
        const plan = await deps.files.plan(input);
        const answered = await answersOf(deps, input);
        if (input.again && answered.length === 0) return { batch: input.batch, counts: noCounts() };
        const at = new Date().toISOString();
        const images = input.again
          ? answered
          : Array.from({ length: input.images }, (_, i) => {
              const index = input.first + i;
              const known = answered.find((image) => image.index === index);
              return completed(
                plan,
                known ?? { page: input.page, index, startedAt: at, endedAt: at, prompts: {} },
              );
            });
        const startedAt = answered[0]?.startedAt ?? at;
        const shard = await keepShard(deps.files.store(input.results), {
          batch: input.batch,
          startedAt,
          endedAt: at,
          images,
        });
        return { batch: input.batch, counts: countShard(plan, shard) };
      });
    } catch (err) {
      throw runFailure(err);
    }
  };
}

/** A batch that starts again asks only what the answer store does not have either: it need not wait for ever. */
async function answersOf(deps: { answersOf: AnswersOf }, input: SalvageInput): Promise<ImageResult[]> {
  try {
    return await deps.answersOf(input.workflowId);
  } catch (err) {
    if (!input.again || activityInfo().attempt < ASKED_AT_MOST) throw err;
    log.warn('a batch that has ended does not say what it had answered', { error: redact(String(err)) });
    return [];
  }
}

/** The picture with a failure for each question that has no outcome. */
function completed(plan: Plan, image: ImageResult): ImageResult {
  const prompts = { ...image.prompts };
  for (const { id } of plan.prompts) {
    prompts[id] ??= {
      ok: false,
      failure: { kind: 'Lost', message: 'The batch was ended by hand before this was answered.', tries: [] },
    };
  }
  return { ...image, prompts };
}

/** What a shard's pictures add up to. */
export function countShard(plan: Plan, shard: Shard): Counts {
  const questions = plan.prompts.length;
  return shard.images.reduce((sum, image) => addCounts(sum, countRecorded(image, questions)), noCounts());
}
