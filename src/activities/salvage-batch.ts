import { addCounts, countRecorded, noCounts, subtractCounts } from '../shared/counts.ts';
import { mergeRecords } from '../shared/recorded.ts';
import type { BatchResult, Counts, ImageResult, Plan, Shard } from '../shared/types.ts';
import { withHeartbeat } from './heartbeat.ts';
import { runFailure } from './run-failure.ts';
import type { RunFiles, RunPlace } from './run-files.ts';
import { keepShard, type ShardReader } from './shards.ts';

export interface SalvageInput extends RunPlace {
  batch: number;
  page: number;
  first: number;
  images: number;
  /** The batch's workflow, which ended without a word. */
  workflowId: string;
  /** The run's sums hold what is recorded of it already. */
  counted: boolean;
}

/** What the batch's workflow has answered so far; rejects when nobody can say. */
export type AnswersOf = (workflowId: string) => Promise<ImageResult[]>;

/**
 * Writes the shard of a batch that was given up: what its workflow had answered, and `Lost` for every question that it
 * had not. Its paid answers stay in the results, and nothing is missing without a reason.
 */
export function createSalvageBatch(deps: { files: RunFiles; shards: ShardReader; answersOf: AnswersOf }) {
  return async function salvageBatch(input: SalvageInput): Promise<BatchResult> {
    try {
      return await withHeartbeat(async () => {
        const plan = await deps.files.plan(input);
        const before = await deps.shards.read(input, input.batch);
        const answered = await deps.answersOf(input.workflowId);
        const at = new Date().toISOString();
        const images = Array.from({ length: input.images }, (_, i) => {
          const index = input.first + i;
          const recorded = before?.images.find((image) => image.index === index);
          const known = answered.find((image) => image.index === index);
          const nothing = { page: input.page, index, startedAt: at, endedAt: at, prompts: {} };
          // What failed before, with its reason, is not to be lost for a failure that says less.
          const all = recorded && known ? mergeRecords(recorded, known) : (known ?? recorded ?? nothing);
          return completed(plan, all);
        });
        const startedAt = answered[0]?.startedAt ?? at;
        const shard = await keepShard(deps.files.store(input.results), {
          batch: input.batch,
          startedAt,
          endedAt: at,
          images,
        });
        const counts = countShard(plan, shard);
        const counted = input.counted && before !== null ? countShard(plan, before) : noCounts();
        return { batch: input.batch, counts: subtractCounts(counts, counted) };
      });
    } catch (err) {
      throw runFailure(err);
    }
  };
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
