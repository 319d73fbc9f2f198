import { files } from '../shared/names.ts';
import type { ImagePage, Plan, Progress, Shard, SkippedObject } from '../shared/types.ts';
import { composeHead, composeImage, createPerformance } from './compose-results.ts';
import type { AnsweredBatch } from './compose-results.ts';
import { withHeartbeat } from './heartbeat.ts';
import { saveMinutes } from './minutes.ts';
import { runFailure } from './run-failure.ts';
import { checkFolder, type RunFiles, type RunPlace } from './run-files.ts';
import type { AnswersOf } from './salvage-batch.ts';
import type { ShardReader } from './shards.ts';

export interface SaveResultsInput extends RunPlace {
  progress: Progress;
  /** Pictures of each listed page. */
  pages: number[];
  /** Write `results.json` too, and not only the progress record. */
  full: boolean;
  /** The last time: what a batch has answered must be in it. */
  final: boolean;
}

export interface SaveResultsDeps {
  files: RunFiles;
  shards: ShardReader;
  answersOf: AnswersOf;
}

/** Skipped objects that `results.json` names; the listed pages name them all. */
const SKIPPED_NAMED = 1_000;

/**
 * Brings the progress record and, when asked, `results.json` up to date. Both are views: written from the plan, the
 * listed pages, the shards, and the answers of batches that are under way. Memory stays flat: answers are read batch
 * by batch, once to sum up and once to write.
 */
export function createSaveResults(deps: SaveResultsDeps) {
  return async function saveResults(input: SaveResultsInput): Promise<void> {
    try {
      await withHeartbeat(async () => {
        const store = deps.files.store(input.results);
        await checkFolder(store);
        const plan = await deps.files.plan(input);
        const minutes = await saveMinutes(deps, plan, input);
        await store.replace(files.progress, [`${JSON.stringify({ ...input.progress, minutes })}\n`]);
        if (input.full) await store.replace(files.results, resultsText(deps, plan, input));
      });
    } catch (err) {
      throw runFailure(err);
    }
  };
}

/** The text of `results.json`, one picture a line. */
async function* resultsText(
  deps: SaveResultsDeps,
  plan: Plan,
  input: SaveResultsInput,
): AsyncGenerator<string> {
  const performance = createPerformance(input.progress.limits);
  const skipped: SkippedObject[] = [];
  let lastPage = -1;
  for await (const { page, batch } of answeredBatches(deps, plan, input)) {
    performance.add(batch);
    if (page.page !== lastPage) skipped.push(...page.skipped.slice(0, SKIPPED_NAMED - skipped.length));
    lastPage = page.page;
  }
  const { progress } = input;
  const head = composeHead({ plan, progress, performance: performance.summary(progress.activeMs), skipped });
  yield `${JSON.stringify(head, null, 2).replace(/\n}$/, '')},\n  "images": [`;
  let separator = '\n    ';
  for await (const { page, batch } of answeredBatches(deps, plan, input)) {
    for (const image of batch.images) {
      yield separator + JSON.stringify(composeImage(page, image));
      separator = ',\n    ';
    }
  }
  yield '\n  ]\n}\n';
}

/** Batches in the order of their pictures: from their shards, or from the workflow of one that is under way. */
async function* answeredBatches(
  deps: SaveResultsDeps,
  plan: Plan,
  input: SaveResultsInput,
): AsyncGenerator<{ page: ImagePage; batch: AnsweredBatch }> {
  const running = new Map(input.progress.running.map(({ batch, workflowId }) => [batch, workflowId]));
  const { begun } = input.progress;
  let batch = 0;
  for (const [number, images] of input.pages.entries()) {
    const page = await deps.files.page(input, number);
    for (let first = 0; first < images; first += plan.batchSize, batch += 1) {
      const answered =
        batch < begun
          ? await answeredBatch(deps, input, batch, running.get(batch))
          : { ms: null, images: [] };
      yield { page, batch: answered };
    }
  }
}

async function answeredBatch(
  deps: SaveResultsDeps,
  input: SaveResultsInput,
  batch: number,
  workflowId: string | undefined,
): Promise<AnsweredBatch> {
  const shard = await deps.shards.read(input, batch);
  if (shard !== null) return { ms: durationOf(shard), images: shard.images };
  if (workflowId === undefined) return { ms: null, images: [] };
  try {
    return { ms: null, images: await deps.answersOf(workflowId) };
  } catch (err) {
    // A view can wait for the next time, if there is one.
    if (input.final) throw err;
    return { ms: null, images: [] };
  }
}

/** Of a batch that went on after a while nobody knows how long it took. */
const durationOf = (shard: Shard): number | null =>
  shard.images.some(({ resumed }) => resumed === true)
    ? null
    : Date.parse(shard.endedAt) - Date.parse(shard.startedAt);
