import { ApplicationFailure } from '@temporalio/common';
import { redact } from '../shared/redact.ts';
import type { AskFailure, BlockCause, FailureKind, Route, SaidLimit, Try } from '../shared/types.ts';
import type { ReplyProblem } from './answer.ts';
import { boundedFailure, boundedTries } from './answer-bounds.ts';
import { statedWaitMs } from './durations.ts';
import { decisionFor } from './failure-table.ts';
import type { Decision } from './failure-table.ts';
import { ModelError, SourceError } from './ports.ts';

/** Requests that the API answered, or that timed out at our side, for one question about one picture. */
export const MAX_TRIES = 5;

/** A limit that needs an hour and more to come back is a day's: the run waits for it, no single call does. */
const LONG_WAIT_MS = 3_600_000;

/** Until the workflow has heard of a block; short, so that a mended key is used soon. */
export const BLOCK_GATE_MS = 10_000;

/** What has happened so far to one question about one picture. */
export interface AskContext {
  /** How the picture travelled in the call that failed. */
  route: Route;
  /** Tries so far, this one included. For a {@link SourceError}: failed reads of the picture. */
  tries: number;
  /** The picture has gone by base64 after its URL failed. */
  fellBack: boolean;
  /** The output cap was raised once. */
  capRaised: boolean;
  /** The question was asked once more after an answer that does not count. */
  reasked: boolean;
  /** Milliseconds since the epoch. */
  now: number;
  /** From 0 to 1, for the jitter. */
  random: () => number;
}

/** What every verdict says. */
interface Finding {
  kind: FailureKind;
  /** For a person; redacted. */
  message: string;
  status: number | null;
  code: string | null;
  requestId: string | null;
  /** Nobody may call the account for so long; 0: the gate stays open. */
  closeGateMs: number;
  /** The provider asks for a lower rate. */
  slowDown: boolean;
}

/** The parts of a finding that speak of the provider, where it was not asked. */
export const NOT_ASKED = {
  status: null,
  code: null,
  requestId: null,
  closeGateMs: 0,
  slowDown: false,
} as const;

/** What to do about a failure. */
export type Verdict = Finding &
  (
    | { action: 'retry'; waitMs: number }
    /** Ask again at once with the picture's bytes. */
    | { action: 'base64'; reason: string }
    /** Ask again at once with a larger output cap. */
    | { action: 'raise-cap' }
    /** Ask again at once, as before. */
    | { action: 'reask' }
    /** Give this question up; `picture`: the picture's other questions cannot succeed either. */
    | { action: 'record'; scope: 'prompt' | 'picture' }
    /** The whole run waits for a person, or for `until` (ISO 8601, UTC). */
    | { action: 'block'; cause: BlockCause; reason: string; remedy: string; until: string | null }
  );

/**
 * What a failure means: the only place where a provider's error becomes a decision. Pure. The rows are in
 * `failure-table.ts`; here is what depends on the route, the tries and the time. A verdict that needs one more request
 * becomes `record` of the same kind after {@link MAX_TRIES}; a closed gate stays part of it.
 */
export function classify(problem: ModelError | SourceError | ReplyProblem, context: AskContext): Verdict {
  const verdict = decide(problem, context);
  const asksAgain = verdict.action !== 'record' && verdict.action !== 'block';
  if (!asksAgain || context.tries < MAX_TRIES || verdict.kind === 'Lost') return verdict;
  return { ...finding(verdict), action: 'record', scope: 'prompt' };
}

function decide(problem: ModelError | SourceError | ReplyProblem, context: AskContext): Verdict {
  if (problem instanceof SourceError) return ofSource(problem, context);
  if (!(problem instanceof ModelError)) return ofReply(problem, context);
  return act(decisionFor(problem), problem, context);
}

function act(decision: Decision, error: ModelError, context: AskContext): Verdict {
  const byUrl = goesByUrl(context);
  const about = (kind: FailureKind): Finding => ({
    kind,
    message: redact(error.message),
    status: error.status,
    code: error.code,
    requestId: error.requestId,
    closeGateMs: 0,
    slowDown: false,
  });
  switch (decision.do) {
    case 'block':
      return {
        ...about('Blocked'),
        ...blocked(decision.cause, about('Blocked').message, decision.remedy),
        closeGateMs: BLOCK_GATE_MS,
      };
    case 'wait':
      return rateLimited(about('RateLimited'), error, context);
    case 'slow-down': {
      const waitMs = statedWaitMs(error.headers, error.message, context.now) ?? backoffMs(context);
      return { ...about('SlowDown'), action: 'retry', waitMs, slowDown: true };
    }
    case 'base64':
      if (byUrl)
        return { ...about('UrlUnreachable'), action: 'base64', reason: about('UrlUnreachable').message };
      // The bytes went along: either they are refused, or the server could not pass them on.
      if (decision.otherwise === 'record')
        return { ...about('InvalidImage'), action: 'record', scope: 'picture' };
      return { ...about('ProviderError'), action: 'retry', waitMs: backoffMs(context) };
    case 'timeout':
      if (byUrl) return { ...about('Timeout'), action: 'base64', reason: about('Timeout').message };
      return { ...about('Timeout'), action: 'retry', waitMs: backoffMs(context) };
    case 'reask':
      return context.reasked
        ? { ...about(decision.kind), action: 'record', scope: 'prompt' }
        : { ...about(decision.kind), action: 'reask' };
    case 'record': {
      const message = decision.advice === undefined ? error.message : `${error.message} ${decision.advice}`;
      return { ...about(decision.kind), message: redact(message), action: 'record', scope: decision.scope };
    }
    case 'retry':
      return {
        ...about(decision.kind),
        action: 'retry',
        waitMs: decision.kind === 'Lost' ? 0 : backoffMs(context),
      };
  }
}

/** The limit in "Rate limit reached … on tokens per min (TPM): Limit 30000, Used 29500, Requested 1577."; else `null`. */
export function saidLimit(message: string): SaidLimit | null {
  const found = /\bon (tokens|requests) per min\b[^:]*: Limit:? ([\d,]+)\b[^]*?\bUsed:? ([\d,]+)/i.exec(
    message,
  );
  if (found === null) return null;
  const [, unit = '', perMinute, used] = found;
  const name = unit.toLowerCase() === 'tokens' ? 'tokensPerMinute' : 'requestsPerMinute';
  return { name, perMinute: numberIn(perMinute), used: numberIn(used) };
}

const numberIn = (digits = ''): number => Number(digits.replaceAll(',', ''));

function rateLimited(about: Finding, error: ModelError, context: AskContext): Verdict {
  const tooLarge = /\bLimit:? ([\d,]+)\b[^]*?\bRequested:? ([\d,]+)/i.exec(error.message);
  const [limit, requested] = [tooLarge?.[1], tooLarge?.[2]].map(numberIn);
  const stated = statedWaitMs(error.headers, error.message, context.now);
  if (limit !== undefined && requested !== undefined && requested > limit) {
    const advice =
      'One call costs more than a minute may: use a lower detail, smaller pictures or a smaller output cap.';
    return {
      ...about,
      kind: 'RequestTooLarge',
      message: redact(`${error.message} ${advice}`),
      action: 'record',
      scope: 'prompt',
    };
  }
  if ((stated ?? 0) >= LONG_WAIT_MS || /\bper day\b|\b[RT]PD\b/i.test(error.message)) {
    const until = stated === null ? null : new Date(context.now + stated).toISOString();
    const remedy = 'The run goes on by itself when the limit is reset; a higher usage tier lifts it.';
    return {
      ...about,
      ...blocked('quota', `A limit a day is used up: ${about.message}`, remedy, until),
      kind: 'Blocked',
      closeGateMs: BLOCK_GATE_MS,
    };
  }
  const waitMs = stated ?? backoffMs(context);
  return { ...about, action: 'retry', waitMs, closeGateMs: waitMs };
}

function ofReply(reply: ReplyProblem, context: AskContext): Verdict {
  const about = (kind: FailureKind): Finding => ({
    kind,
    message: redact(reply.message),
    status: 200,
    code: null,
    requestId: reply.requestId,
    closeGateMs: 0,
    slowDown: false,
  });
  const record = (kind: FailureKind): Verdict => ({ ...about(kind), action: 'record', scope: 'prompt' });
  switch (reply.problem) {
    case 'unseen':
      if (!goesByUrl(context)) return record('PictureNotSeen');
      return { ...about('PictureNotSeen'), action: 'base64', reason: about('PictureNotSeen').message };
    case 'refused':
    case 'filtered':
      return context.reasked ? record('Refused') : { ...about('Refused'), action: 'reask' };
    case 'truncated':
      return context.capRaised
        ? record('OutputTruncated')
        : { ...about('OutputTruncated'), action: 'raise-cap' };
    case 'invalid':
      return context.reasked ? record('InvalidAnswer') : { ...about('InvalidAnswer'), action: 'reask' };
  }
}

function ofSource(error: SourceError, context: AskContext): Verdict {
  const message = redact(error.message);
  const about = (kind: FailureKind): Finding => ({
    kind,
    message,
    status: null,
    code: null,
    requestId: null,
    closeGateMs: 0,
    slowDown: false,
  });
  switch (error.kind) {
    case 'gone':
      return { ...about('PictureGone'), action: 'record', scope: 'picture' };
    case 'changed':
      return { ...about('PictureChanged'), action: 'record', scope: 'picture' };
    case 'forbidden':
      return {
        ...about('Blocked'),
        ...blocked('permission', message, "Give the worker's account permission to read the pictures."),
      };
    case 'missing':
    case 'invalid':
      return {
        ...about('Blocked'),
        ...blocked('place', message, 'Put the source back where the run was told to find it.'),
      };
    case 'unreadable':
    case 'unreachable':
      return { ...about('PictureUnreadable'), action: 'retry', waitMs: backoffMs(context) };
  }
}

/**
 * The verdict as Temporal's failure: `retry` is retried after its wait, `record` and `block` are not. Details hold the
 * failure with its tries (`record`, `retry`: `{ kind, message, status?, code?, requestId?, tries, scope }`; `block`:
 * `{ cause, reason, remedy, until, tries }`), which is what a person and the workflow read. The provider's error is never
 * passed on as cause: its message and stack would carry a signed URL into history.
 */
export function toFailure(
  verdict: Extract<Verdict, { action: 'retry' | 'record' | 'block' }>,
  tries: Try[],
): ApplicationFailure {
  const kept = boundedTries(tries);
  if (verdict.action === 'block') {
    const { cause, reason, remedy, until } = verdict;
    const message = `${reason} ${remedy}`;
    return ApplicationFailure.create({
      message,
      type: 'Blocked',
      nonRetryable: true,
      details: [{ cause, reason, remedy, until, tries: kept }],
    });
  }
  const failure: AskFailure & { scope: 'prompt' | 'picture' } = {
    ...recorded(verdict, kept),
    scope: verdict.action === 'record' ? verdict.scope : 'prompt',
  };
  return ApplicationFailure.create({
    message: verdict.message,
    type: verdict.kind,
    nonRetryable: verdict.action === 'record',
    details: [failure],
    ...(verdict.action === 'retry' ? { nextRetryDelay: verdict.waitMs } : {}),
  });
}

/** The finding as results and histories hold it. */
export function recorded({ kind, message, status, code, requestId }: Finding, tries: Try[]): AskFailure {
  return boundedFailure({
    kind,
    message,
    ...(status === null ? {} : { status }),
    ...(code === null ? {} : { code }),
    ...(requestId === null ? {} : { requestId }),
    tries,
  });
}

/** The context of a call that stands alone, outside a run. */
export const aloneBy = (route: Route): AskContext => ({
  route,
  tries: 1,
  fellBack: false,
  capRaised: false,
  reasked: false,
  now: Date.now(),
  random: Math.random,
});

function goesByUrl(context: AskContext): boolean {
  return context.route === 'url' && !context.fellBack;
}

function blocked(cause: BlockCause, reason: string, remedy: string, until: string | null = null) {
  return { action: 'block', cause, reason, remedy, until } as const;
}

/** 1, 2, 4 … 60 seconds by the number of tries, a fifth more or less, so that calls that failed together part. */
export function backoffMs(context: Pick<AskContext, 'tries' | 'random'>): number {
  const seconds = Math.min(60, 2 ** Math.max(0, context.tries - 1));
  return Math.round(seconds * 1_000 * (0.8 + 0.4 * context.random()));
}

function finding(verdict: Verdict): Finding {
  const { kind, message, status, code, requestId, closeGateMs, slowDown } = verdict;
  return { kind, message, status, code, requestId, closeGateMs, slowDown };
}
