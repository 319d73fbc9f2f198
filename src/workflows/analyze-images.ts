import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  rootCause,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { ResumeInput, Retry, RunInput, RunResult } from '../shared/types.ts';
import { createBatchWindow } from './batch-window.ts';
import { keepSaved, saveNow, SMALL_RUN } from './keep-saved.ts';
import { batchesIn } from './partition.ts';
import { findMissing, listImages, saveResults, saveSegment } from './policies.ts';
import { createRunBook, type CarriedState } from './run-book.ts';
import { createRunControl, LOOKED_UP_AHEAD } from './run-control.ts';
import { planTheRun, publishState } from './run-start.ts';
import { tellPerson } from './tell-person.ts';

/** So long may a receiver take that is told of a cancel. */
const CANCEL_IS_TOLD = '2 seconds';

/** So long after a cancel the batches may close before the results are written without their last words. */
const BATCHES_CLOSE = '13 seconds';

/**
 * Parent workflow: plans the run, lists the pictures page by page and keeps a sliding window of child workflows, four
 * pictures each. Its history carries counts and no answers.
 *
 * Fails at once, before anything is paid for, on bad input and on whatever a person must mend first. Later it blocks:
 * it stops asking, says why, and probes until the cause is gone or somebody resumes it.
 *
 * With `{ resumeOf }` a run that has ended goes on: the plan is the one that it had, and only what has no answer is asked.
 *
 * @param carried - What an earlier execution of the same run knew when it continued as new; never given by a person.
 */
export async function analyzeImages(
  input: RunInput | ResumeInput,
  carried?: CarriedState,
): Promise<RunResult> {
  const plan = carried?.plan ?? (await planTheRun(input));
  const resume = 'resumeOf' in input ? retryOf(input) : null;
  const book = createRunBook(plan, { carried, resume });
  const control = createRunControl(plan, book);
  const { gate, children } = control;
  const place = { results: plan.results, plan: plan.plan };
  const window = createBatchWindow(plan, book, control);

  // The server's word, at some 4,000 events: so that the Web UI opens any of a run's histories at once.
  const historyIsFull = (): boolean => workflowInfo().continueAsNewSuggested;

  async function list(): Promise<void> {
    while (!book.listed && !historyIsFull()) {
      const page = book.pages().length;
      // A page holds whole batches, so that a batch never spans two.
      const max = Math.max(plan.batchSize, SMALL_RUN - (SMALL_RUN % plan.batchSize));
      const { cursor } = book;
      const found = book.images();
      const listed = await gate.through(() => listImages({ ...place, page, cursor, max, found }));
      if (resume === null) {
        book.addPage(listed);
        continue;
      }
      const firstBatch = batchesIn(book.pages(), plan.batchSize);
      const recorded = await gate.through(() => findMissing({ ...place, page, firstBatch, retry: resume }));
      book.addPage(listed, recorded);
      const batches = batchesIn([listed.images], plan.batchSize);
      // Nothing of it will end: its segment may be missing, or from before its last answers.
      if (recorded.todo.length === 0)
        await gate.through(() => saveSegment({ ...place, page, firstBatch, batches }), { urgent: true });
      await condition(() => historyIsFull() || book.waiting < LOOKED_UP_AHEAD);
    }
  }

  /** Leaves results that say how far the run came; a place that cannot be written is no reason to wait any more. */
  async function finishEarly(state: 'cancelled' | 'failed', reason: string): Promise<void> {
    book.setState(state);
    publishState(plan, state);
    control.showDetails();
    if (state === 'cancelled') await condition(() => children.size === 0, BATCHES_CLOSE);
    const input = { ...place, progress: book.progress(), pages: book.pages(), full: true, final: true };
    const written = await Promise.race([saveResults(input).catch(() => null), sleep('2 minutes')]);
    if (written) book.settle(written.counts);
    // No timer where nobody is told. The plan of a run that was started before there was anybody to tell lacks the field.
    if (plan.notify == null) return;
    const told = tellPerson(plan, book.progress(), state, reason);
    // A cancelled run is closed soon, whoever is told of it.
    await (state === 'cancelled' ? Promise.race([told, sleep(CANCEL_IS_TOLD)]) : told);
  }

  /** Everything that there is to do, and the results kept up to date meanwhile. */
  async function work(): Promise<void> {
    let launched = false;
    const all = Promise.all([list(), window.launch(historyIsFull)]).finally(() => {
      launched = true;
      control.closing = true;
    });
    await Promise.all([all, keepSaved(plan, book, control, () => launched)]);
    if (!book.finished()) return;
    const endState = (): 'complete' | 'incomplete' => (book.complete() ? 'complete' : 'incomplete');
    book.setState(endState());
    await saveNow(plan, book, control, true);
    book.setState(endState());
    publishState(plan, endState());
    saved = true;
    await tellPerson(plan, book.progress(), endState());
  }

  control.showDetails();
  /** The last results are written: a cancel comes too late. */
  let saved = false;
  let over = false;
  const isOver = (): boolean => over;
  try {
    await Promise.all([
      work().finally(() => {
        over = true;
      }),
      control.probeWhileBlocked(isOver),
      control.failBeforeFirstAnswer(isOver),
      window.watch(isOver),
    ]);
    await condition(allHandlersFinished);
  } catch (err) {
    if (!(saved && isCancellation(err))) {
      const state = isCancellation(err) ? 'cancelled' : 'failed';
      await CancellationScope.nonCancellable(() => finishEarly(state, rootCause(err) ?? String(err)));
      throw err;
    }
  }
  if (!book.finished()) return continueAsNew<typeof analyzeImages>(inputToCarry(input), book.carry());
  return book.result();
}

/** What a person gave is in the plan; of a run that goes on it is also which failures are asked again. */
const inputToCarry = (input: RunInput | ResumeInput): RunInput | ResumeInput =>
  'resumeOf' in input ? input : { source: input.source };

const retryOf = ({ refused = false, only }: ResumeInput): Retry => ({
  refused,
  ...(only === undefined ? {} : { only }),
});
