import {
  CancellationScope,
  condition,
  isCancellation,
  log,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { batchWorkflowIdOf } from '../shared/names.ts';
import { plural } from '../shared/phrases.ts';
import type { BatchResult, PlanSummary } from '../shared/types.ts';
import { analyzeBatch } from './analyze-batch.ts';
import { watchesWindow } from './changes.ts';
import { SMALL_RUN } from './keep-saved.ts';
import { pauseSignal } from './messages.ts';
import { findClosed, salvageBatch, saveSegment } from './policies.ts';
import type { NextBatch, RunBook } from './run-book.ts';
import type { RunControl } from './run-control.ts';
import { callsNeeded, hasRoom, meanCall, windowOf } from './window.ts';

/** When no batch has said anything for so long, the parent asks the server whether they are still there. */
const QUIET = '1 minute';

/** So often the parent looks whether a child of an execution before a reset has ended. */
const LOOK_AGAIN = '10 seconds';

/** A batch whose workflow is ended from outside so often is given up: something is wrong with it. */
const LOST_AT_MOST = 3;

/** What a batch's workflow is that the parent would wait for in vain. */
const LOST = Symbol('lost');

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

export function createBatchWindow(
  plan: PlanSummary,
  book: RunBook,
  control: RunControl,
  options: {
    /** The run goes on after it had ended. */
    resumed: boolean;
  },
): BatchWindow {
  const { gate, children } = control;
  const place = { results: plan.results, plan: plan.plan };
  const runScope = CancellationScope.current();
  const watches = watchesWindow();
  /** How to end the wait for a batch. */
  const giveUp = new Map<number, () => void>();

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
      book.begin(next.batch, idOf(next.batch));
      if (options.resumed) {
        children.set(next.batch, null);
        void takeUp(next);
      } else await start(next);
    }
    // The window is drained before the run ends or continues as new: a child reports to this execution alone.
    await condition(() => children.size === 0);
  }

  /** Starts a batch of a run that had ended, after what its earlier workflow may have left unsaved is saved. */
  async function takeUp(next: NextBatch): Promise<void> {
    try {
      await salvage(next);
      await start(next);
    } catch (err) {
      children.delete(next.batch);
      if (!isCancellation(err)) log.error('a batch could not be started', { error: String(err) });
    }
  }

  const salvage = (next: NextBatch): Promise<BatchResult> => {
    const { batch, page, first, images } = next;
    const input = { ...place, batch, page, first, images, workflowId: idOf(batch), again: true };
    return gate.through(() => salvageBatch(input), { urgent: true });
  };

  async function start(next: NextBatch): Promise<void> {
    const workflowId = idOf(next.batch);
    const { run, modelQueue, simulated, prompts } = plan;
    const { sideBySide } = size();
    // The key shares the model queue between runs; a person's own may stand for several. What is left out (how urgent
    // the run is, also when that was changed meanwhile) the child has from this workflow, and its calls from the child.
    const fairnessKey = workflowInfo().priority?.fairnessKey || run;
    try {
      const child = await startChild(analyzeBatch, {
        workflowId,
        args: [
          {
            ...next,
            ...place,
            ...{ run, modelQueue, simulated, prompts, sideBySide },
            batches: book.listed ? book.batches() : null,
            reportImages: book.listed && book.images() <= SMALL_RUN,
          },
        ],
        priority: { fairnessKey },
        staticSummary: `${simulated ? 'SIMULATED · ' : ''}batch ${next.batch + 1} · ${plural(next.images, 'picture')}`,
      });
      children.set(next.batch, child);
      // The gate may have closed while the child was being started.
      if (gate.closed) void child.signal(pauseSignal).catch(() => {});
      void settle(next, child.result());
    } catch (err) {
      if (!(err instanceof WorkflowExecutionAlreadyStartedError)) throw err;
      log.warn('a batch of an execution before a reset still runs', { batch: next.batch + 1 });
      children.set(next.batch, null);
      void waitForOther(next);
    }
  }

  /** A child of an execution before a reset reports to nobody: when it has ended, its batch finds everything recorded. */
  async function waitForOther({ batch }: NextBatch): Promise<void> {
    try {
      let closed: string[] = [];
      while (closed.length === 0) {
        await sleep(LOOK_AGAIN);
        closed = await findClosed({ workflowIds: [idOf(batch)] });
      }
      book.lose(batch);
    } catch (err) {
      if (!isCancellation(err)) log.error('a batch could not be waited for', { error: String(err) });
    }
    children.delete(batch);
  }

  async function settle(next: NextBatch, result: Promise<BatchResult>): Promise<void> {
    const { batch, page, first, images } = next;
    const workflowId = idOf(batch);
    const lost = new Promise<typeof LOST>((resolve) => {
      giveUp.set(batch, () => {
        resolve(LOST);
      });
    });
    try {
      const ended = await (watches ? Promise.race([result, lost]) : result).catch(
        async (err: unknown): Promise<BatchResult | typeof LOST> => {
          if (runScope.consideredCancelled) throw err;
          log.warn('a batch ended without its results', { batch: batch + 1, error: String(err) });
          if (watches && !isCancellation(err) && book.losses(batch) + 1 < LOST_AT_MOST) return LOST;
          // Somebody cancelled it, or it never ends well: what it had answered counts, the rest stays without answers.
          const salvaged = { ...place, batch, page, first, images, workflowId, again: false };
          return gate.through(() => salvageBatch(salvaged), { urgent: true });
        },
      );
      if (ended === LOST) {
        log.warn('a batch is gone and starts again', { batch: batch + 1 });
        result.catch(() => {});
        await salvage(next);
        book.lose(batch);
      } else {
        const page = book.end(ended);
        if (page !== null) await gate.through(() => saveSegment({ ...place, ...page }), { urgent: true });
      }
    } catch (err) {
      // The workflow of a batch that is cancelled with its run is asked for what it has when the results are saved.
      if (!isCancellation(err)) log.error('a batch could not be closed', { error: String(err) });
    }
    control.news += 1;
    giveUp.delete(batch);
    children.delete(batch);
    control.showDetails();
  }

  async function watch(over: () => boolean): Promise<void> {
    if (!watches) return;
    for (;;) {
      // No timer while nobody works: a run may be paused for days.
      await condition(() => over() || (!gate.closed && children.size > 0));
      if (over()) return;
      const heard = control.news;
      if (await condition(over, QUIET)) return;
      if (gate.closed || control.news !== heard) continue;
      const batchOf = new Map([...giveUp.keys()].map((batch) => [idOf(batch), batch]));
      const closed = await findClosed({ workflowIds: [...batchOf.keys()] });
      for (const workflowId of closed) giveUp.get(batchOf.get(workflowId) ?? -1)?.();
    }
  }

  return { launch, watch };
}
