import { ApplicationFailure, Context } from '@temporalio/activity';
import { redact } from '../shared/redact.ts';
import type { AskResult, ImageRef, Plan, Prompt } from '../shared/types.ts';
import { type HeldShare, holdShare } from './allowance.ts';
import { answerKey } from './answer-key.ts';
import { type AskMemory, memoryOf, wayOf } from './ask-memory.ts';
import { NOT_ASKED, toFailure } from './failure.ts';
import { createKnownAnswers } from './known-answers.ts';
import type { AnswerStore } from './ports.ts';
import { createQuestion, type QuestionDeps } from './question.ts';
import { imageKey } from './recall.ts';
import { brokenRun, runFailure } from './run-failure.ts';
import type { RunFiles, RunPlace } from './run-files.ts';
import { createTurnstile } from './turnstile.ts';

/** Input of `askModel`: at most 512 bytes in history. Question and picture are looked up in the run's files. */
export interface AskInput extends RunPlace {
  page: number;
  /** Index of the picture in its page. */
  image: number;
  /** Prompt id. */
  prompt: string;
}

export interface AskDeps extends QuestionDeps {
  files: RunFiles;
  answers: AnswerStore;
}

/**
 * So often the server learns that the worker lives, and the worker whether the call is still wanted: thrice within the
 * heartbeat's time-out while a call is open, and twice as often before, when a cancel must keep the call from being
 * sent. Each one is an Action that Temporal Cloud bills.
 */
const HEARTBEAT_MS = 4_000;
const HEARTBEAT_WAITING_MS = 2_000;

/** An attempt may take twelve minutes; the calls that follow a send need four of them. */
const LATEST_SEND_MS = 8 * 60_000;

/** The worker sends a heartbeat every two seconds at most; what is to outlive the worker has reached the server then. */
const MEMORY_ARRIVES_MS = 3_000;

/**
 * Asks one question about one picture: by URL first, by base64 when the URL fails, within the limits; unless its answer
 * is known. Fails as `failure.ts` says: to be tried again after a wait, to be recorded, or `Blocked`.
 *
 * The tries that the API answered are counted in the heartbeat's details, which the next attempt gets, and not by
 * Temporal's attempts, among which those that died with their worker are. A question that was lost three times is asked
 * alone, with no other call of this worker beside it; lost once more, it is recorded as `Lost`, and so are the other
 * questions about its picture.
 */
export function createAskModel(deps: AskDeps) {
  const known = createKnownAnswers(deps.answers);
  const turnstile = createTurnstile();

  return async function askModel(input: AskInput): Promise<AskResult> {
    const ctx = Context.current();
    const memory = memoryOf(ctx.info.heartbeatDetails, deps.now());
    // The worker took a share of the limits for this task before it asked for it.
    const share = holdShare(deps.allowance);
    const late = AbortSignal.timeout(LATEST_SEND_MS);
    const patience = AbortSignal.any([ctx.cancellationSignal, late]);
    const beats = startBeating(ctx, memory);
    const attempt = { ctx, memory, share, patience, beats };
    try {
      const subject = await lookUp(deps.files, input);
      const started = performance.now();
      const question = {
        key: answerKey(subject.plan, subject.image, subject.prompt),
        plan: subject.plan,
        image: imageKey(input.page, input.image),
        picture: subject.image.uri,
        signal: patience,
        mustWait: share.giveBack,
        warn(message: string, about: object) {
          ctx.log.warn(message, { run: subject.plan.run, ...about });
        },
      };
      return await known.find(question, () => {
        share.waited(performance.now() - started);
        return askIt(attempt, subject);
      });
    } catch (err) {
      // What the next attempt must know goes with the last heartbeat, which is sent before a failure is.
      memory.settled += 1;
      memory.alone = false;
      ctx.heartbeat(memory);
      throw failureOf(err, attempt, late);
    } finally {
      share.giveBack();
      beats.stop();
    }
  };

  /** The answer is not known: asks, beside the other calls of this worker or alone. */
  async function askIt(attempt: Attempt, subject: Subject): Promise<AskResult> {
    const { ctx, memory, share, patience, beats } = attempt;
    const { way, losses } = wayOf(ctx.info.attempt, memory);
    const about = { run: subject.plan.run, image: subject.image.name.slice(-200) };
    if (way === 'none') {
      ctx.log.error('the picture is set aside', { ...about, losses });
      throw lost(subject.image, losses, memory);
    }
    if (way === 'alone')
      ctx.log.warn('lost too often with its worker, asking it alone', { ...about, losses });
    const leave = await turnstile.enter(way === 'alone', patience, share.giveBack);
    try {
      if (way === 'alone') {
        memory.alone = true;
        ctx.heartbeat(memory);
        share.giveBack();
        await ctx.sleep(MEMORY_ARRIVES_MS);
      }
      const { onCall } = beats;
      return await createQuestion(deps, { ...subject, ctx, memory, share, patience, onCall }).ask();
    } finally {
      leave();
    }
  }
}

interface Subject {
  plan: Plan;
  image: ImageRef;
  prompt: Prompt;
}

interface Attempt {
  ctx: Context;
  memory: AskMemory;
  share: HeldShare;
  patience: AbortSignal;
  beats: Beats;
}

interface Beats {
  onCall(open: boolean): void;
  stop(): void;
}

function startBeating(ctx: Context, memory: AskMemory): Beats {
  let callOpen = false;
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
    if (!callOpen || ticks % (HEARTBEAT_MS / HEARTBEAT_WAITING_MS) === 0) ctx.heartbeat(memory);
  }, HEARTBEAT_WAITING_MS);
  return {
    onCall(open) {
      callOpen = open;
    },
    stop() {
      clearInterval(timer);
    },
  };
}

async function lookUp(files: RunFiles, input: AskInput): Promise<Subject> {
  try {
    const plan = await files.plan(input);
    const image = await files.image(input, input.page, input.image);
    const prompt = plan.prompts.find(({ id }) => id === input.prompt);
    if (prompt === undefined) throw brokenRun(`run.json has no prompt ${input.prompt}`);
    return { plan, image, prompt };
  } catch (err) {
    throw runFailure(err);
  }
}

/** What an attempt ends with that brought no answer. */
function failureOf(err: unknown, { ctx, memory }: Attempt, late: AbortSignal): unknown {
  const again = (message: string): ApplicationFailure =>
    toFailure({ ...NOT_ASKED, action: 'retry', kind: 'Lost', waitMs: 0, message }, memory.tries);
  if (err instanceof ApplicationFailure) return err;
  // Called off by a pause or a cancel. Whatever else ends an attempt from outside, the question is still wanted.
  if (ctx.cancellationDetails?.cancelRequested === true) return err;
  if (ctx.cancellationSignal.aborted)
    return again('The attempt was ended with its worker; it is asked again.');
  // A call that is sent late would be cut off and paid twice.
  if (late.aborted)
    return again('The limiter or the memory for pictures had no room; it waits in the queue again.');
  // A fault of ours must not keep the question waiting for ever: it is recorded, and the run goes on.
  const message = redact(err instanceof Error ? err.message : String(err));
  return toFailure(
    { ...NOT_ASKED, action: 'record', scope: 'prompt', kind: 'Unclassified', message },
    memory.tries,
  );
}

/** The question took its worker down while nothing else was asked: it is most likely the picture. */
function lost(image: ImageRef, losses: number, memory: AskMemory): ApplicationFailure {
  const message =
    `The worker was lost ${losses} times while it asked about ${image.name}, at last with no other call beside it. ` +
    "Look at the picture (does it open, how large is it?) and at the worker's memory, then ask again for this picture only.";
  return toFailure({ ...NOT_ASKED, action: 'record', scope: 'picture', kind: 'Lost', message }, memory.tries);
}
