import { Context } from '@temporalio/activity';
import { files } from '../shared/names.ts';
import type {
  ImagePage,
  ImageResult,
  MinuteLine,
  Plan,
  Progress,
  Segment,
  SkippedObject,
} from '../shared/types.ts';
import { composeHead, composeImage, createPerformance, minutesOf, triesOf } from './compose-results.ts';
import type { AnsweredBatch } from './compose-results.ts';
import { runFailure } from './run-failure.ts';
import type { RunFiles, RunPlace } from './run-files.ts';
import type { ShardReader } from './shards.ts';

export interface SaveResultsInput extends RunPlace {
  progress: Progress;
  /** Pictures of each listed page. */
  pages: number[];
  /** Write `results.json` too, and not only the progress record. */
  full: boolean;
}

export interface SaveResultsDeps {
  files: RunFiles;
  shards: ShardReader;
  /** What a batch that has no shard has answered so far; empty when it cannot be asked. */
  answersOf: (workflowId: string) => Promise<ImageResult[]>;
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
    const ctx = Context.current();
    const beat = setInterval(() => {
      ctx.heartbeat();
    }, 5_000);
    try {
      const plan = await deps.files.plan(input);
      const store = deps.files.store(input.results);
      const minutes = await readMinutes(deps, plan, input);
      await store.replace(files.progress, [`${JSON.stringify({ ...input.progress, minutes })}\n`]);
      if (input.full) await store.replace(files.results, resultsText(deps, plan, input));
    } catch (err) {
      throw runFailure(err);
    } finally {
      clearInterval(beat);
    }
  };
}

/** The text of `results.json`, one picture a line. */
async function* resultsText(
  deps: SaveResultsDeps,
  plan: Plan,
  input: SaveResultsInput,
): AsyncGenerator<string> {
  const performance = createPerformance(plan);
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
  let batch = 0;
  for (const [number, images] of input.pages.entries()) {
    const page = await deps.files.page(input, number);
    for (let first = 0; first < images; first += plan.batchSize, batch += 1) {
      const answered = await answeredBatch(deps, input.results, batch, running.get(batch));
      yield { page, batch: answered };
    }
  }
}

async function answeredBatch(
  deps: SaveResultsDeps,
  results: string,
  batch: number,
  workflowId: string | undefined,
): Promise<AnsweredBatch> {
  const shard = await deps.shards.read(results, batch);
  if (shard !== null)
    return { ms: Date.parse(shard.endedAt) - Date.parse(shard.startedAt), images: shard.images };
  if (workflowId === undefined) return { ms: null, images: [] };
  return { ms: null, images: await deps.answersOf(workflowId) };
}

/** The run's minutes: pages that are done from their segments, the others from their shards. */
async function readMinutes(
  deps: SaveResultsDeps,
  plan: Plan,
  input: SaveResultsInput,
): Promise<MinuteLine[]> {
  const store = deps.files.store(input.results);
  let minutes: MinuteLine[] = [];
  let batch = 0;
  for (const [number, images] of input.pages.entries()) {
    const batches = Math.ceil(images / plan.batchSize);
    const segment = await store.read(files.segment(number));
    if (segment !== null) minutes = mergeMinutes(minutes, (JSON.parse(segment) as Segment).minutes);
    else if (batch < input.progress.batchesDone + input.progress.running.length) {
      for (let n = batch; n < batch + batches; n += 1) {
        const shard = await deps.shards.read(input.results, n);
        if (shard !== null) minutes = minutesOf(shard.images.flatMap(triesOf), minutes);
      }
    }
    batch += batches;
  }
  return minutes;
}

function mergeMinutes(a: readonly MinuteLine[], b: readonly MinuteLine[]): MinuteLine[] {
  const lines = new Map(a.map((line) => [line.at, { ...line }]));
  for (const line of b) {
    const known = lines.get(line.at);
    if (!known) lines.set(line.at, { ...line });
    else {
      known.sent += line.sent;
      known.charged += line.charged;
      known.rateLimited += line.rateLimited;
      known.waitMs += line.waitMs;
    }
  }
  return [...lines.values()].sort((x, y) => (x.at < y.at ? -1 : 1));
}
