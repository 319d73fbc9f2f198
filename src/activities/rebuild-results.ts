import { addCounts, isComplete, noCounts, questionsOf } from '../shared/counts.ts';
import { batchWorkflowIdOf, files } from '../shared/names.ts';
import type { RecordedAnswer, Rebuilt } from '../shared/rebuilt.ts';
import type { Counts, ImagePage, Plan, Progress, ServerIdentity, Shard } from '../shared/types.ts';
import { type Found, findAnswers } from './find-answers.ts';
import type { AnswerStore } from './ports.ts';
import { brokenRun } from './run-failure.ts';
import { parsed, planHash, type RunFiles, type RunPlace } from './run-files.ts';
import { countShard } from './salvage-batch.ts';
import { createSaveResults } from './save-results.ts';
import { createSaveSegment } from './save-segment.ts';
import { createShardReader, keepShard } from './shards.ts';

export interface RebuildDeps {
  files: RunFiles;
  answers: AnswerStore;
  /** What the histories of a batch's workflow hold; empty where nobody can say. */
  answersOf: (workflowId: string) => Promise<RecordedAnswer[]>;
  /** The server that the run's record is to name; absent where nobody asks. */
  server?: ServerIdentity;
}

/**
 * Writes the views of a run again, which is at work nowhere: `results.json` and `minutes.json`, and where they are
 * missing the progress record and the index segments. They follow from `run.json`, the listed pages and the shards; an
 * answer that a shard misses is looked for in the answer store and in the batch's histories, and kept in the shard.
 *
 * Asks the model nothing. Of another run's answers it takes only those that this run must have recalled: a run that
 * ended with an outcome for every question had one for each.
 *
 * Throws a `Blocked` failure that names the file, where `run.json` or a listed page is gone or damaged.
 */
export function createRebuildResults(deps: RebuildDeps) {
  const shards = createShardReader(deps.files);
  const saveSegment = createSaveSegment({ ...deps, shards });
  const saveResults = createSaveResults({ ...deps, shards, answersOf: () => Promise.resolve([]) });

  /** Adds to a page's shards what they miss, and writes its index segment where that is missing or changes. */
  async function rebuildPage(
    run: RebuiltRun,
    page: ImagePage,
    firstBatch: number,
    changed: ReadonlySet<number>,
  ): Promise<RebuiltPage> {
    const { place, plan, recorded } = run;
    const store = deps.files.store(place.results);
    const done: RebuiltPage = { counts: noCounts(), lastAt: '', wrote: [], fromStore: 0, fromHistory: 0 };
    let batch = firstBatch;
    let whole = page.images.length > 0;
    for (let first = 0; first < page.images.length; first += plan.batchSize, batch += 1) {
      const images = Math.min(plan.batchSize, page.images.length - first);
      const begun = batch < (recorded?.begun ?? Infinity);
      const before = begun ? await shards.read(place, batch) : null;
      const found = await findAnswers(deps, {
        ...{ plan, page, first, images, shard: before },
        begun,
        hadAll: recorded !== null && ['complete', 'incomplete'].includes(recorded.state),
        workflowId: batchWorkflowIdOf(plan.workflowId, batch),
      });
      const isMore = found.images.length > 0;
      const shard = isMore ? await keepShard(store, shardOf(batch, before, found.images)) : before;
      if (isMore) done.wrote.push(files.shard(batch));
      done.fromStore += found.fromStore;
      done.fromHistory += found.fromHistory;
      whole &&= shard !== null && hasOutcomes(shard, images, plan);
      if (shard === null) continue;
      done.counts = addCounts(done.counts, countShard(plan, shard));
      if (shard.endedAt > done.lastAt) done.lastAt = shard.endedAt;
    }
    const segment = files.segment(page.page);
    const isDue = done.wrote.length > 0 || changed.has(page.page);
    if (run.segments.has(segment) ? isDue : whole) {
      await saveSegment({ ...place, page: page.page, firstBatch, batches: batch - firstBatch });
      done.wrote.push(segment);
    }
    return done;
  }

  /** `changed`: pages with shards that somebody else has changed, whose segments are old. */
  return async function rebuildResults(
    results: string,
    changed: ReadonlySet<number> = new Set(),
  ): Promise<Rebuilt> {
    const run = await openRun(deps.files, results);
    const { place, plan, pages, recorded } = run;
    const rebuilt: Omit<Rebuilt, 'images' | 'questions' | 'answered' | 'failed'> = {
      wrote: [files.results, files.minutes, ...(recorded === null ? [files.progress] : [])],
      fromStore: 0,
      fromHistory: 0,
    };
    let counts = noCounts();
    let lastAt = plan.createdAt;
    let batch = 0;
    for (const page of pages) {
      const done = await rebuildPage(run, page, batch, changed);
      batch += Math.ceil(page.images.length / plan.batchSize);
      counts = addCounts(counts, done.counts);
      if (done.lastAt > lastAt) lastAt = done.lastAt;
      rebuilt.wrote.push(...done.wrote);
      rebuilt.fromStore += done.fromStore;
      rebuilt.fromHistory += done.fromHistory;
    }
    const progress = recorded ?? progressOf(plan, pages, counts, lastAt);
    const sizes = pages.map(({ images }) => images.length);
    await saveResults({ ...place, progress, pages: sizes, full: true, final: true });
    const images = sizes.reduce((sum, n) => sum + n, 0);
    return {
      ...rebuilt,
      wrote: rebuilt.wrote.sort(),
      images,
      questions: questionsOf(images, plan.prompts.length, counts),
      answered: counts.answered,
      failed: counts.failed,
    };
  };
}

/** What the files of a run say before it is rebuilt. */
interface RebuiltRun {
  place: RunPlace;
  plan: Plan;
  pages: ImagePage[];
  /** `null`: the progress record is gone. */
  recorded: Progress | null;
  /** Index segments that are there. */
  segments: Set<string>;
}

type RebuiltPage = Found & { counts: Counts; lastAt: string; wrote: string[] };

async function openRun(runFiles: RunFiles, results: string): Promise<RebuiltRun> {
  const store = runFiles.store(results);
  const runJson = await store.read(files.run);
  if (runJson === null) throw brokenRun(`${results}/${files.run} is gone`);
  const place: RunPlace = { results, plan: planHash(runJson) };
  const names = await store.list('images');
  const pages = await Promise.all(names.map((_, page) => runFiles.page(place, page)));
  const text = await store.read(files.progress);
  const recorded = text === null ? null : parsed<Progress>(text, `${results}/${files.progress}`);
  if (pages.reduce((sum, { images }) => sum + images.length, 0) < (recorded?.images ?? 0))
    throw brokenRun(`${results}/${files.page(pages.length)} is gone`);
  const segments = new Set((await store.list('index')).map((name) => `index/${name}`));
  return { place, plan: await runFiles.plan(place), pages, recorded, segments };
}

/** What was found of a batch, with the times of what is recorded of it: nobody knows when the rest began and ended. */
function shardOf(batch: number, before: Shard | null, images: Shard['images']): Shard {
  const times = images.flatMap(({ startedAt, endedAt }) => [startedAt, endedAt]).sort();
  const startedAt = before?.startedAt ?? times[0] ?? '';
  return { batch, startedAt, endedAt: before?.endedAt ?? times.at(-1) ?? startedAt, images };
}

const hasOutcomes = (shard: Shard, images: number, plan: Plan): boolean =>
  shard.images.length === images &&
  shard.images.every((image) => plan.prompts.every(({ id }) => image.prompts[id] !== undefined));

/** The record of a run that has none any more. `running` is what a record says of a run that nobody has ended. */
function progressOf(plan: Plan, pages: readonly ImagePage[], counts: Counts, lastAt: string): Progress {
  const images = pages.reduce((sum, page) => sum + page.images.length, 0);
  const batches = pages.reduce((sum, page) => sum + Math.ceil(page.images.length / plan.batchSize), 0);
  const questions = questionsOf(images, plan.prompts.length, counts);
  const listed = pages.at(-1)?.next === null;
  const hasEnded = listed && counts.answered + counts.failed === questions;
  return {
    run: plan.run,
    workflowId: plan.workflowId,
    state: hasEnded ? (isComplete(counts, images) ? 'complete' : 'incomplete') : 'running',
    source: plan.source,
    simulated: plan.account.simulated,
    model: plan.model,
    limits: { ...plan.limits, from: 'start', spareTokens: 0 },
    startedAt: plan.createdAt,
    updatedAt: lastAt,
    images,
    listed,
    skipped: pages.reduce((sum, page) => sum + page.skipped.length, 0),
    batches,
    batchesDone: hasEnded ? batches : 0,
    begun: batches,
    promptsPerImage: plan.prompts.length,
    prompts: plan.prompts.map(({ id, name }) => ({ id, name })),
    tokensPerCall: plan.tokensPerCall,
    counts,
    ended: counts,
    running: [],
    block: null,
    warnings: [],
    recentFailures: [],
    activeMs: Date.parse(lastAt) - Date.parse(plan.createdAt),
    remainingMs: null,
    minutes: [],
  };
}
