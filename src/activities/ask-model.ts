import { Context } from '@temporalio/activity';
import type { AskResult, ImageRef, Plan, Prompt } from '../shared/types.ts';
import { createQuestion, type AskMemory, type QuestionDeps } from './question.ts';
import { brokenRun, runFailure } from './run-failure.ts';
import type { RunFiles, RunPlace } from './run-files.ts';

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
}

/**
 * So often the server learns that the worker lives, and the worker whether the call is still wanted: thrice within the
 * heartbeat's time-out. Each one is an Action that Temporal Cloud bills.
 */
const HEARTBEAT_MS = 4_000;

/**
 * Asks one question about one picture: by URL first, by base64 when the URL fails, within the limits. Fails as
 * `failure.ts` says: to be tried again after a wait, to be recorded, or `Blocked`.
 *
 * The tries that the API answered are counted in the heartbeat's details, which the next attempt gets, and not by
 * Temporal's attempts, among which those that died with their worker would be.
 */
export function createAskModel(deps: AskDeps) {
  return async function askModel(input: AskInput): Promise<AskResult> {
    const ctx = Context.current();
    // The worker took a share of the limits for this task before it asked for it.
    const share = deps.allowance.claim();
    let parts;
    try {
      parts = await lookUp(deps.files, input);
    } catch (err) {
      share?.cancel();
      throw runFailure(err);
    }
    const memory = (ctx.info.heartbeatDetails as AskMemory | undefined) ?? {
      tries: [],
      fallback: null,
      cap: parts.plan.maxOutputTokens,
      capRaised: false,
      reasked: false,
      reads: 0,
      startedAt: deps.now(),
    };
    const beat = (): void => {
      ctx.heartbeat(memory);
    };
    const timer = setInterval(beat, HEARTBEAT_MS);
    try {
      return await createQuestion(deps, { ...parts, memory, share, ctx, beat }).ask();
    } finally {
      clearInterval(timer);
    }
  };
}

async function lookUp(
  files: RunFiles,
  input: AskInput,
): Promise<{ plan: Plan; image: ImageRef; prompt: Prompt }> {
  const plan = await files.plan(input);
  const image = await files.image(input, input.page, input.image);
  const prompt = plan.prompts.find(({ id }) => id === input.prompt);
  if (prompt === undefined) throw brokenRun(`run.json has no prompt ${input.prompt}`);
  return { plan, image, prompt };
}
