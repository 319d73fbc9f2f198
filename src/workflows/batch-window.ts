import {
  CancellationScope,
  type ChildWorkflowHandle,
  condition,
  type ExternalWorkflowHandle,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { batchWorkflowIdOf } from '../shared/names.ts';
import { plural } from '../shared/phrases.ts';
import type { BatchResult, PlanSummary } from '../shared/types.ts';
import { analyzeBatch } from './analyze-batch.ts';
import { goesByTimer, watchesWindow } from './changes.ts';
import { SMALL_RUN } from './keep-saved.ts';
import { findClosed, salvageBatch, saveSegment } from './policies.ts';
import type { NextBatch, RunBook } from './run-book.ts';
import type { RunControl } from './run-control.ts';
import { callsNeeded, hasRoom, meanCall, windowOf } from './window.ts';

/** When nothing is heard of a batch for so long, the parent asks the server whether it is still there. */
const QUIET_MS = 60_000;

/** So often the parent looks whether batches have ended that do not report to it. */
const LOOK_AGAIN_MS = 20_000;

/** A batch whose workflow is ended from outside so often is given up: something is wrong with it. */
const LOST_AT_MOST = 3;

/** The sliding window of child workflows: starts each batch, takes its result, and starts one again that was lost. */
export interface BatchWindow {
  /** Starts batches while there are any, and waits for the last. Ends early when `full` says so. */
  launch(full: () => boolean): Promise<void>;
  /**
   * A parent that was reset hears nothing of children that were terminated, or ended, while it was closed (measured; it
   * would wait for ever). So it asks now and then, when nothing is heard of them, and starts those again that are closed.
   */
  watch(over: () => boolean): Promise<void>;
}

export function createBatchWindow(plan: PlanSummary, book: RunBook, control: RunControl): BatchWindow {
  const { gate, children } = control;
  const place = { results: plan.results, plan: plan.plan };
  const runScope = CancellationScope.current();
  const watches = watchesWindow();
  /** How to end the wait for a batch. */
  const giveUp = new Map<number, () => void>();
  /** Batches that run under the run's names and were not started by this execution: they report, but end unheard. */
  const others = new Map<number, ExternalWorkflowHandle>();
  runScope.cancelRequested.catch(() => {
    for (const other of others.values()) void other.cancel().catch(() => {});
  });

  // Sized anew by what the calls so far took: it grows and shrinks with the limits and the latency.
  const size = (): ReturnType<typeof windowOf> => {
    const { batchSize, concurrency } = plan;
    const needed = callsNeeded(book.limits, meanCall(plan, book.counts()));
    return windowOf({ batchSize, concurrency, needed });
  };

  const idOf = (batch: number): string => batchWorkflowIdOf(workflowInfo().workflowId, batch);

  async function launch(full: () => boolean): Promise<void> {
    const left = (): number | null => (plan.concurrency === null && book.listed ? book.notBegun() : null);
    const room = (): boolean =>
      !gate.closed && hasRoom({ running: children.size, children: size().children, left: left() });
    const ended = (): boolean => book.listed && children.size === 0 && control.looking === 0;
    for (;;) {
      await condition(() => full() || (book.next() === undefined ? ended() : room()));
      const next = book.next();
      if (next === undefined || full()) break;
      await start(next);
    }
    // The window is drained before the run ends or continues as new: a child reports to this execution alone.
    await condition(() => children.size === 0 && control.looking === 0);
  }

  async function start({ losses, ...next }: NextBatch): Promise<void> {
    const { batch } = next;
    const workflowId = idOf(batch);
    const { run, modelQueue, simulated, prompts } = plan;
    const { sideBySide } = size();
    const { priority, runId, firstExecutionRunId } = workflowInfo();
    // The key shares the model queue between runs; a person's own may stand for several. What is left out (how urgent
    // the run is, also when that was changed meanwhile) the child has from this workflow, and its calls from the child.
    const fairnessKey = priority?.fairnessKey || run;
    const input = {
      ...next,
      ...place,
      ...{ run, modelQueue, simulated, prompts, sideBySide },
      batches: book.listed ? book.batches() : null,
      reportImages: book.listed && book.images() <= SMALL_RUN,
      // Of a reset this execution knows nothing but that it is not the first one; it only tells an activity so.
      begunBefore: book.resumed || losses > 0 || runId !== firstExecutionRunId,
    };
    book.begin(batch, workflowId);
    control.heardAt.set(batch, Date.now());
    try {
      const child = await startChild(analyzeBatch, {
        workflowId,
        args: [input],
        priority: { fairnessKey },
        staticSummary: `${simulated ? 'SIMULATED · ' : ''}batch ${batch + 1} · ${plural(next.images, 'picture')}`,
      });
      children.set(batch, child);
      // The gate may have closed while the child was being started.
      if (gate.closed) control.tell(child);
      void settle(next, child);
    } catch (err) {
      if (!(err instanceof WorkflowExecutionAlreadyStartedError)) throw err;
      adopt(batch, workflowId);
    }
  }

  /** A batch that somebody else has started or reset is waited for; then it is begun, and finds everything recorded. */
  function adopt(batch: number, workflowId: string): void {
    log.warn('a batch that this execution did not start still runs', { batch: batch + 1 });
    const other = getExternalWorkflowHandle(workflowId);
    others.set(batch, other);
    children.set(batch, other);
    control.tell(other);
    giveUp.set(batch, () => {
      others.delete(batch);
      book.lose(batch);
      forget(batch);
    });
  }

  function forget(batch: number): void {
    giveUp.delete(batch);
    children.delete(batch);
    control.heardAt.delete(batch);
  }

  async function settle(
    next: Omit<NextBatch, 'losses'>,
    child: ChildWorkflowHandle<typeof analyzeBatch>,
  ): Promise<void> {
    const { batch } = next;
    const lost = new Promise<null>((resolve) => {
      giveUp.set(batch, () => {
        resolve(null);
      });
    });
    try {
      await close(next, await resultOf(batch, child.result(), lost));
    } catch (err) {
      // The workflow of a batch that is cancelled with its run is asked for what it has when the results are saved.
      if (!isCancellation(err)) {
        log.error('a batch could not be closed', { batch: batch + 1, error: String(err) });
        book.lose(batch);
      }
    }
    forget(batch);
    control.showDetails();
  }

  /** What a batch's workflow says at its end; `again`: it ended, or is gone, without a word. */
  async function resultOf(
    batch: number,
    result: Promise<BatchResult>,
    lost: Promise<null>,
  ): Promise<BatchResult | 'again' | 'given up'> {
    try {
      const ended = await (watches ? Promise.race([result, lost]) : result);
      if (ended !== null) return ended;
      result.catch(() => {});
    } catch (err) {
      if (runScope.consideredCancelled) throw err;
      log.warn('a batch ended without its results', { batch: batch + 1, error: String(err) });
      // By hand: that is respected.
      if (isCancellation(err)) return 'given up';
    }
    return watches && book.losses(batch) + 1 < LOST_AT_MOST ? 'again' : 'given up';
  }

  async function close(
    { batch, page, first, images, counted }: Omit<NextBatch, 'losses'>,
    outcome: BatchResult | 'again' | 'given up',
  ): Promise<void> {
    if (outcome === 'again') {
      log.warn('a batch starts again', { batch: batch + 1 });
      book.lose(batch);
      return;
    }
    const workflowId = idOf(batch);
    const salvaged = { ...place, batch, page, first, images, workflowId, counted };
    const ended =
      outcome === 'given up' ? await gate.through(() => salvageBatch(salvaged), { urgent: true }) : outcome;
    const segment = book.end(ended);
    if (segment !== null) await gate.through(() => saveSegment({ ...place, ...segment }), { urgent: true });
  }

  async function watch(over: () => boolean): Promise<void> {
    if (!watches) return;
    const byTimer = goesByTimer();
    for (;;) {
      // No timer while nobody works: a run may be paused for days.
      await condition(() => over() || (!gate.closed && children.size > 0));
      if (over()) return;
      if (await condition(over, others.size > 0 ? LOOK_AGAIN_MS : QUIET_MS)) return;
      if (gate.closed && !byTimer) continue;
      const isQuiet = (batch: number): boolean =>
        others.has(batch) || Date.now() - (control.heardAt.get(batch) ?? 0) >= QUIET_MS;
      const batchOf = new Map([...giveUp.keys()].filter(isQuiet).map((batch) => [idOf(batch), batch]));
      if (batchOf.size === 0 && !byTimer) continue;
      const closed = await findClosed({ workflowIds: [...batchOf.keys()] });
      for (const workflowId of closed) giveUp.get(batchOf.get(workflowId) ?? -1)?.();
    }
  }

  return { launch, watch };
}
