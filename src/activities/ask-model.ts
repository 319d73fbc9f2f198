import { CancelledFailure, Context } from '@temporalio/activity';
import { admissionTokens, imageTokens, knowsImageTokens } from '../shared/image-tokens.ts';
import type { AskResult, FailureKind, ImageRef, Plan, Prompt, Route, Timings, Try } from '../shared/types.ts';
import { ANSWER_SCHEMA, type ExpectedCharge, judgeReply, type ReplyProblem } from './answer.ts';
import { type AskContext, classify, toFailure, type Verdict } from './failure.ts';
import {
  ModelError,
  type ImageSource,
  type Model,
  type ModelReply,
  type OpenSource,
  SourceError,
} from './ports.ts';
import { dataUrl, inspectPicture, MAX_PICTURE_BYTES } from './picture.ts';
import { runFailure } from './run-failure.ts';
import type { RunFiles, RunPlace } from './run-files.ts';
import type { TextTokens } from './text-tokens.ts';
import type { UrlHealth } from './url-health.ts';

/** Input of `askModel`: at most 512 bytes in history. Question and picture are looked up in the run's files. */
export interface AskInput extends RunPlace {
  page: number;
  /** Index of the picture in its page. */
  image: number;
  /** Prompt id. */
  prompt: string;
}

/** A call's share of the limits, as the worker's limiter gives it. */
export interface Share {
  settle(tokens: number): void;
  cancel(): void;
}

/** What the activity needs of the limiter. */
export interface Allowance {
  /** What was taken for the task that has just started; `null` when there is nothing to claim. */
  claim(): Share | null;
  /** Waits until a further call may go, and takes its share. */
  acquire(tokens: number, signal: AbortSignal): Promise<Share>;
  /** Nobody calls for so long. */
  closeFor(ms: number): void;
  slowDown(): void;
  /** What the server says is left. */
  observe(reply: { rate: ModelReply['rate'] }): void;
  /** For the log. */
  left(): { requestsLeft: number; tokensLeft: number; waiting: number };
}

export interface AskDeps {
  files: RunFiles;
  openSource: OpenSource;
  model: Model;
  allowance: Allowance;
  urlHealth: UrlHealth;
  textTokens: TextTokens;
  /** Milliseconds since the epoch. */
  now: () => number;
  random: () => number;
}

/**
 * What one attempt leaves to the next, in the heartbeat: tries that the API answered are counted here and not by
 * Temporal's attempts, among which a killed worker's would be.
 */
interface Memory {
  tries: Try[];
  fallback: string | null;
  cap: number;
  capRaised: boolean;
  reasked: boolean;
  /** Failed reads of the picture; they cost nothing and are no tries. */
  reads: number;
  startedAt: number;
}

/** The server learns every two seconds that the worker lives, and the worker whether the call is still wanted. */
const HEARTBEAT_MS = 2_000;

/** An answer that was cut off is asked again with this many times the cap. */
const CAP_RAISED_BY = 4;

/** Characters of the answer's schema, which the server counts as text. */
const SCHEMA_CHARS = JSON.stringify(ANSWER_SCHEMA).length;

/** Asks one question about one picture: by URL first, by base64 when the URL fails, within the limits. */
export function createAskModel(deps: AskDeps) {
  return async function askModel(input: AskInput): Promise<AskResult> {
    const ctx = Context.current();
    const remembered = ctx.info.heartbeatDetails as Memory | undefined;
    const share = deps.allowance.claim();
    let plan: Plan;
    let image: ImageRef;
    try {
      plan = await deps.files.plan(input);
      image = await deps.files.image(input, input.page, input.image);
    } catch (err) {
      share?.cancel();
      throw runFailure(err);
    }
    const prompt = plan.prompts.find(({ id }) => id === input.prompt);
    if (prompt === undefined) throw new Error(`run.json has no prompt ${input.prompt}`);
    const memory: Memory = remembered ?? {
      tries: [],
      fallback: null,
      cap: plan.maxOutputTokens,
      capRaised: false,
      reasked: false,
      reads: 0,
      startedAt: deps.now(),
    };
    const beat = (): void => {
      ctx.heartbeat(memory);
    };
    beat();
    const timer = setInterval(beat, HEARTBEAT_MS);
    try {
      return await createQuestion(deps, { plan, image, prompt, memory, share, ctx, beat }).ask();
    } finally {
      clearInterval(timer);
    }
  };
}

interface QuestionParts {
  plan: Plan;
  image: ImageRef;
  prompt: Prompt;
  memory: Memory;
  share: Share | null;
  ctx: Context;
  beat: () => void;
}

/** A picture made ready for one call. */
interface Prepared {
  url: string;
  route: Route;
  /** By its size; `null` where the size is not known. */
  imageTokens: number | null;
}

function createQuestion(deps: AskDeps, parts: QuestionParts): { ask(): Promise<AskResult> } {
  const { plan, image, prompt, memory, ctx } = parts;
  const { model, allowance } = deps;
  const source = deps.openSource(plan.source, { include: plan.include, exclude: plan.exclude });
  const timings: Timings = { signMs: 0, downloadMs: 0, encodeMs: 0, waitMs: 0, modelMs: 0 };
  const textChars = plan.instructions.length + prompt.text.length + SCHEMA_CHARS;
  const about = { run: plan.run, image: image.name.slice(-200), prompt: prompt.name };
  let share = parts.share;

  /** Ends this attempt as the verdict says, or sets the memory for the next call. */
  function act(verdict: Verdict): void {
    if (verdict.closeGateMs > 0) allowance.closeFor(verdict.closeGateMs);
    if (verdict.slowDown) allowance.slowDown();
    const last = memory.tries.at(-1);
    switch (verdict.action) {
      case 'base64':
        memory.fallback = verdict.reason;
        deps.urlHealth.report(false);
        ctx.log.warn('URL failed, falling back to base64', { ...about, reason: verdict.reason });
        return;
      case 'raise-cap':
        memory.cap *= CAP_RAISED_BY;
        memory.capRaised = true;
        ctx.log.warn('the answer was cut off, asking again with a larger cap', { ...about, cap: memory.cap });
        return;
      case 'reask':
        memory.reasked = true;
        ctx.log.warn('asking once more', { ...about, reason: verdict.message });
        return;
      case 'retry':
        if (last) last.waitMs = verdict.waitMs;
        parts.beat();
        ctx.log.warn(`${verdict.kind}: retry after ${verdict.waitMs} ms, try ${memory.tries.length} of 5`, {
          ...about,
          reason: verdict.message,
          ...allowance.left(),
        });
        throw toFailure(verdict, memory.tries);
      default:
        ctx.log.error(verdict.action === 'block' ? 'the run must wait' : 'no answer', {
          ...about,
          kind: verdict.kind,
          reason: verdict.message,
        });
        throw toFailure(verdict, memory.tries);
    }
  }

  const context = (route: Route): AskContext => ({
    route,
    tries: memory.tries.length,
    fellBack: memory.fallback !== null,
    capRaised: memory.capRaised,
    reasked: memory.reasked,
    now: deps.now(),
    random: deps.random,
  });

  async function byUrl(sign: NonNullable<ImageSource['signedUrl']>): Promise<Prepared> {
    const started = performance.now();
    const url = await sign(image);
    timings.signMs = Math.round(performance.now() - started);
    ctx.log.debug(`signed URL generated in ${timings.signMs} ms`, about);
    const known = plan.detail === 'low' ? plan.imageTokens : null;
    return { url, route: 'url', imageTokens: known };
  }

  async function byBytes(): Promise<Prepared> {
    if (image.bytes > MAX_PICTURE_BYTES) {
      throw new UnusablePicture(`has ${image.bytes} bytes; the provider takes ${MAX_PICTURE_BYTES} at most`);
    }
    const started = performance.now();
    const bytes = await source.read(image, ctx.cancellationSignal);
    const read = performance.now();
    const picture = inspectPicture(bytes);
    if (!picture.ok) throw new UnusablePicture(picture.problem);
    const url = dataUrl(bytes, picture.mediaType);
    timings.downloadMs = Math.round(read - started);
    timings.encodeMs = Math.round(performance.now() - read);
    const size = (bytes.length / 1024).toFixed(2);
    ctx.log.debug(
      `downloaded ${size} KB in ${timings.downloadMs} ms, encoded in ${timings.encodeMs} ms`,
      about,
    );
    return {
      url,
      route: 'base64',
      imageTokens: imageTokens(plan.model, plan.detail, picture.width, picture.height),
    };
  }

  /** The picture as it travels in the next call. Throws `SourceError` or {@link UnusablePicture}. */
  function prepare(): Promise<Prepared> {
    const sign = plan.route === 'url' && memory.fallback === null ? source.signedUrl : null;
    if (sign === null) return byBytes();
    memory.fallback = deps.urlHealth.base64First();
    return memory.fallback === null ? byUrl(sign) : byBytes();
  }

  /** Takes the next call's share of the limits; the first call's came with the task. */
  async function admit(tokens: number): Promise<Share> {
    const started = performance.now();
    const mine = share ?? (await allowance.acquire(tokens, ctx.cancellationSignal));
    share = null;
    timings.waitMs += Math.round(performance.now() - started);
    mine.settle(tokens);
    if (ctx.cancellationSignal.aborted) {
      mine.cancel();
      throw new CancelledFailure('the question was withdrawn before it was sent');
    }
    return mine;
  }

  async function send(picture: Prepared): Promise<AskResult | Verdict> {
    const assumed = picture.imageTokens ?? plan.imageTokens;
    const reserved = admissionTokens({ textChars, imageTokens: assumed, maxOutputTokens: memory.cap });
    const mine = await admit(reserved);
    const at = deps.now();
    const started = performance.now();
    ctx.log.debug(
      picture.route === 'url' ? 'trying the signed URL (zero memory)' : 'asking by base64',
      about,
    );
    const attempt: Try = {
      at: new Date(at).toISOString(),
      ms: 0,
      route: picture.route,
      status: null,
      outcome: 'ok',
      charged: reserved,
    };
    const done = (outcome: 'ok' | FailureKind, status: number | null, requestId: string | null): void => {
      attempt.ms = Math.round(performance.now() - started);
      attempt.outcome = outcome;
      attempt.status = status;
      if (requestId !== null) attempt.requestId = requestId;
    };
    let reply: ModelReply;
    try {
      reply = await ask(picture, memory.cap);
    } catch (err) {
      if (!(err instanceof ModelError)) {
        mine.cancel();
        throw err;
      }
      // A call that we ended ourselves got no answer from the API and is no try; its share stays counted, as it went.
      if (err.origin !== 'aborted') memory.tries.push(attempt);
      const verdict = classify(err, context(picture.route));
      done(verdict.kind, err.status, err.requestId);
      return verdict;
    }
    allowance.observe(reply);
    memory.tries.push(attempt);
    attempt.charged = Math.max(reserved, reply.usage?.totalTokens ?? 0);
    mine.settle(attempt.charged);
    const judged = judgeReply(reply, expectedCharge(picture));
    if (!judged.ok) {
      if (reply.usage) attempt.billed = reply.usage.totalTokens;
      const verdict = classify(judged.problem satisfies ReplyProblem, context(picture.route));
      done(verdict.kind, 200, reply.requestId);
      return verdict;
    }
    done('ok', 200, reply.requestId);
    timings.modelMs = attempt.ms;
    if (picture.route === 'url') deps.urlHealth.report(true);
    if (picture.imageTokens !== null && reply.usage) {
      deps.textTokens.learn(textKey(picture.imageTokens), reply.usage.inputTokens - picture.imageTokens);
    }
    const { match, count } = judged.answer;
    ctx.log.info(`answered in ${attempt.ms} ms: match ${match}, count ${count}`, {
      ...about,
      route: picture.route,
    });
    return {
      ...judged.answer,
      sentAt: attempt.at,
      ms: deps.now() - memory.startedAt,
      route: picture.route,
      ...(memory.fallback === null ? {} : { fallback: memory.fallback }),
      usage: reply.usage,
      charged: memory.tries.reduce((sum, t) => sum + t.charged, 0),
      ...(reply.requestId === null ? {} : { requestId: reply.requestId }),
      model: reply.model,
      timings,
      tries: memory.tries,
    };
  }

  /** What `usage` should show when the model saw the picture. */
  function expectedCharge(picture: Prepared): ExpectedCharge {
    if (!knowsImageTokens(plan.model)) return { textChars, imageTokens: null, learnedTextTokens: null };
    if (picture.imageTokens === null) {
      // The size is a guess, so half of it is expected: a smaller picture is no reason for alarm.
      return { textChars, imageTokens: plan.imageTokens / 2, learnedTextTokens: null };
    }
    const learnedTextTokens = deps.textTokens.known(textKey(picture.imageTokens));
    return { textChars, imageTokens: picture.imageTokens, learnedTextTokens };
  }

  const textKey = (tokens: number): string => `${plan.run} ${prompt.id} ${tokens}`;

  async function ask(picture: Prepared, maxOutputTokens: number): Promise<ModelReply> {
    const aborter = new AbortController();
    const stop = (): void => {
      // A pause or a cancel lets the open call end, for it is paid; a lost task or a worker's end does not.
      if (!ctx.cancellationDetails?.cancelRequested) aborter.abort();
    };
    ctx.cancellationSignal.addEventListener('abort', stop);
    try {
      return await model.ask(
        {
          model: plan.model,
          api: plan.api,
          instructions: plan.instructions,
          question: prompt.text,
          schema: ANSWER_SCHEMA,
          imageUrl: picture.url,
          detail: plan.detail,
          maxOutputTokens,
          cacheKey: `${plan.run}-${image.identity}`.slice(-64),
        },
        aborter.signal,
      );
    } finally {
      ctx.cancellationSignal.removeEventListener('abort', stop);
    }
  }

  async function prepareOrAct(): Promise<Prepared> {
    try {
      return await prepare();
    } catch (err) {
      if (err instanceof UnusablePicture) {
        throw toFailure(unusable(err.message), memory.tries);
      }
      if (!(err instanceof SourceError)) throw err;
      memory.reads += 1;
      act(classify(err, { ...context('base64'), tries: memory.reads }));
      throw err;
    }
  }

  return {
    async ask() {
      try {
        for (;;) {
          const outcome = await send(await prepareOrAct());
          if (!('action' in outcome)) return outcome;
          act(outcome);
        }
      } finally {
        share?.cancel();
      }
    },
  };
}

/** A picture that is none, or too large: no call is spent on it. */
class UnusablePicture extends Error {
  override readonly name = 'UnusablePicture';
}

const unusable = (problem: string): Extract<Verdict, { action: 'record' }> => ({
  action: 'record',
  kind: 'InvalidImage',
  scope: 'picture',
  message: `The picture cannot be asked about: ${problem}`,
  status: null,
  code: null,
  requestId: null,
  closeGateMs: 0,
  slowDown: false,
});
