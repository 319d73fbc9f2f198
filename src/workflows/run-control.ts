import {
  ApplicationFailure,
  CancellationScope,
  condition,
  type ExternalWorkflowHandle,
  log,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { isAccountLimits } from '../shared/limits.ts';
import { checkRetry } from '../shared/run-input.ts';
import type { Block, PlanSummary, Retry } from '../shared/types.ts';
import { goesByTimer, tellsOfBlockOnce } from './changes.ts';
import { createGate, type Gate } from './gate.ts';
import {
  batchBlockedSignal,
  batchClearedSignal,
  batchReportSignal,
  failuresQuery,
  limitsSignal,
  pauseSignal,
  pauseUpdate,
  probeSignal,
  progressQuery,
  resumeSignal,
  resumeUpdate,
  retryFailedUpdate,
} from './messages.ts';
import { batchesIn } from './partition.ts';
import { findMissing } from './policies.ts';
import { FIRST_PROBE_MS, nextWaitMs } from './probe-interval.ts';
import type { RunBook } from './run-book.ts';
import { runDetails } from './run-details.ts';
import { publishState } from './run-start.ts';
import { tellPerson } from './tell-person.ts';

/** Whom a run tells of a block hears of the next one after so long at the earliest. */
const TOLD_AGAIN_MS = 15 * 60_000;

/** Batches that are found to be asked again, at most, before some of them have begun: what a run carries stays small. */
export const LOOKED_UP_AHEAD = 5_000;

/** What the Web UI says of the messages that a person may send. */
const PAUSE = { description: 'Stops asking; calls in flight end and are recorded.' };
const RESUME = { description: 'Goes on after a pause or a block.' };

/** A batch's workflow, as far as it is told things. */
export type Batch = Pick<ExternalWorkflowHandle, 'signal'>;

/** Who may stop and start a run: a person by `pause` and `resume`, a call that says that all must wait, and a probe. */
export interface RunControl {
  readonly gate: Gate;
  /** Batches that run now. */
  readonly children: Map<number, Batch>;
  /** Tells a batch to stop asking, or to go on, as the gate is now. */
  tell(batch: Batch): void;
  /** When each of them was last heard of, in milliseconds since the epoch. */
  readonly heardAt: Map<number, number>;
  /** Updates that are looking for batches to ask again. */
  looking: number;
  /** Nothing more is started by this execution. */
  closing: boolean;
  /** Something failed since the results were saved. */
  errorUnsaved: boolean;
  showDetails(): void;
  /** While the run is blocked, lets one call go now and then: the one that was blocked. Ends when `over` says so. */
  probeWhileBlocked(over: () => boolean): Promise<void>;
  /**
   * What a person must mend before the first answer fails the run at once; only after it the run waits. Rejects then,
   * when every batch has said what it has. Ends when `over` says so.
   */
  failBeforeFirstAnswer(over: () => boolean): Promise<void>;
}

/** Registers the run's messages and keeps what they say: the gate of all calls, and the state that people see. */
export function createRunControl(plan: PlanSummary, book: RunBook): RunControl {
  const children: RunControl['children'] = new Map();
  let lastOrder = 0;
  /** The batch whose call was blocked last: the one to probe with. `null`: a call of the parent itself. */
  let blockedBatch: number | null = null;
  /** Batches that have reported since the run stopped asking. */
  const heardFrom = new Set<number>();

  const gate = createGate(book.paused || book.block !== null, {
    blocked: async (why) => {
      block(why, null);
    },
    cleared: async () => void goOn(),
  });

  const control: RunControl = {
    gate,
    children,
    tell,
    heardAt: new Map(),
    looking: 0,
    closing: false,
    errorUnsaved: false,
    showDetails,
    probeWhileBlocked,
    failBeforeFirstAnswer,
  };

  setHandler(progressQuery, () => book.progress(), {
    description: 'State, counts, limits, batches that run.',
  });
  setHandler(failuresQuery, () => book.failures(), {
    description: 'The last questions that failed, and why.',
  });
  setHandler(pauseUpdate, pause, PAUSE);
  setHandler(pauseSignal, () => void pause(), PAUSE);
  setHandler(resumeUpdate, goOn, RESUME);
  setHandler(resumeSignal, () => void goOn(), RESUME);
  setHandler(retryFailedUpdate, retryFailed, {
    description:
      'Asks failed questions again: { refused?: also those that the model declined, only?: [picture…] }.',
    validator: mayRetry,
  });
  setHandler(limitsSignal, (limits: unknown) => {
    if (isAccountLimits(limits)) book.setLimits(limits);
  });
  setHandler(batchBlockedSignal, ({ batch, block: why }) => {
    control.heardAt.set(batch, Date.now());
    block(why, batch);
  });
  setHandler(batchClearedSignal, () => void (book.block !== null && goOn()));
  setHandler(batchReportSignal, (report) => {
    control.heardAt.set(report.batch, Date.now());
    heardFrom.add(report.batch);
    book.report(report);
    control.errorUnsaved ||= report.failures.length > 0;
    showDetails();
  });

  function pause(): string {
    gate.close();
    book.setPaused();
    tellChildren();
    return `${plan.run} is paused; calls in flight end and are recorded`;
  }

  function goOn(): string {
    gate.open();
    book.setGoing();
    tellChildren();
    return `${plan.run} goes on`;
  }

  function mayRetry(retry?: Retry): void {
    const problems = checkRetry(retry).map(({ field, problem }) => `${field}: ${problem}`);
    if (problems.length > 0) throw new Error(problems.join('; '));
    if (control.closing)
      throw new Error(`${plan.run} is about to end; then start it with {"resumeOf":"${plan.run}"}`);
    if (book.counts().failed === 0) throw new Error(`${plan.run} has no question that failed`);
  }

  async function retryFailed(retry: Retry = {}): Promise<string> {
    control.looking += 1;
    let found = 0;
    let pages = 0;
    const isFull = (): boolean => workflowInfo().continueAsNewSuggested;
    try {
      for (const page of book.pages().keys()) {
        await condition(() => isFull() || book.waiting < LOOKED_UP_AHEAD);
        if (isFull()) break;
        pages += 1;
        const firstBatch = batchesIn(book.pages().slice(0, page), plan.batchSize);
        const input = { results: plan.results, plan: plan.plan, page, firstBatch, retry };
        const { todo } = await gate.through(() => findMissing(input), { urgent: true });
        found += book.askAgain(todo, retry.refused ?? false);
      }
    } finally {
      control.looking -= 1;
    }
    const rest = pages < book.pages().length ? '; for the rest of its pictures say it again in a minute' : '';
    if (found === 0) return `nothing of ${plan.run} can be asked again yet${rest}`;
    return `${plan.run} asks again: ${found === 1 ? '1 batch starts' : `${found} batches start`} again${rest}`;
  }

  function block(why: Block, batch: number | null): void {
    log.error(`blocked: ${why.reason}`, { run: plan.run, remedy: why.remedy });
    blockedBatch = batch;
    // Each probe that finds the cause still there says so; who was told to stop needs no telling again, nor says it again.
    const stopped = (book.block !== null || book.paused) && tellsOfBlockOnce();
    if (!stopped) heardFrom.clear();
    gate.close();
    book.setBlocked(why);
    if (stopped) showDetails();
    else tellChildren();
  }

  function tell(child: Batch): void {
    lastOrder = Math.max(lastOrder + 1, Date.now());
    // A child that has just ended needs no telling.
    void child.signal(gate.closed ? pauseSignal : resumeSignal, lastOrder).catch(() => {});
  }

  function tellChildren(): void {
    for (const child of children.values()) tell(child);
    publishState(plan, book.progress().state);
    showDetails();
  }

  function showDetails(): void {
    setCurrentDetails(runDetails(plan, book.progress()));
  }

  async function probeWhileBlocked(over: () => boolean): Promise<void> {
    let wait = FIRST_PROBE_MS;
    const gone = (): boolean => over() || book.block === null;
    for (;;) {
      await condition(() => over() || book.block !== null);
      if (over()) return;
      const until = book.block?.until === undefined ? 0 : Date.parse(book.block.until) - Date.now();
      const ms = Math.max(wait, until);
      book.setNextProbe(new Date(Date.now() + ms));
      showDetails();
      if (goesByTimer() ? !(await timerFires(ms, gone)) : await condition(gone, ms)) {
        wait = FIRST_PROBE_MS;
        continue;
      }
      wait = gone() ? FIRST_PROBE_MS : nextWaitMs(wait, Date.now() - Date.parse(book.block?.since ?? ''));
      // The batch may have ended since; any other call shows as well whether the cause is gone.
      const child =
        blockedBatch === null ? undefined : (children.get(blockedBatch) ?? [...children.values()][0]);
      if (child) await child.signal(probeSignal).catch(() => {});
      else gate.probe();
    }
  }

  let toldAt = -Infinity;

  async function failBeforeFirstAnswer(over: () => boolean): Promise<void> {
    const allHeard = (): boolean => [...children.keys()].every((batch) => heardFrom.has(batch));
    for (;;) {
      await condition(() => over() || book.block !== null);
      await condition(() => over() || book.block === null || allHeard());
      if (over()) return;
      const why = book.block;
      // A run that goes on has been begun before, whatever it has answered by now.
      if (why !== null && book.counts().answered === 0 && !book.resumed) {
        const message = `${why.reason} ${why.remedy}`;
        throw ApplicationFailure.create({ message, type: 'Blocked', nonRetryable: true });
      }
      // A cause that comes and goes is told once in a while.
      if (why !== null && Date.now() - toldAt >= TOLD_AGAIN_MS) {
        toldAt = Date.now();
        void tellPerson(plan, book.progress(), 'blocked');
      }
      await condition(() => over() || book.block === null);
    }
  }

  return control;
}

/** Waits for a timer of `ms`, but not beyond `enough`. Whether the timer has fired, also where both came together. */
async function timerFires(ms: number, enough: () => boolean): Promise<boolean> {
  const scope = new CancellationScope();
  const fired = scope
    .run(() => sleep(ms))
    .then(
      () => true,
      () => false,
    );
  await Promise.race([fired, scope.run(() => condition(enough)).catch(() => {})]);
  scope.cancel();
  return fired;
}
