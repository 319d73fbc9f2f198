import { addCounts, countRecorded, isComplete, noCounts } from '../shared/counts.ts';
import { files } from '../shared/names.ts';
import type { Counts, ImagePage, Plan, Progress, ServerIdentity, SkippedObject } from '../shared/types.ts';
import { type BatchDeps, createAnsweredBatches } from './answered-batches.ts';
import { type AnsweredBatch, composeHead, composeImage, createPerformance } from './compose-results.ts';
import { withHeartbeat } from './heartbeat.ts';
import { saveMinutes } from './minutes.ts';
import { runFailure } from './run-failure.ts';
import { checkFolder, type RunPlace } from './run-files.ts';

export interface SaveResultsInput extends RunPlace {
  progress: Progress;
  /** Pictures of each listed page. */
  pages: number[];
  /** Write `results.json` too, and not only the progress record. */
  full: boolean;
  /** The last time: what a batch has answered must be in it. */
  final: boolean;
}

export interface SaveResultsDeps extends BatchDeps {
  /** The server that the run is worked at; its record names it. Absent where nobody asks. */
  server?: ServerIdentity;
}

/** Skipped objects that `results.json` names; the listed pages name them all. */
const SKIPPED_NAMED = 1_000;

/**
 * Brings the progress record and, when asked, `results.json` up to date. Both are views: written from the plan, the
 * listed pages, the shards, and the answers of batches that are under way. Memory stays flat: answers are read batch
 * by batch, once to sum up and once to write.
 *
 * The totals of `results.json` are the sum over the pictures that it shows, whatever the run has counted on its way.
 * The last time that sum goes into the progress record too, and decides between `complete` and `incomplete`.
 *
 * Returns the sum where `results.json` was written, else `null`.
 */
export function createSaveResults(deps: SaveResultsDeps) {
  return async function saveResults(input: SaveResultsInput): Promise<{ counts: Counts } | null> {
    const { results, full, final } = input;
    try {
      return await withHeartbeat(async () => {
        const store = deps.files.store(results);
        await checkFolder(store);
        const plan = await deps.files.plan(input);
        const look = { ...input, shards: new Set(await store.list('shards')) };
        const minutes = await saveMinutes(deps, plan, look, final);
        const saveProgress = (progress: Progress): Promise<void> =>
          store.replace(files.progress, [
            `${JSON.stringify({ ...progress, server: deps.server, minutes })}\n`,
          ]);

        // It is small and awaited by many, while a large run's answers take their time.
        if (!full || !final) await saveProgress(input.progress);
        if (!full) return null;
        const batches = createAnsweredBatches(deps, plan, look, final);
        const summary = await sumUp(plan, input.progress, batches());
        const { counts } = summary;
        const progress = final ? atTheEnd(input.progress, counts) : { ...input.progress, counts };
        if (final) await saveProgress(progress);
        await store.replace(
          files.results,
          resultsText(composeHead({ plan, progress, ...summary }), batches()),
        );
        return { counts };
      });
    } catch (err) {
      throw runFailure(err);
    }
  };
}

type Batches = AsyncIterable<{ page: ImagePage; batch: AnsweredBatch }>;

/** What comes before the pictures and is known from all of them only. */
async function sumUp(plan: Plan, progress: Progress, batches: Batches) {
  const performance = createPerformance(progress.limits);
  const skipped: SkippedObject[] = [];
  let counts = noCounts();
  let lastPage = -1;
  for await (const { page, batch } of batches) {
    performance.add(batch);
    for (const image of batch.images) counts = addCounts(counts, countRecorded(image, plan.prompts.length));
    if (page.page !== lastPage) skipped.push(...page.skipped.slice(0, SKIPPED_NAMED - skipped.length));
    lastPage = page.page;
  }
  return { counts, performance: performance.summary(progress.activeMs), skipped };
}

/** A run that has asked everything is complete when every question is answered, which its pictures know best. */
function atTheEnd(progress: Progress, counts: Counts): Progress {
  const { state, images } = progress;
  const askedAll = state === 'complete' || state === 'incomplete';
  return {
    ...progress,
    counts,
    ended: counts,
    state: askedAll ? (isComplete(counts, images) ? 'complete' : 'incomplete') : state,
  };
}

/** The text of `results.json`, one picture a line. */
async function* resultsText(head: object, batches: Batches): AsyncGenerator<string> {
  yield `${JSON.stringify(head, null, 2).replace(/\n}$/, '')},\n  "images": [`;
  let separator = '\n    ';
  for await (const { page, batch } of batches) {
    for (const image of batch.images) {
      yield separator + JSON.stringify(composeImage(page, image));
      separator = ',\n    ';
    }
  }
  yield '\n  ]\n}\n';
}
