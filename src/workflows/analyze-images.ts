import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  type ChildWorkflowHandle,
  condition,
  continueAsNew,
  isCancellation,
  log,
  setCurrentDetails,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { inWords, plural } from '../shared/phrases.ts';
import type { BatchResult, Block, RunInput, RunResult } from '../shared/types.ts';
import { analyzeBatch } from './analyze-batch.ts';
import { createGate } from './gate.ts';
import {
  batchBlockedSignal,
  batchClearedSignal,
  batchReportSignal,
  failuresQuery,
  pauseSignal,
  pauseUpdate,
  probeSignal,
  progressQuery,
  resumeSignal,
  resumeUpdate,
} from './messages.ts';
import { type BatchPlace, placeOf } from './partition.ts';
import { listImages, saveResults, saveSegment } from './policies.ts';
import { createRunBook, type CarriedState } from './run-book.ts';
import { runDetails } from './run-details.ts';
import { planTheRun, publishState } from './run-start.ts';
import { callsInFlight, windowOf } from './window.ts';

/** Results are brought up to date after so many pictures or so long, on an error, and at once when the run stops asking. */
const SAVE_EVERY_IMAGES = 10;
const SAVE_EVERY = '30 seconds';
const SAVE_GAP_AFTER_ERROR_MS = 5_000;

/** Beyond so many pictures `results.json` is written only when it has grown by a third; shards carry the cadence. */
const SMALL_RUN = 1000;

/** A blocked run tries one call after 30 seconds, then after twice the time, up to 10 minutes. */
const FIRST_PROBE_MS = 30_000;
const LAST_PROBE_MS = 600_000;

/**
 * Parent workflow: plans the run, lists the pictures page by page and keeps a sliding window of child workflows, four
 * pictures each. Its history carries counts and no answers.
 *
 * Fails at once, before anything is paid for, on bad input and on whatever a person must mend first. Later it blocks:
 * it stops asking, says why, and probes until the cause is gone or somebody resumes it.
 *
 * @param carried - What an earlier execution of the same run knew when it continued as new; never given by a person.
 */
export async function analyzeImages(input: RunInput, carried?: CarriedState): Promise<RunResult> {
  const plan = carried?.plan ?? (await planTheRun(input));
  const book = createRunBook(plan, carried);
  const runScope = CancellationScope.current();
  const children = new Map<number, ChildWorkflowHandle<typeof analyzeBatch>>();
  const place = { results: plan.results, plan: plan.plan };
  /** The batch whose call was blocked last: the one to probe with. `null`: a call of this workflow itself. */
  let blockedBatch: number | null = null;
  /** Batches that have reported since the run stopped asking. */
  const heardFrom = new Set<number>();
  let errorUnsaved = false;
  let over = false;

  const gate = createGate(book.paused || book.block !== null, {
    blocked: async (why) => {
      block(why, null);
    },
    cleared: async () => {
      goOn();
    },
  });
  // The server's word, at some 4,000 events: so that the Web UI opens any of a run's histories at once.
  const historyIsFull = (): boolean => workflowInfo().continueAsNewSuggested;
  const nextPlace = (): BatchPlace | undefined => placeOf(book.nextBatch, book.pages(), plan.batchSize);

  setHandler(progressQuery, () => book.progress());
  setHandler(failuresQuery, () => book.failures());
  setHandler(pauseUpdate, pause);
  setHandler(pauseSignal, () => void pause());
  setHandler(resumeUpdate, goOn);
  setHandler(resumeSignal, () => void goOn());
  setHandler(batchBlockedSignal, ({ batch, block: why }) => {
    block(why, batch);
  });
  setHandler(batchClearedSignal, () => void (book.block !== null && goOn()));
  setHandler(batchReportSignal, (report) => {
    heardFrom.add(report.batch);
    book.report(report);
    errorUnsaved ||= report.failures.length > 0;
    showDetails();
  });

  function pause(): string {
    gate.close();
    book.setPaused();
    tellChildren(pauseSignal);
    return `${plan.run} is paused; calls in flight end and are recorded`;
  }

  function goOn(): string {
    gate.open();
    book.setGoing();
    tellChildren(resumeSignal);
    return `${plan.run} goes on`;
  }

  function block(why: Block, batch: number | null): void {
    log.error(`blocked: ${why.reason}`, { run: plan.run, remedy: why.remedy });
    blockedBatch = batch;
    heardFrom.clear();
    gate.close();
    book.setBlocked(why);
    tellChildren(pauseSignal);
  }

  function tellChildren(signal: typeof pauseSignal | typeof resumeSignal): void {
    // A child that has just ended needs no telling.
    for (const child of children.values()) void child.signal(signal.name).catch(() => {});
    publishState(plan, book.progress().state);
    showDetails();
  }

  function showDetails(): void {
    setCurrentDetails(runDetails(plan, book.progress()));
  }

  async function list(): Promise<void> {
    while (!book.listed && !historyIsFull()) {
      const page = book.pages().length;
      // A page holds whole batches, so that a batch never spans two.
      const max = Math.max(plan.batchSize, SMALL_RUN - (SMALL_RUN % plan.batchSize));
      const { cursor } = book;
      const listed = await gate.through(() =>
        listImages({ ...place, page, cursor, max, found: book.images() }),
      );
      book.addPage(listed);
    }
  }

  async function launch(): Promise<void> {
    const needed = callsInFlight(plan.limits, plan.tokensPerCall);
    const window = windowOf({ batchSize: plan.batchSize, concurrency: plan.concurrency, needed });
    for (;;) {
      await condition(
        () =>
          historyIsFull() ||
          (book.listed && nextPlace() === undefined) ||
          (!gate.closed && children.size < window.children && nextPlace() !== undefined),
      );
      const next = nextPlace();
      if (next === undefined || historyIsFull()) break;
      await start(next, window.sideBySide);
    }
    // The window is drained before the run ends or continues as new: a child reports to this execution alone.
    await condition(() => children.size === 0);
  }

  async function start(next: BatchPlace, sideBySide: number): Promise<void> {
    const workflowId = `${workflowInfo().workflowId}-batch-${next.batch + 1}`;
    const label = plan.simulated ? 'SIMULATED · ' : '';
    book.begin(next.batch, workflowId);
    const child = await startChild(analyzeBatch, {
      workflowId,
      args: [
        {
          ...next,
          run: plan.run,
          results: plan.results,
          plan: plan.plan,
          modelQueue: plan.modelQueue,
          simulated: plan.simulated,
          prompts: plan.prompts,
          batches: book.listed ? book.batches() : null,
          sideBySide,
          reportImages: book.listed && book.images() <= SMALL_RUN,
          paused: gate.closed,
        },
      ],
      staticSummary: `${label}batch ${next.batch + 1} · ${plural(next.images, 'picture')}`,
    });
    children.set(next.batch, child);
    void settle(next.batch, child.result());
  }

  async function settle(batch: number, result: Promise<BatchResult>): Promise<void> {
    try {
      const page = book.end(await result);
      if (page !== null) await gate.through(() => saveSegment({ ...place, ...page }), { urgent: true });
    } catch (err) {
      // Of a run that is cancelled the batch's workflow is asked for what it has. Otherwise somebody ended the child by
      // hand: its pictures stay without answers, which the run's result says.
      if (runScope.consideredCancelled) return;
      log.warn('a batch ended without its results', { batch: batch + 1, error: String(err) });
      book.lose(batch);
    } finally {
      children.delete(batch);
      showDetails();
    }
  }

  async function save(final: boolean): Promise<void> {
    errorUnsaved = false;
    book.saving();
    const progress = book.progress();
    const full = final || book.images() <= SMALL_RUN || book.grownByAThird();
    await gate.through(() => saveResults({ ...place, progress, pages: book.pages(), full }), {
      urgent: true,
    });
    book.saved(full);
    log.info(
      `results saved: ${progress.counts.images}/${progress.images} pictures → ${plan.results}/results.json`,
      {
        run: plan.run,
        remaining: progress.remainingMs === null ? 'unknown' : inWords(progress.remainingMs),
      },
    );
    showDetails();
  }

  /** Keeps the results up to date until everything is launched and done. */
  async function keepSaved(): Promise<void> {
    let lastSave: number | null = null;
    const due = (): boolean =>
      lastSave === null ||
      gate.closed ||
      book.unsavedImages() >= SAVE_EVERY_IMAGES ||
      (errorUnsaved && Date.now() - lastSave >= SAVE_GAP_AFTER_ERROR_MS);
    for (;;) {
      // No timer while nothing happens: a run may be paused for days. The first save shows what was found.
      await condition(() => over || (book.changed() && book.pages().length > 0));
      await condition(() => over || due(), SAVE_EVERY);
      if (over) return;
      await save(false);
      lastSave = Date.now();
    }
  }

  /** While the run is blocked, lets one call go now and then: the one that was blocked. */
  async function probe(): Promise<void> {
    let wait = FIRST_PROBE_MS;
    for (;;) {
      await condition(() => over || book.block !== null);
      if (over) return;
      const until = book.block?.until === undefined ? 0 : Date.parse(book.block.until) - Date.now();
      const ms = Math.max(wait, until);
      book.setNextProbe(new Date(Date.now() + ms));
      showDetails();
      if (await condition(() => over || book.block === null, ms)) {
        wait = FIRST_PROBE_MS;
        continue;
      }
      wait = Math.min(wait * 2, LAST_PROBE_MS);
      const child = blockedBatch === null ? undefined : children.get(blockedBatch);
      if (child) await child.signal(probeSignal).catch(() => {});
      else gate.probe();
    }
  }

  /** What a person must mend before the first answer fails the run at once; only after it the run waits. */
  async function failBeforeFirstAnswer(): Promise<void> {
    for (;;) {
      await condition(() => over || book.block !== null);
      await condition(
        () => over || book.block === null || [...children.keys()].every((batch) => heardFrom.has(batch)),
      );
      if (over) return;
      const why = book.block;
      if (why !== null && book.answered() === 0) {
        book.setState('failed');
        await save(true);
        throw ApplicationFailure.create({
          message: `${why.reason} ${why.remedy}`,
          type: 'Blocked',
          nonRetryable: true,
        });
      }
      await condition(() => over || book.block === null);
    }
  }

  async function finishCancelled(): Promise<void> {
    book.setState('cancelled');
    await condition(() => children.size === 0, '60 seconds');
    await saveResults({ ...place, progress: book.progress(), pages: book.pages(), full: true });
    publishState(plan, 'cancelled');
    showDetails();
  }

  showDetails();
  const work = Promise.all([list(), launch()]).finally(() => {
    over = true;
  });
  try {
    await Promise.all([work, keepSaved(), probe(), failBeforeFirstAnswer()]);
    await condition(allHandlersFinished);
  } catch (err) {
    if (isCancellation(err)) await CancellationScope.nonCancellable(finishCancelled);
    throw err;
  }
  if (!book.finished()) return continueAsNew<typeof analyzeImages>(input, book.carry());

  book.setState(book.complete() ? 'complete' : 'incomplete');
  publishState(plan, book.progress().state);
  await save(true);
  return book.result();
}
