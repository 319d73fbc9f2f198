import { timeRemaining } from '../shared/time-remaining.ts';
import type {
  BatchProgress,
  Block,
  Counts,
  FailureLine,
  Limits,
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
  failed: number;
  /** Questions of the pictures found so far. */
  questions: number;
  /** Share of the questions that have an outcome, 0 to 1. */
  share: number;
  prompts: { id: string; name: string; matches: number }[];
  callsUnderWay: number;
  waiting: number;
  lastMinute: { requests: number; tokens: number };
  limits: Limits;
  rateLimited: number;
  fallbacks: number;
  failures: FailureLine[];
  block: Block | null;
  elapsedMs: number;
  remainingMs: number | null;
}

/** Larger runs hear of batches only, so their running batches' answers are not in the run's counts yet. */
const REPORTS_IMAGES_UP_TO = 1000;
const SHOWN_FAILURES = 3;

/** Pure: the numbers of a display from what was seen. */
export function liveView(seen: Snapshot, now: number): LiveView {
  const { progress, batches } = seen;
  const { counts } = progress;
  const whole = progress.images > REPORTS_IMAGES_UP_TO;
  // A small run counts a picture's answers when the picture is done, or when the pause is over for its batch: add
  // those of the pictures under way.
  const partly = batches.map(({ counts: c, paused, open: calls }) => ({
    answered:
      paused && calls === 0
        ? 0
        : Math.max(0, c.answered + c.failed - (whole ? 0 : c.images * progress.promptsPerImage)),
    images: whole ? c.images : 0,
  }));
  const questions = progress.images * progress.promptsPerImage;
  const counted = counts.answered + counts.failed;
  // Never all of them before the run itself says so.
  const most = Math.max(counts.answered, questions - counts.failed - (counted < questions ? 1 : 0));
  // At least what the batches say themselves: their reports may still be on their way.
  const told = batches.reduce((total, batch) => total + batch.counts.answered, 0);
  const answered = Math.min(most, Math.max(told, counts.answered + sum(partly, 'answered')));
  const failures = [...progress.recentFailures, ...batches.flatMap((batch) => batch.failures)];
  return {
    run: progress.run,
    source: progress.source,
    simulated: progress.simulated,
    state: progress.state,
    fresh: seen.fresh,
    model: progress.model,
    picturesDone: Math.min(progress.images, counts.images + sum(partly, 'images')),
    pictures: progress.images,
    listing: !progress.listed,
    skipped: progress.skipped,
    answered,
    failed: counts.failed,
    questions,
    share: questions === 0 ? 0 : Math.min(1, (answered + counts.failed) / questions),
    prompts: progress.prompts.map(({ id, name }) => ({ id, name, matches: counts.matches[id] ?? 0 })),
    callsUnderWay: seen.underWay,
    waiting: seen.waiting,
    lastMinute: lastMinute(seen.sends, now),
    limits: progress.limits,
    rateLimited: counts.rateLimited,
    fallbacks: counts.fallbacks,
    failures: distinct(failures).slice(-SHOWN_FAILURES),
    block: progress.block,
    elapsedMs: Math.max(0, now - Date.parse(progress.startedAt)),
    remainingMs: remaining(progress, answered + counts.failed, seen.underWay, now),
  };
}

/** The run's counts with the answers of the pictures under way, which are in no record yet. */
export const countsNow = (seen: Snapshot, now: number): Counts => ({
  ...seen.progress.counts,
  answered: liveView(seen, now).answered,
});

/**
 * The run's own estimate is as old as its last event; the calls of the pictures under way are known here. Calls in hand
 * count as done: their tokens are spent, and the limits, not the last calls' seconds, decide how long a run takes.
 */
function remaining(progress: Progress, outcomes: number, underWay: number, now: number): number | null {
  if (progress.state !== 'running') return progress.remainingMs;
  const calls = progress.images * progress.promptsPerImage;
  if (calls === 0) return null;
  const callsDone = Math.min(calls, outcomes + underWay);
  const counted = progress.counts.answered + progress.counts.failed;
  const mean = counted > 0 ? progress.counts.charged / counted : progress.tokensPerCall;
  return timeRemaining({
    callsDone,
    callsLeft: calls - callsDone,
    tokensDone: callsDone * mean,
    tokensPerCall: progress.tokensPerCall,
    limits: progress.limits,
    activeMs: progress.activeMs + Math.max(0, now - Date.parse(progress.updatedAt)),
  });
}

/** Requests sent, and tokens charged for them, in the 60 seconds before `now`. */
export function lastMinute(
  sends: readonly { at: string; charged: number }[],
  now: number,
): { requests: number; tokens: number } {
  const recent = sends.filter(({ at }) => now - Date.parse(at) < 60_000);
  return { requests: recent.length, tokens: recent.reduce((total, { charged }) => total + charged, 0) };
}

function distinct(failures: FailureLine[]): FailureLine[] {
  const byQuestion = new Map(failures.map((line) => [`${line.image}\n${line.prompt}`, line]));
  return [...byQuestion.values()].sort((a, b) => a.at.localeCompare(b.at));
}

const sum = <K extends string>(rows: Record<K, number>[], key: K): number =>
  rows.reduce((total, row) => total + row[key], 0);
