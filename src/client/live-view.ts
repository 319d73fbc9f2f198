import { addCounts, largerCounts, questionsOf } from '../shared/counts.ts';
import { isEnd } from '../shared/run-state.ts';
import { timeRemaining } from '../shared/time-remaining.ts';
import type {
  BatchProgress,
  Block,
  Counts,
  FailureLine,
  AccountLimits,
  Progress,
  RunState,
} from '../shared/types.ts';

/** A run at one moment, as far as it could be seen. */
export interface Snapshot {
  progress: Progress;
  /** The batches that run now and that answered. */
  batches: BatchProgress[];
  /** Requests of the last minutes, over all batches. */
  sends: { at: string; charged: number }[];
  /** Calls that a worker has in hand, and those that wait for the limiter in the model queue. */
  underWay: number;
  waiting: number;
  /** Asked of the workflow now; otherwise read from `progress.json`. */
  fresh: boolean;
  /** Share of the running batches that have said something, where they are too many to ask them all at once. */
  share?: number;
}

/** What the display shows. Computed here, painted in `render/`. */
export interface LiveView {
  run: string;
  source: string;
  simulated: boolean;
  state: RunState;
  fresh: boolean;
  model: string;
  picturesDone: number;
  pictures: number;
  /** More pictures may come. */
  listing: boolean;
  skipped: number;
  answered: number;
  /** Of the answered, those that another run had paid for. */
  recalled: number;
  failed: number;
  /** Questions of the pictures found so far. */
  questions: number;
  /** Share of the questions that have an outcome, 0 to 1. */
  share: number;
  prompts: { id: string; name: string; matches: number }[];
  callsUnderWay: number;
  waiting: number;
  lastMinute: { requests: number; tokens: number };
  limits: AccountLimits;
  rateLimited: number;
  fallbacks: number;
  failures: FailureLine[];
  block: Block | null;
  elapsedMs: number;
  remainingMs: number | null;
}

/** So few that the display fits a terminal of 24 lines. */
const SHOWN_FAILURES = 2;

/** Pure: the numbers of a display from what was seen. */
export function liveView(seen: Snapshot, now: number): LiveView {
  const { progress } = seen;
  const counts = countsNow(seen);
  const questions = questionsOf(progress.images, progress.promptsPerImage, progress.counts);
  const outcomes = counts.answered + counts.failed;
  return {
    run: progress.run,
    source: progress.source,
    simulated: progress.simulated,
    state: progress.state,
    fresh: seen.fresh,
    model: progress.model,
    picturesDone: counts.images,
    pictures: progress.images,
    listing: !progress.listed,
    skipped: progress.skipped,
    answered: counts.answered,
    recalled: counts.recalled,
    failed: counts.failed,
    questions,
    share: questions === 0 ? 0 : Math.min(1, outcomes / questions),
    prompts: progress.prompts.map(({ id, name }) => ({ id, name, matches: counts.matches[id] ?? 0 })),
    callsUnderWay: seen.underWay,
    waiting: seen.waiting,
    lastMinute: wholeOf(lastMinute(seen.sends, now), seen.share ?? 1),
    limits: progress.limits,
    rateLimited: counts.rateLimited,
    fallbacks: counts.fallbacks,
    failures: failuresSeen(seen).slice(-SHOWN_FAILURES),
    block: progress.block,
    elapsedMs: Math.max(0, now - Date.parse(progress.startedAt)),
    remainingMs: remaining(progress, counts, seen.underWay, now),
  };
}

/**
 * The counts of this moment: of the batches that have ended, and what the running ones say themselves. Never less than
 * the run's own, which knows a batch that did not answer by its last report. A run that has ended early holds in its sums
 * what its last batches answered, though it never heard their ends.
 */
export function countsNow({ progress, batches }: Snapshot): Counts {
  const running = isEnd(progress.state) ? [] : batches;
  const now = running.reduce((sum, batch) => addCounts(sum, batch.counts), progress.ended);
  return largerCounts(progress.counts, now);
}

/** Failures that can be seen now, oldest first: one line a picture and reason, however many questions it failed. */
export function failuresSeen({ progress, batches }: Snapshot): FailureLine[] {
  const lines = [...progress.recentFailures, ...batches.flatMap((batch) => batch.failures)].sort((a, b) =>
    a.at.localeCompare(b.at),
  );
  const byReason = new Map<string, FailureLine>();
  for (const line of lines) {
    const reason = `${line.image}\n${line.kind}\n${line.message}`;
    if (!byReason.has(reason)) byReason.set(reason, line);
  }
  return [...byReason.values()];
}

/**
 * The run's own estimate is as old as its last event; the calls of the pictures under way are known here. Calls in hand
 * count as done: their tokens are spent, and the limits, not the last calls' seconds, decide how long a run takes.
 */
function remaining(progress: Progress, sum: Counts, underWay: number, now: number): number | null {
  if (progress.state !== 'running') return progress.remainingMs;
  const calls = questionsOf(progress.images, progress.promptsPerImage, progress.counts);
  if (calls === 0) return null;
  const callsDone = Math.min(calls, sum.answered + sum.failed + underWay);
  const { recalled } = sum;
  const counted = progress.counts.answered + progress.counts.failed - progress.counts.recalled;
  const mean = counted > 0 ? progress.counts.charged / counted : progress.tokensPerCall;
  return timeRemaining({
    callsDone,
    callsRecalled: recalled,
    callsLeft: calls - callsDone,
    tokensDone: (callsDone - recalled) * mean,
    tokensPerCall: progress.tokensPerCall,
    limits: progress.limits,
    activeMs: progress.activeMs + Math.max(0, now - Date.parse(progress.updatedAt)),
  });
}

/** What all batches sent, from what a share of them did. */
const wholeOf = (part: LiveView['lastMinute'], share: number): LiveView['lastMinute'] => ({
  requests: Math.round(part.requests / share),
  tokens: Math.round(part.tokens / share),
});

/** Requests sent, and tokens charged for them, in the 60 seconds before `now`. */
export function lastMinute(
  sends: readonly { at: string; charged: number }[],
  now: number,
): { requests: number; tokens: number } {
  const recent = sends.filter(({ at }) => now - Date.parse(at) < 60_000);
  return { requests: recent.length, tokens: recent.reduce((total, { charged }) => total + charged, 0) };
}
