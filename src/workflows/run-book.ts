import { workflowInfo } from '@temporalio/workflow';
import { addCounts, noCounts } from '../shared/counts.ts';
import { timeRemaining } from '../shared/time-remaining.ts';
import type {
  AccountLimits,
  BatchResult,
  Block,
  Counts,
  FailureLine,
  PageSummary,
  PlanSummary,
  Progress,
  RunResult,
  RunState,
} from '../shared/types.ts';
import type { BatchReport } from './messages.ts';
import { batchesIn, placeOf } from './partition.ts';

const FAILURES_KEPT = 50;

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
  readonly paused: boolean;
  readonly block: Block | null;
  readonly listed: boolean;
  readonly cursor: string | null;
  readonly nextBatch: number;
  /** The account's limits that hold now. */
  readonly limits: AccountLimits;
  pages(): number[];
  images(): number;
  /** Sums so far, as far as the batches have reported. */
  counts(): Counts;
  batches(): number;
  addPage(page: PageSummary): void;
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
  /** Whether `results.json` of a large run is to be written again: grown by a third, or a new kind of failure. */
  fullSaveIsDue(): boolean;
  saved(full: boolean): void;
  /** Everything is listed and every batch has ended. */
  finished(): boolean;
  /** Every question of every picture is answered. */
  complete(): boolean;
  progress(): Progress;
  failures(): FailureLine[];
  result(): RunResult;
  carry(): CarriedState;
}

export function createRunBook(plan: PlanSummary, carried?: CarriedState): RunBook {
  const workflowId = workflowInfo().workflowId;
  const started = carried?.startedAt ?? new Date().toISOString();
  const pages = [...(carried?.pages ?? [])];
  const left: Record<number, number> = { ...carried?.left };
  const running = new Map<number, { workflowId: string; counts: Counts }>();
  let limits = carried?.limits ?? plan.limits;
  let listed = carried?.listed ?? false;
  let cursor = carried?.cursor ?? null;
  let nextBatch = carried?.nextBatch ?? 0;
  let done = carried?.counts ?? noCounts();
  let failures = carried?.failures ?? [];
  let skipped = carried?.skipped ?? 0;
  let batchesDone = carried?.batchesDone ?? 0;
  let activeMs = carried?.activeMs ?? 0;
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
    const page = placeOf(batch, pages, plan.batchSize)?.page;
    if (page === undefined) return null;
    left[page] = (left[page] ?? 1) - 1;
    if (left[page] > 0) return null;
    delete left[page];
    const firstBatch = batchesIn(pages.slice(0, page), plan.batchSize);
    return { page, firstBatch, batches: batchesIn([pages[page] ?? 0], plan.batchSize) };
  };

  const currentState = (): RunState => {
    if (block !== null) return 'blocked';
    return state === 'running' && paused ? 'paused' : state;
  };

  return {
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
    get nextBatch() {
      return nextBatch;
    },
    get limits() {
      return limits;
    },
    pages: () => pages,
    images,
    counts,
    batches: () => batchesIn(pages, plan.batchSize),
    addPage(page) {
      left[pages.length] = batchesIn([page.images], plan.batchSize);
      pages.push(page.images);
      skipped += page.skipped;
      cursor = page.next;
      listed = cursor === null;
      changed = true;
    },
    begin(batch, id) {
      running.set(batch, { workflowId: id, counts: noCounts() });
      nextBatch = batch + 1;
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
    fullSaveIsDue: () => counts().images >= savedFullAt * (4 / 3) || failureKinds() > savedKinds,
    saving() {
      changed = false;
    },
    saved(full) {
      savedImages = counts().images;
      if (!full) return;
      savedFullAt = savedImages;
      savedKinds = failureKinds();
    },
    finished: () => listed && batchesDone >= batchesIn(pages, plan.batchSize),
    complete: () => counts().failed === 0 && counts().imagesComplete === images(),
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
