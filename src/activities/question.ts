import { ApplicationFailure, CancelledFailure, type Context } from '@temporalio/activity';
import { admissionTokens, knowsImageTokens, textTokens } from '../shared/image-tokens.ts';
import { redact } from '../shared/redact.ts';
import type {
  AskResult,
  FailureKind,
  ImageRef,
  Plan,
  Prompt,
  Route,
  SaidLimit,
  Timings,
  Try,
} from '../shared/types.ts';
import { ANSWER_SCHEMA, type ExpectedCharge, judgeReply, SCHEMA_CHARS } from './answer.ts';
import { type AskContext, classify, MAX_TRIES, saidLimit, toFailure, type Verdict } from './failure.ts';
import {
  type Model,
  ModelError,
  type ModelReply,
  type OpenSource,
  type RateHeaders,
  SourceError,
} from './ports.ts';
import type { PictureMemory } from './picture-memory.ts';
import {
  type EncodedPicture,
  type PreparedPicture,
  prepareBytes,
  prepareUrl,
  UnusablePicture,
} from './prepare-picture.ts';
import type { TextTokens } from './text-tokens.ts';
import type { UrlHealth } from './url-health.ts';

/** A call's share of the limits, as the worker's limiter gives it. */
export interface Share {
  /**
   * What the call is: its kind, and its tokens by the formula. Counts what such calls were seen to be charged, and
   * returns that.
   */
  weigh(kind: string, formula: number): number;
  /** The provider let the call in. `billed`: tokens of its bill. Returns the tokens counted. */
  admitted(rate: RateHeaders, billed?: number): number;
  /** The provider refused the call for its limits; `said`: what the refusal's text says of one of them. */
  refused(rate: RateHeaders, said?: SaidLimit): void;
  /** The call never went: what was taken comes back. */
  cancel(): void;
}

/** What a question needs of the limiter. */
export interface Allowance {
  /** What was taken for the task that has just started; `null` when there is nothing to claim. */
  claim(): Share | null;
  /** Waits until a further call may go, and takes its share. */
  acquire(tokens: number, signal: AbortSignal): Promise<Share>;
  /** A call is sent; what is returned is told how long it took, or `null` where that says nothing of the provider. */
  called(): (ms: number | null) => void;
  /** Nobody may call now, whatever share he has. */
  closed(): boolean;
  /** The provider wants less of everybody: no call for `closeMs`, half the rate where it asked to slow down. */
  refused(refusal: { closeMs: number; slowDown: boolean }): void;
  /** For the log. */
  left(): { requestsLeft: number; tokensLeft: number; waiting: number };
}

export interface QuestionDeps {
  openSource: OpenSource;
  pictures: PictureMemory<EncodedPicture>;
  model: Model;
  allowance: Allowance;
  urlHealth: UrlHealth;
  /** What questions cost without their picture, and what pictures cost whose size is not known. */
  textTokens: TextTokens;
  pictureTokens: TextTokens;
  /** Tells the run, by its workflow ID, which limits hold, where it does not know. */
  tellLimits: (workflowId: string) => void;
  /** Milliseconds since the epoch. */
  now: () => number;
  random: () => number;
}

/** What one attempt leaves to the next. */
export interface AskMemory {
  tries: Try[];
  /** Why the picture goes by base64 although it has a URL. */
  fallback: string | null;
  cap: number;
  capRaised: boolean;
  reasked: boolean;
  /** Failed reads of the picture; they cost nothing and are no tries. */
  reads: number;
  /** Milliseconds since the epoch. */
  startedAt: number;
}

interface QuestionParts {
  plan: Plan;
  image: ImageRef;
  prompt: Prompt;
  memory: AskMemory;
  share: Share | null;
  ctx: Context;
  /** Sends the memory with a heartbeat. */
  beat: () => void;
}

/** An answer that was cut off is asked again with this many times the cap. */
const CAP_RAISED_BY = 4;

/** An attempt may take twelve minutes; the calls that follow a send need four of them. */
const LATEST_SEND_MS = 8 * 60_000;

/** A share that came with the task is given back when the picture had to wait longer: it was counted for a call then. */
const SHARE_HOLDS_MS = 1_000;

/** One attempt at one question about one picture: as many calls as it takes without a wait between them. */
export function createQuestion(deps: QuestionDeps, parts: QuestionParts): { ask(): Promise<AskResult> } {
  const { plan, image, prompt, memory, ctx } = parts;
  const { allowance, urlHealth } = deps;
  const source = deps.openSource(plan.source, { include: plan.include, exclude: plan.exclude });
  const textChars = plan.instructions.length + prompt.text.length + SCHEMA_CHARS;
  const timings: Timings = { signMs: 0, downloadMs: 0, encodeMs: 0, waitMs: 0, modelMs: 0 };
  const about = { run: plan.run, image: image.name.slice(-200), prompt: prompt.name };
  const late = AbortSignal.timeout(LATEST_SEND_MS);
  const patience = AbortSignal.any([ctx.cancellationSignal, late]);
  let share = parts.share;

  const context = (route: Route, tries = memory.tries.length): AskContext => ({
    route,
    tries,
    fellBack: memory.fallback !== null,
    capRaised: memory.capRaised,
    reasked: memory.reasked,
    now: deps.now(),
    random: deps.random,
  });

  /** Ends this attempt as the verdict says, or sets the memory for the next call. */
  function act(verdict: Verdict): void {
    const { closeGateMs: closeMs, slowDown } = verdict;
    if (closeMs > 0 || slowDown) allowance.refused({ closeMs, slowDown });
    const why = { ...about, kind: verdict.kind, reason: verdict.message };
    switch (verdict.action) {
      case 'base64':
        memory.fallback = verdict.reason;
        urlHealth.report(false);
        ctx.log.warn(
          `${verdict.kind === 'Timeout' ? 'URL timed out' : 'URL failed'}, falling back to base64`,
          why,
        );
        return;
      case 'raise-cap':
        memory.cap *= CAP_RAISED_BY;
        memory.capRaised = true;
        ctx.log.warn(`the answer was cut off, asking again with ${memory.cap} tokens`, why);
        return;
      case 'reask':
        memory.reasked = true;
        ctx.log.warn('asking once more', why);
        return;
      case 'retry': {
        const last = memory.tries.at(-1);
        // A call that we ended ourselves is no try, and there is no wait after it.
        if (last && verdict.kind !== 'Lost') last.waitMs = verdict.waitMs;
        parts.beat();
        const left = allowance.left();
        const tries = `try ${memory.tries.length} of ${MAX_TRIES}`;
        ctx.log.warn(`${verdict.kind}, retry after ${verdict.waitMs} ms, ${tries}`, { ...why, ...left });
        throw toFailure(verdict, memory.tries);
      }
      case 'record':
      case 'block':
        ctx.log.error(verdict.action === 'block' ? 'the run must wait' : 'no answer', why);
        throw toFailure(verdict, memory.tries);
    }
  }

  /** The picture as it travels in the next call. */
  async function prepare(): Promise<PreparedPicture> {
    const sign = plan.route === 'url' ? source.signedUrl : null;
    if (sign !== null) memory.fallback ??= urlHealth.base64First();
    try {
      const byUrl = sign !== null && memory.fallback === null;
      const picture = byUrl
        ? await prepareUrl(plan, image, sign)
        : await prepareBytes(plan, image, { source, pictures: deps.pictures }, patience);
      const { signMs, downloadMs, encodeMs, waitMs } = picture;
      Object.assign(timings, { signMs, downloadMs, encodeMs });
      timings.waitMs += waitMs;
      if (waitMs > SHARE_HOLDS_MS) {
        share?.cancel();
        share = null;
      }
      const size = (picture.bytes / 1024).toFixed(2);
      if (byUrl)
        ctx.log.info(
          `signed URL generated in ${signMs} ms (zero memory: the picture stays where it is)`,
          about,
        );
      else if (picture.bytes === 0) ctx.log.info('the picture is still in memory', about);
      else ctx.log.info(`downloaded ${size} KB in ${downloadMs} ms, encoded in ${encodeMs} ms`, about);
      return picture;
    } catch (err) {
      if (isLate()) throw tooLate('The pictures of other calls left no room in memory for this one');
      if (err instanceof UnusablePicture) act(unusable(err));
      if (!(err instanceof SourceError)) throw err;
      memory.reads += 1;
      act(classify(err, context('base64', memory.reads)));
      throw err;
    }
  }

  /** Takes the next call's share of the limits; the first call's came with the task. */
  async function admit(kind: string, formula: number): Promise<{ share: Share; reserved: number }> {
    if (share !== null && allowance.closed()) {
      share.cancel();
      share = null;
    }
    const started = performance.now();
    if (share === null) {
      ctx.log.info('waiting for the limiter', { ...about, ...allowance.left() });
      share = await acquire(formula);
      timings.waitMs += Math.round(performance.now() - started);
    }
    const mine = share;
    share = null;
    const reserved = mine.weigh(kind, formula);
    if (!ctx.cancellationSignal.aborted) return { share: mine, reserved };
    mine.cancel();
    throw new CancelledFailure('the question was withdrawn before it was sent');
  }

  async function acquire(tokens: number): Promise<Share> {
    try {
      return await allowance.acquire(tokens, patience);
    } catch (err) {
      if (isLate()) throw tooLate('The limiter had no room for this call');
      throw err;
    }
  }

  /** A turn that does not come in time goes back to the queue: a call that is sent late would be cut off and paid twice. */
  const isLate = (): boolean => late.aborted && !ctx.cancellationSignal.aborted;

  function tooLate(why: string): ApplicationFailure {
    const message = `${why}; it waits in the queue again.`;
    return toFailure({ ...NOTHING_CAME, action: 'retry', kind: 'Lost', waitMs: 0, message }, memory.tries);
  }

  /** One call: the answer, or what to do about there being none. */
  async function call(picture: PreparedPicture): Promise<AskResult | Verdict> {
    const { route } = picture;
    const kind = kindOf(picture);
    const { share: mine, reserved } = await admit(kind, formulaOf(picture));
    const at = new Date(deps.now()).toISOString();
    const started = performance.now();
    /** Writes the try down, whatever came of it. */
    const tried = (outcome: 'ok' | FailureKind, about: Pick<Try, 'status'> & Partial<Try>): Try => {
      const ms = Math.round(performance.now() - started);
      const entry: Try = { at, ms, route, outcome, charged: reserved, ...about };
      memory.tries.push(entry);
      return entry;
    };
    let reply: ModelReply;
    const ended = allowance.called();
    try {
      ctx.log.info(route === 'url' ? 'trying signed URL' : 'asking by base64', about);
      reply = await ask(picture);
    } catch (err) {
      ended(err instanceof ModelError && err.origin === 'timeout' ? performance.now() - started : null);
      if (!(err instanceof ModelError)) {
        mine.cancel();
        throw err;
      }
      // A call that we ended ourselves got no answer and is no try. Its share stays counted: it went.
      if (err.origin === 'aborted') return classify(err, context(route));
      const verdict = classify(err, context(route, memory.tries.length + 1));
      if (err.status === 429) mine.refused(err.rate, saidLimit(err.message) ?? undefined);
      else if (err.origin === 'api') mine.admitted(err.rate);
      tried(verdict.kind, { status: err.status, ...requestIdOf(err) });
      return verdict;
    }
    ended(performance.now() - started);
    learnSize(picture, reply);
    mine.weigh(kind, formulaOf(picture));
    const charged = mine.admitted(reply.rate, reply.usage?.totalTokens);
    const judged = judgeReply(reply, expectedCharge(picture));
    if (!judged.ok) {
      const verdict = classify(judged.problem, context(route, memory.tries.length + 1));
      const billed = reply.usage === null ? {} : { billed: reply.usage.totalTokens };
      tried(verdict.kind, { status: 200, charged, ...billed, ...requestIdOf(reply) });
      return verdict;
    }
    deps.tellLimits(plan.workflowId);
    timings.modelMs = tried('ok', { status: 200, charged, ...requestIdOf(reply) }).ms;
    learn(picture, reply);
    const { match, count } = judged.answer;
    ctx.log.info(`answered in ${timings.modelMs} ms: match ${match}, count ${count}`, { ...about, route });
    return {
      ...judged.answer,
      sentAt: at,
      ms: deps.now() - memory.startedAt,
      route,
      ...(memory.fallback === null ? {} : { fallback: memory.fallback }),
      usage: reply.usage,
      charged: memory.tries.reduce((sum, t) => sum + t.charged, 0),
      ...requestIdOf(reply),
      model: reply.model,
      timings,
      tries: memory.tries,
    };
  }

  async function callWith(picture: PreparedPicture): Promise<AskResult | Verdict> {
    try {
      return await call(picture);
    } finally {
      picture.release();
    }
  }

  async function ask(picture: PreparedPicture): Promise<ModelReply> {
    const aborter = new AbortController();
    const stop = (): void => {
      // A pause or a cancel lets the open call end, for it is paid; a lost task or a worker's end does not.
      if (!ctx.cancellationDetails?.cancelRequested) aborter.abort();
    };
    ctx.cancellationSignal.addEventListener('abort', stop);
    try {
      const { model, api, instructions, detail } = plan;
      const cacheKey = `${plan.run}-${image.identity}`.slice(-64);
      const request = { model, api, instructions, detail, cacheKey, maxOutputTokens: memory.cap };
      return await deps.model.ask(
        { ...request, question: prompt.text, schema: ANSWER_SCHEMA, imageUrl: picture.url },
        aborter.signal,
      );
    } finally {
      ctx.cancellationSignal.removeEventListener('abort', stop);
    }
  }

  /** The picture's tokens: by its size, by what an earlier call was billed for it, or as the first picture's. */
  const sizeOf = (picture: PreparedPicture): number =>
    picture.imageTokens ?? deps.pictureTokens.known(sizeKey) ?? plan.imageTokens;

  /** What the provider charges the call when it lets it in, as far as that is documented. */
  const formulaOf = (picture: PreparedPicture): number =>
    admissionTokens({ textChars, imageTokens: sizeOf(picture), maxOutputTokens: memory.cap });

  /** Calls that the provider should charge alike. */
  const kindOf = (picture: PreparedPicture): string =>
    [plan.model, plan.detail, picture.imageTokens ?? 'url', textChars].join(' ');

  /** Of a picture that went by URL the bill tells the size: what is not its text. */
  function learnSize(picture: PreparedPicture, { usage }: ModelReply): void {
    if (picture.imageTokens !== null || usage === null) return;
    deps.pictureTokens.learn(sizeKey, Math.max(0, usage.inputTokens - textTokens(textChars)));
  }

  /** What `usage` should show when the model saw the picture. */
  function expectedCharge(picture: PreparedPicture): ExpectedCharge {
    if (!knowsImageTokens(plan.model)) return { textChars, imageTokens: null, learnedTextTokens: null };
    if (picture.imageTokens === null) {
      // The size is a guess, so half of it is expected: a smaller picture is no reason for alarm.
      return { textChars, imageTokens: plan.imageTokens / 2, learnedTextTokens: null };
    }
    const learnedTextTokens = deps.textTokens.known(textKey(picture.imageTokens));
    return { textChars, imageTokens: picture.imageTokens, learnedTextTokens };
  }

  function learn(picture: PreparedPicture, { usage }: ModelReply): void {
    if (picture.route === 'url') urlHealth.report(true);
    if (picture.imageTokens === null || usage === null) return;
    deps.textTokens.learn(textKey(picture.imageTokens), usage.inputTokens - picture.imageTokens);
  }

  const sizeKey = `${plan.model} ${plan.detail} ${image.identity}`;
  const textKey = (tokens: number): string => `${plan.run} ${prompt.id} ${tokens}`;

  return {
    async ask() {
      try {
        for (;;) {
          const outcome = await callWith(await prepare());
          if (!('action' in outcome)) return outcome;
          act(outcome);
        }
      } catch (err) {
        if (isExpected(err, ctx.cancellationSignal)) throw err;
        // A fault of ours must not keep the question waiting for ever: it is recorded, and the run goes on.
        const message = redact(err instanceof Error ? err.message : String(err));
        throw toFailure(
          { ...NOTHING_CAME, action: 'record', scope: 'prompt', kind: 'Unclassified', message },
          memory.tries,
        );
      } finally {
        share?.cancel();
      }
    },
  };
}

const isExpected = (err: unknown, signal: AbortSignal): boolean =>
  err instanceof ApplicationFailure || err instanceof CancelledFailure || signal.aborted;

const requestIdOf = ({ requestId }: { requestId: string | null }): { requestId?: string } =>
  requestId === null ? {} : { requestId };

/** The parts of a verdict that speak of the provider, where it was not asked. */
const NOTHING_CAME = { status: null, code: null, requestId: null, closeGateMs: 0, slowDown: false } as const;

const unusable = (err: UnusablePicture): Verdict => ({
  ...NOTHING_CAME,
  action: 'record',
  kind: 'InvalidImage',
  scope: 'picture',
  message: `The picture cannot be asked about: ${err.message}`,
});
