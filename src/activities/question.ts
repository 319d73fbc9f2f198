import { CancelledFailure, type Context } from '@temporalio/activity';
import type { AskResult, FailureKind, ImageRef, Plan, Prompt, Route, Timings, Try } from '../shared/types.ts';
import type { Allowance, HeldShare, Share } from './allowance.ts';
import { ANSWER_SCHEMA, judgeReply } from './answer.ts';
import { boundedAnswer } from './answer-bounds.ts';
import type { AskMemory } from './ask-memory.ts';
import { createCharges } from './charges.ts';
import {
  type AskContext,
  classify,
  MAX_TRIES,
  NOT_ASKED,
  saidLimit,
  toFailure,
  type Verdict,
} from './failure.ts';
import { whileWanted, type WorkflowIsOpen } from './open-call.ts';
import { type Places, unlessOutage } from './outage.ts';
import type { PictureMemory } from './picture-memory.ts';
import { type Model, ModelError, type ModelReply, type OpenSource, SourceError } from './ports.ts';
import {
  type EncodedPicture,
  type PreparedPicture,
  prepareBytes,
  prepareUrl,
  UnusablePicture,
} from './prepare-picture.ts';
import type { TextTokens } from './text-tokens.ts';
import type { UrlHealth } from './url-health.ts';

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
  workflowIsOpen: WorkflowIsOpen;
  /** Milliseconds since the epoch. */
  now: () => number;
  random: () => number;
}

interface QuestionParts {
  plan: Plan;
  image: ImageRef;
  prompt: Prompt;
  memory: AskMemory;
  share: HeldShare;
  ctx: Context;
  /** Aborts when the question is called off, or when it is too late to send a call in this attempt. */
  patience: AbortSignal;
  /** Is told when a call goes out and when it has ended. */
  onCall: (open: boolean) => void;
}

/** An answer that was cut off is asked again with this many times the cap. */
const CAP_RAISED_BY = 4;

/**
 * One attempt at one question about one picture: as many calls as it takes without a wait between them. Rejects as
 * `failure.ts` says, or with what ended its patience.
 */
export function createQuestion(deps: QuestionDeps, parts: QuestionParts): { ask(): Promise<AskResult> } {
  const { plan, image, prompt, memory, ctx, patience } = parts;
  const { allowance, urlHealth } = deps;
  const source = deps.openSource(plan.source, { include: plan.include, exclude: plan.exclude });
  const charges = createCharges(deps, parts);
  const timings: Timings = { signMs: 0, downloadMs: 0, encodeMs: 0, waitMs: 0, modelMs: 0 };
  const about = { run: plan.run, image: image.name.slice(-200), prompt: prompt.name };
  const places: Places = {
    model: (signal) => deps.model.check(plan.model, signal),
    source: (signal) => source.list(null, 1, signal),
  };

  const cap = (): number => plan.maxOutputTokens * (memory.capRaised ? CAP_RAISED_BY : 1);

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
    const why = {
      ...about,
      kind: verdict.kind,
      reason: verdict.message,
      ...requestIdOf(verdict),
    };
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
        memory.capRaised = true;
        ctx.log.warn(`the answer was cut off, asking again with ${cap()} tokens`, why);
        return;
      case 'reask':
        memory.reasked = true;
        ctx.log.warn('asking once more', why);
        return;
      case 'retry': {
        const last = memory.tries.at(-1);
        // A call that we ended ourselves is no try, and there is no wait after it.
        if (last && verdict.kind !== 'Lost') last.waitMs = verdict.waitMs;
        const left = allowance.left();
        const made = memory.tries.length;
        const tries = `try ${made} of ${Math.max(MAX_TRIES, made + 1)}`;
        ctx.log.warn(`${verdict.kind}, retry after ${verdict.waitMs} ms, ${tries}`, { ...why, ...left });
        throw toFailure(verdict, memory.tries);
      }
      case 'record':
        ctx.log.error('no answer', why);
        throw toFailure(verdict, memory.tries);
      case 'block':
        ctx.log.error('the run must wait', why);
        // Requests that reached nobody cost nothing: through a long outage they are not carried along.
        throw toFailure(verdict, memory.tries.filter(reachedTheServer));
    }
  }

  /** What a failure means, where the place that failed has been asked whether it is there. */
  const judge = (problem: ModelError | SourceError, now: AskContext): Promise<Verdict> =>
    unlessOutage(problem, classify(problem, now), now, places);

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
      parts.share.waited(waitMs);
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
      if (err instanceof UnusablePicture) act(unusable(err));
      if (!(err instanceof SourceError)) throw err;
      memory.reads += 1;
      act(await judge(err, context('base64', memory.reads)));
      throw err;
    }
  }

  /** Takes the next call's share of the limits; the first call's came with the task. */
  async function admit(picture: PreparedPicture): Promise<{ share: Share; reserved: number }> {
    if (allowance.closed()) parts.share.giveBack();
    let share = parts.share.take();
    const formula = charges.formula(picture, cap());
    if (share === null) {
      const started = performance.now();
      ctx.log.info('waiting for the limiter', { ...about, ...allowance.left() });
      share = await allowance.acquire(formula, patience);
      timings.waitMs += Math.round(performance.now() - started);
    }
    const reserved = share.weigh(charges.kind(picture), formula);
    // The last look before the call goes: from here on nothing waits.
    if (!ctx.cancellationSignal.aborted) return { share, reserved };
    share.cancel();
    throw new CancelledFailure('the question was withdrawn before it was sent');
  }

  /** One call: the answer, or what to do about there being none. */
  async function call(picture: PreparedPicture): Promise<AskResult | Verdict> {
    const { route } = picture;
    const { share, reserved } = await admit(picture);
    const at = new Date(deps.now()).toISOString();
    const started = performance.now();
    let ms = 0;
    /** Writes the try down, whatever came of it. */
    const tried = (outcome: 'ok' | FailureKind, about: Pick<Try, 'status'> & Partial<Try>): Try => {
      const entry: Try = { at, ms: Math.round(ms), route, outcome, charged: reserved, ...about };
      memory.tries.push(entry);
      return entry;
    };
    let reply: ModelReply;
    const ended = allowance.called();
    try {
      ctx.log.info(route === 'url' ? 'trying signed URL' : 'asking by base64', about);
      reply = await ask(picture);
    } catch (err) {
      ms = performance.now() - started;
      ended(err instanceof ModelError && err.origin === 'timeout' ? ms : null);
      if (!(err instanceof ModelError)) {
        share.cancel();
        throw err;
      }
      // A call that we ended ourselves got no answer and is no try. Its share stays counted: it went.
      if (err.origin === 'aborted') return classify(err, context(route));
      const verdict = await judge(err, context(route, memory.tries.length + 1));
      if (err.status === 429) share.refused(err.rate, saidLimit(err.message) ?? undefined);
      else if (err.origin === 'api') share.admitted(err.rate);
      tried(verdict.kind, { status: err.status, ...requestIdOf(err) });
      return verdict;
    }
    ms = performance.now() - started;
    ended(ms);
    charges.learnSize(picture, reply);
    share.weigh(charges.kind(picture), charges.formula(picture, cap()));
    const charged = share.admitted(reply.rate, reply.usage?.totalTokens);
    const judged = judgeReply(reply, charges.expected(picture));
    if (!judged.ok) {
      const verdict = classify(judged.problem, context(route, memory.tries.length + 1));
      const billed = reply.usage === null ? {} : { billed: reply.usage.totalTokens };
      tried(verdict.kind, { status: 200, charged, ...billed, ...requestIdOf(reply) });
      return verdict;
    }
    deps.tellLimits(plan.workflowId);
    timings.modelMs = tried('ok', { status: 200, charged, ...requestIdOf(reply) }).ms;
    if (route === 'url') urlHealth.report(true);
    charges.learnText(picture, reply);
    const { match, count } = judged.answer;
    ctx.log.info(`answered in ${timings.modelMs} ms: match ${match}, count ${count}`, {
      ...about,
      route,
      ...requestIdOf(reply),
    });
    return boundedAnswer({
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
    });
  }

  async function callWith(picture: PreparedPicture): Promise<AskResult | Verdict> {
    try {
      return await call(picture);
    } finally {
      picture.release();
    }
  }

  async function ask(picture: PreparedPicture): Promise<ModelReply> {
    const { model, api, instructions, detail } = plan;
    const cacheKey = `${plan.run}-${image.identity}`.slice(-64);
    const asked = { question: prompt.text, schema: ANSWER_SCHEMA, imageUrl: picture.url };
    const request = { model, api, instructions, detail, cacheKey, maxOutputTokens: cap(), ...asked };
    parts.onCall(true);
    try {
      return await whileWanted(ctx, deps.workflowIsOpen, (signal) => deps.model.ask(request, signal));
    } finally {
      parts.onCall(false);
    }
  }

  return {
    async ask() {
      for (;;) {
        const outcome = await callWith(await prepare());
        if (!('action' in outcome)) return outcome;
        act(outcome);
      }
    },
  };
}

const reachedTheServer = ({ status, outcome }: Try): boolean => status !== null || outcome === 'Timeout';

const requestIdOf = ({ requestId }: { requestId: string | null }): { requestId?: string } =>
  requestId === null ? {} : { requestId };

const unusable = (err: UnusablePicture): Verdict => ({
  ...NOT_ASKED,
  action: 'record',
  kind: 'InvalidImage',
  scope: 'picture',
  message: `The picture cannot be asked about: ${err.message}`,
});
