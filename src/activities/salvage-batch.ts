import { addCounts, countImage, countPrompt, noCounts } from '../shared/counts.ts';
import { files } from '../shared/names.ts';
import type { BatchResult, Counts, ImageResult, Plan, Shard } from '../shared/types.ts';
import { withHeartbeat } from './heartbeat.ts';
import { runFailure } from './run-failure.ts';
import type { RunFiles, RunPlace } from './run-files.ts';

export interface SalvageInput extends RunPlace {
  batch: number;
  page: number;
  first: number;
  images: number;
  /** The batch's workflow, which was ended by hand. */
  workflowId: string;
}

/** What the batch's workflow has answered so far; rejects when nobody can say. */
export type AnswersOf = (workflowId: string) => Promise<ImageResult[]>;

/**
 * Writes the shard of a batch that was ended by hand: what its workflow had answered, and `Lost` for every question
 * that it had not. Its paid answers stay in the results, and nothing is missing without a reason.
 */
export function createSalvageBatch(deps: { files: RunFiles; answersOf: AnswersOf }) {
  return async function salvageBatch(input: SalvageInput): Promise<BatchResult> {
    try {
      return await withHeartbeat(async () => {
        const plan = await deps.files.plan(input);
        const answered = await deps.answersOf(input.workflowId);
        const at = new Date().toISOString();
        const shard: Shard = {
          batch: input.batch,
          startedAt: answered[0]?.startedAt ?? at,
          endedAt: at,
          images: Array.from({ length: input.images }, (_, i) => {
            const index = input.first + i;
            const known = answered.find((image) => image.index === index);
            return completed(
              plan,
              known ?? { page: input.page, index, startedAt: at, endedAt: at, prompts: {} },
            );
          }),
        };
        await deps.files.store(input.results).create(files.shard(input.batch), `${JSON.stringify(shard)}\n`);
        return { batch: input.batch, counts: countShard(shard) };
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
export function countShard(shard: Shard): Counts {
  return shard.images.reduce((sum, image) => addCounts(sum, countOf(image)), noCounts());
}

const countOf = (image: ImageResult): Counts =>
  Object.entries(image.prompts).reduce(
    (sum, [prompt, outcome]) => addCounts(sum, countPrompt(prompt, outcome)),
    countImage(Object.values(image.prompts)),
  );
