import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  log,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { plural } from '../shared/phrases.ts';
import type { BatchResult, RunInput, RunResult } from '../shared/types.ts';
import { analyzeBatch } from './analyze-batch.ts';
import { keepSaved, saveNow, SMALL_RUN } from './keep-saved.ts';
import { pauseSignal } from './messages.ts';
import { type BatchPlace, placeOf } from './partition.ts';
import { listImages, salvageBatch, saveResults, saveSegment } from './policies.ts';
import { createRunBook, type CarriedState } from './run-book.ts';
import { createRunControl } from './run-control.ts';
import { planTheRun, publishState } from './run-start.ts';
import { callsNeeded, hasRoom, meanCall, windowOf } from './window.ts';

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
  const control = createRunControl(plan, book);
  const { gate, children } = control;
  const place = { results: plan.results, plan: plan.plan };
  const runScope = CancellationScope.current();

  // The server's word, at some 4,000 events: so that the Web UI opens any of a run's histories at once.
  const historyIsFull = (): boolean => workflowInfo().continueAsNewSuggested;
  const nextPlace = (): BatchPlace | undefined => placeOf(book.nextBatch, book.pages(), plan.batchSize);

  async function list(): Promise<void> {
    while (!book.listed && !historyIsFull()) {
      const page = book.pages().length;
      // A page holds whole batches, so that a batch never spans two.
      const max = Math.max(plan.batchSize, SMALL_RUN - (SMALL_RUN % plan.batchSize));
      const { cursor } = book;
      const found = book.images();
      book.addPage(await gate.through(() => listImages({ ...place, page, cursor, max, found })));
    }
  }

  async function launch(): Promise<void> {
    const { batchSize, concurrency } = plan;
    // Sized anew by what the calls so far took: it grows and shrinks with the limits and the latency.
    const window = (): ReturnType<typeof windowOf> => {
      const needed = callsNeeded(book.limits, meanCall(plan, book.counts()));
      return windowOf({ batchSize, concurrency, needed });
    };
    const left = (): number | null =>
      concurrency === null && book.listed ? book.batches() - book.nextBatch : null;
    const room = (): boolean =>
      !gate.closed && hasRoom({ running: children.size, children: window().children, left: left() });
    for (;;) {
      await condition(() => historyIsFull() || (nextPlace() === undefined ? book.listed : room()));
      const next = nextPlace();
      if (next === undefined || historyIsFull()) break;
      await start(next, window().sideBySide);
    }
    // The window is drained before the run ends or continues as new: a child reports to this execution alone.
    await condition(() => children.size === 0);
  }

  async function start(next: BatchPlace, sideBySide: number): Promise<void> {
    const workflowId = `${workflowInfo().workflowId}-batch-${next.batch + 1}`;
    const { run, results, modelQueue, simulated, prompts } = plan;
    // The key shares the model queue between runs; a person's own may stand for several. What is left out (how urgent
    // the run is, also when that was changed meanwhile) the child has from this workflow, and its calls from the child.
    const fairnessKey = workflowInfo().priority?.fairnessKey || run;
    book.begin(next.batch, workflowId);
    const child = await startChild(analyzeBatch, {
      workflowId,
      args: [
        {
          ...next,
          ...{ run, results, plan: plan.plan, modelQueue, simulated, prompts, sideBySide },
          batches: book.listed ? book.batches() : null,
          reportImages: book.listed && book.images() <= SMALL_RUN,
          retry: null,
          counted: false,
        },
      ],
      priority: { fairnessKey },
      staticSummary: `${simulated ? 'SIMULATED · ' : ''}batch ${next.batch + 1} · ${plural(next.images, 'picture')}`,
    });
    children.set(next.batch, child);
    // The gate may have closed while the child was being started.
    if (gate.closed) void child.signal(pauseSignal).catch(() => {});
    void settle(next, workflowId, child.result());
  }

  async function settle(batch: BatchPlace, workflowId: string, result: Promise<BatchResult>): Promise<void> {
    try {
      const ended = await result.catch((err: unknown) => {
        if (runScope.consideredCancelled) throw err;
        // Somebody ended the child by hand: what it had answered counts, the rest stays without answers.
        log.warn('a batch ended without its results', { batch: batch.batch + 1, error: String(err) });
        return gate.through(() => salvageBatch({ ...place, ...batch, workflowId }), { urgent: true });
      });
      const page = book.end(ended);
      if (page !== null) await gate.through(() => saveSegment({ ...place, ...page }), { urgent: true });
    } catch (err) {
      // The workflow of a batch that is cancelled with its run is asked for what it has when the results are saved.
      if (!isCancellation(err)) log.error('a batch could not be closed', { error: String(err) });
    }
    children.delete(batch.batch);
    control.showDetails();
  }

  /** Leaves results that say how far the run came; a place that cannot be written is no reason to wait any more. */
  async function finishEarly(state: 'cancelled' | 'failed'): Promise<void> {
    book.setState(state);
    publishState(plan, state);
    control.showDetails();
    if (state === 'cancelled') await condition(() => children.size === 0, '60 seconds');
    const input = { ...place, progress: book.progress(), pages: book.pages(), full: true, final: true };
    await Promise.race([saveResults(input).catch(() => {}), sleep('2 minutes')]);
  }

  /** Everything that there is to do, and the results kept up to date meanwhile. */
  async function work(): Promise<void> {
    let launched = false;
    const all = Promise.all([list(), launch()]).finally(() => {
      launched = true;
    });
    await Promise.all([all, keepSaved(plan, book, control, () => launched)]);
    if (!book.finished()) return;
    book.setState(book.complete() ? 'complete' : 'incomplete');
    await saveNow(plan, book, control, true);
    publishState(plan, book.progress().state);
  }

  control.showDetails();
  let over = false;
  const isOver = (): boolean => over;
  try {
    await Promise.all([
      work().finally(() => {
        over = true;
      }),
      control.probeWhileBlocked(isOver),
      control.failBeforeFirstAnswer(isOver),
    ]);
    await condition(allHandlersFinished);
  } catch (err) {
    await CancellationScope.nonCancellable(() => finishEarly(isCancellation(err) ? 'cancelled' : 'failed'));
    throw err;
  }
  if (!book.finished()) return continueAsNew<typeof analyzeImages>(input, book.carry());
  return book.result();
}
