import { workflowInfo } from '@temporalio/workflow';
import { addCounts, isComplete, noCounts } from '../shared/counts.ts';
import { timeRemaining } from '../shared/time-remaining.ts';
import type {
  AccountLimits,
  BatchResult,
  BatchRetry,
  Block,
  Counts,
  FailureLine,
  PageSummary,
  PlanSummary,
  Progress,
  RecordedPage,
  Retry,
  RunResult,
  RunState,
} from '../shared/types.ts';
import type { BatchReport } from './messages.ts';
import { batchesIn, type BatchPlace, placeOf } from './partition.ts';

const FAILURES_KEPT = 50;

/**
 * A large run's `results.json` is written again when it has grown by half: all its writings together are then four times
 * its final size at most (3 for those before the last one), and with shards and records the run's bytes stay below six.
 */
const GROWN = 1.5;

/** A batch to start that has been started before. */
export interface BatchAgain {
  batch: number;
  retry: BatchRetry | null;
  /** The run's sums hold what is recorded of it. */
  counted: boolean;
  /** So often its workflow has ended without its results. */
  losses: number;
}

/** A batch to start. */
export type NextBatch = BatchPlace & Omit<BatchAgain, 'batch'>;

/** What a run carries into its next execution when it continues as new: bounded, no answers. */
export interface CarriedState {
  plan: PlanSummary;
  /** Those that held last. */
  limits: AccountLimits;
  startedAt: string;
  /** Images a listed page. */
  pages: number[];
  cursor: string | null;
  listed: boolean;
  skipped: number;
  nextBatch: number;
  /** Batches to start (again). */
  again: BatchAgain[];
  /** Batches that have not ended, by page; a page that is all done is not in it. */
  left: Record<number, number>;
  batchesDone: number;
  counts: Counts;
  failures: FailureLine[];
  activeMs: number;
  savedImages: number;
  /** Pictures in `results.json` when it was last written. */
  savedFullAt: number;
  /** Kinds of failure in it. */
  savedKinds: number;
  paused: boolean;
  block: Block | null;
}

/** The bookkeeping of a run: what is listed, launched, done and counted. Deterministic; it does no I/O and waits for nothing. */
export interface RunBook {
  /** The run goes on after it had ended. */
  readonly resumed: boolean;
  readonly paused: boolean;
  readonly block: Block | null;
  readonly listed: boolean;
  readonly cursor: string | null;
  /** What is to be started next; `undefined` when nothing is, as far as the pages are listed. */
  next(): NextBatch | undefined;
  /** Batches that wait to be started again. */
  readonly waiting: number;
  /** Batches that are not started yet, as far as the pages are listed. */
  notBegun(): number;
  /** The account's limits that hold now. */
  readonly limits: AccountLimits;
  pages(): number[];
  images(): number;
  /** Sums so far, as far as the batches have reported. */
  counts(): Counts;
  batches(): number;
  /** `recorded`: what earlier executions of the run left of it. */
  addPage(page: PageSummary, recorded?: RecordedPage): void;
  /** Batches that have ended are to be started again. */
  askAgain(todo: RecordedPage['todo'], refused: boolean): number;
  /** A running batch was lost with its workflow: it is started again. */
  lose(batch: number): void;
  /** How often the workflow of a running batch has been lost before. */
  losses(batch: number): number;
  begin(batch: number, workflowId: string): void;
  report(report: BatchReport): void;
  /** Takes a batch's final counts; the page that it completes, if it does. */
  end(result: BatchResult): { page: number; firstBatch: number; batches: number } | null;
  setLimits(limits: AccountLimits): void;
  setPaused(): void;
  setBlocked(block: Block): void;
  setNextProbe(at: Date): void;
  setGoing(): void;
  /** How the run ends. While it is blocked, that is what is seen. */
  setState(state: RunState): void;
  /** Something that the results do not show yet. */
  changed(): boolean;
  /** What is known now is about to be saved. */
  saving(): void;
  unsavedImages(): number;
  /** Whether `results.json` of a large run is to be written again: grown by half, or a new kind of failure. */
  fullSaveIsDue(): boolean;
  saved(full: boolean): void;
  /** The sums as the last results have them, with what batches had answered that were cut short. */
  settle(counts: Counts): void;
  /** Everything is listed and every batch has ended. */
  finished(): boolean;
  /** Every question of every picture is answered. */
  complete(): boolean;
  progress(): Progress;
  failures(): FailureLine[];
  result(): RunResult;
  carry(): CarriedState;
}

/** @param of.resume - The run goes on after it had ended: which of its failures are asked again. */
export function createRunBook(
  plan: PlanSummary,
  { carried, resume = null }: { carried?: CarriedState | undefined; resume?: Retry | null },
): RunBook {
  const workflowId = workflowInfo().workflowId;
  const started = carried?.startedAt ?? plan.earlier?.startedAt ?? new Date().toISOString();
  const pages = [...(carried?.pages ?? [])];
  const left: Record<number, number> = { ...carried?.left };
  const again = [...(carried?.again ?? [])];
  const goesOn = resume !== null;
  const retryRefused = resume?.refused ?? false;
  const running = new Map<number, BatchAgain & { workflowId: string; counts: Counts }>();
  let limits = carried?.limits ?? plan.limits;
  let listed = carried?.listed ?? false;
  let cursor = carried?.cursor ?? null;
  let nextBatch = carried?.nextBatch ?? 0;
  // The sum with nothing is whole, whichever version has carried the counts.
  let done = addCounts(noCounts(), carried?.counts ?? noCounts());
  let failures = carried?.failures ?? [];
  let skipped = carried?.skipped ?? 0;
  let batchesDone = carried?.batchesDone ?? 0;
  let activeMs = carried?.activeMs ?? plan.earlier?.activeMs ?? 0;
  let savedImages = carried?.savedImages ?? 0;
  let savedFullAt = carried?.savedFullAt ?? 0;
  let savedKinds = carried?.savedKinds ?? 0;
  let changed = true;
  let state: RunState = 'running';
  let paused = carried?.paused ?? false;
  let block = carried?.block ?? null;
  let activeSince: number | null = paused || block !== null ? null : Date.now();

  const counts = (): Counts =>
    [...running.values()].reduce((sum, batch) => addCounts(sum, batch.counts), done);
  const failureKinds = (): number => Object.keys(counts().failures).length;
  const images = (): number => pages.reduce((sum, n) => sum + n, 0);
  const active = (): number => activeMs + (activeSince === null ? 0 : Date.now() - activeSince);

  /** Questions of running batches that no report has counted yet. */
  const questionsUnderWay = (): number =>
    [...running].reduce((sum, [batch, child]) => {
      if (child.counted) return sum;
      const images = placeOf(batch, pages, plan.batchSize)?.images ?? 0;
      return sum + images * plan.prompts.length - child.counts.answered - child.counts.failed;
    }, 0);

  const stopClock = (): void => {
    activeMs = active();
    activeSince = null;
    changed = true;
  };

  const ended = (batch: number, final: Counts): ReturnType<RunBook['end']> => {
    running.delete(batch);
    done = addCounts(done, final);
    batchesDone += 1;
    changed = true;
    const page = pageOf(batch);
    if (page === undefined) return null;
    left[page] = (left[page] ?? 1) - 1;
    if (left[page] > 0) return null;
    delete left[page];
    const firstBatch = batchesIn(pages.slice(0, page), plan.batchSize);
    return { page, firstBatch, batches: batchesIn([pages[page] ?? 0], plan.batchSize) };
  };

  const nextAgain = (): BatchAgain | undefined => {
    if (again[0] !== undefined) return again[0];
    return goesOn ? undefined : { batch: nextBatch, retry: null, counted: false, losses: 0 };
  };

  const pageOf = (batch: number): number | undefined => placeOf(batch, pages, plan.batchSize)?.page;

  const currentState = (): RunState => {
    if (block !== null) return 'blocked';
    return state === 'running' && paused ? 'paused' : state;
  };

  return {
    resumed: goesOn,
    get paused() {
      return paused;
    },
    get block() {
      return block;
    },
    get listed() {
      return listed;
    },
    get cursor() {
      return cursor;
    },
    next() {
      const wanted = nextAgain();
      const place = wanted && placeOf(wanted.batch, pages, plan.batchSize);
      if (wanted === undefined || place === undefined) return undefined;
      const { retry, counted, losses } = wanted;
      return { ...place, retry, counted, losses };
    },
    get waiting() {
      return again.length;
    },
    notBegun: () => again.length + (goesOn ? 0 : batchesIn(pages, plan.batchSize) - nextBatch),
    get limits() {
      return limits;
    },
    pages: () => pages,
    images,
    counts,
    batches: () => batchesIn(pages, plan.batchSize),
    addPage(page, recorded) {
      const all = batchesIn([page.images], plan.batchSize);
      const toDo = recorded?.todo.length ?? all;
      if (toDo > 0) left[pages.length] = toDo;
      pages.push(page.images);
      if (recorded !== undefined) {
        done = addCounts(done, recorded.counts);
        batchesDone += all - toDo;
        again.push(
          ...recorded.todo.map(({ batch, images }) => ({
            batch,
            retry: { refused: retryRefused, images },
            counted: true,
            losses: 0,
          })),
        );
      }
      skipped += page.skipped;
      cursor = page.next;
      listed = cursor === null;
      changed = true;
    },
    askAgain(todo, refused) {
      const ended = todo.filter(
        ({ batch }) =>
          (goesOn || batch < nextBatch) && !running.has(batch) && !again.some((one) => one.batch === batch),
      );
      for (const { batch, images } of ended) {
        again.push({ batch, retry: { refused, images }, counted: true, losses: 0 });
        batchesDone -= 1;
        const page = pageOf(batch);
        if (page !== undefined) left[page] = (left[page] ?? 0) + 1;
      }
      changed ||= ended.length > 0;
      return ended.length;
    },
    lose(batch) {
      const lost = running.get(batch);
      running.delete(batch);
      if (lost) {
        const { retry, counted, losses } = lost;
        again.unshift({ batch, retry, counted, losses: losses + 1 });
      }
    },
    losses: (batch) => running.get(batch)?.losses ?? 0,
    begin(batch, id) {
      const wanted = nextAgain();
      if (wanted?.batch !== batch) throw new Error(`batch ${batch} is not the next one`);
      if (again[0] === wanted) again.shift();
      else nextBatch = batch + 1;
      running.set(batch, { ...wanted, workflowId: id, counts: noCounts() });
    },
    report(report) {
      const batch = running.get(report.batch);
      if (!batch) return;
      batch.counts = report.counts;
      const known = new Set(failures.map(lineKey));
      failures = [...failures, ...report.failures.filter((line) => !known.has(lineKey(line)))].slice(
        -FAILURES_KEPT,
      );
      changed = true;
    },
    end: (result) => ended(result.batch, result.counts),
    setLimits(next) {
      limits = next;
    },
    setPaused() {
      paused = true;
      block = null;
      stopClock();
    },
    setBlocked(why) {
      if (paused) return;
      // The first reason is the one that a person must mend; its time is kept over later reports of the same block.
      block = block === null ? why : { ...why, since: block.since };
      stopClock();
    },
    setNextProbe(at) {
      if (block !== null) block = { ...block, nextProbeAt: at.toISOString() };
    },
    setGoing() {
      paused = false;
      block = null;
      activeSince ??= Date.now();
      changed = true;
    },
    setState(next) {
      if (next === 'cancelled' || next === 'failed') block = null;
      state = next;
      stopClock();
    },
    changed: () => changed,
    unsavedImages: () => counts().images - savedImages,
    fullSaveIsDue: () => counts().images >= savedFullAt * GROWN || failureKinds() > savedKinds,
    saving() {
      changed = false;
    },
    saved(full) {
      savedImages = counts().images;
      if (!full) return;
      savedFullAt = savedImages;
      savedKinds = failureKinds();
    },
    settle(counts) {
      done = counts;
      for (const batch of running.values()) batch.counts = noCounts();
    },
    finished: () => listed && batchesDone >= batchesIn(pages, plan.batchSize),
    complete: () => isComplete(counts(), images()),
    progress() {
      const sum = counts();
      const questions = images() * plan.prompts.length;
      const callsDone = sum.answered + sum.failed;
      return {
        run: plan.run,
        workflowId,
        state: currentState(),
        source: plan.source,
        simulated: plan.simulated,
        model: plan.model,
        limits,
        startedAt: started,
        updatedAt: new Date().toISOString(),
        images: images(),
        listed,
        skipped,
        batches: batchesIn(pages, plan.batchSize),
        batchesDone,
        begun: goesOn ? batchesIn(pages, plan.batchSize) : nextBatch,
        promptsPerImage: plan.prompts.length,
        prompts: plan.prompts,
        tokensPerCall: plan.tokensPerCall,
        counts: sum,
        ended: done,
        running: [...running].map(([batch, child]) => ({ batch, workflowId: child.workflowId })),
        block,
        warnings: plan.warnings,
        recentFailures: failures.slice(-5),
        activeMs: active(),
        remainingMs: timeRemaining({
          callsDone,
          callsRecalled: sum.recalled,
          callsLeft: questions - callsDone,
          callsUnderWay: questionsUnderWay(),
          tokensDone: sum.charged,
          tokensPerCall: plan.tokensPerCall,
          limits,
          activeMs: active(),
        }),
        minutes: [],
      };
    },
    failures: () => failures,
    result: () => ({
      run: plan.run,
      results: plan.results,
      state: state === 'complete' ? 'complete' : 'incomplete',
      simulated: plan.simulated,
      images: images(),
      skipped,
      counts: counts(),
    }),
    carry: () => ({
      plan,
      limits,
      startedAt: started,
      pages,
      cursor,
      listed,
      skipped,
      nextBatch,
      again,
      left,
      batchesDone,
      counts: done,
      failures,
      activeMs: active(),
      savedImages,
      savedFullAt,
      savedKinds,
      paused,
      block,
    }),
  };
}

const lineKey = (line: FailureLine): string => `${line.at} ${line.image} ${line.prompt}`;
