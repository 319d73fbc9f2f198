import { createHash, randomUUID } from 'node:crypto';
import { admissionTokens, imageTokens, textTokens } from '../shared/image-tokens.ts';
import type { Usage } from '../shared/types.ts';
import type { LimitAccount } from './account.ts';
import { answerOf, inventedAnswer } from './answer.ts';
import {
  ApiFailure,
  insufficientQuota,
  modelNotFound,
  rateLimited,
  serverError,
  slowDown,
} from './errors.ts';
import type { ApiError } from './errors.ts';
import type { FaultKind } from './faults.ts';
import type { LedgerEntry } from './ledger.ts';
import { outputOf } from './output.ts';
import type { Api, ParsedCall } from './parse.ts';
import { parseCall } from './parse.ts';
import { downloadRefused, downloadTimeout, loadPicture, type Picture } from './picture.ts';
import { questionOf } from './questions.ts';
import { errorInside, replyBody, type Output } from './reply.ts';
import { sceneOf } from './scene.ts';

/** What is to be sent for a call, and how. */
export interface CallReply {
  status: number;
  body: unknown;
  headers: Record<string, string>;
  /** Leave out the rate headers. */
  bare: boolean;
  /** What the transport does with it. */
  send: 'whole' | 'half' | 'nothing' | 'reset' | 'broken';
  /** Take the time of a call first; errors are sent at once. */
  slow: boolean;
}

export interface CallsOptions {
  account: LimitAccount;
  seed: number;
  models: readonly string[];
  urlTimeoutMs: number;
  stop: AbortSignal;
  faultOf: (n: number, picture: string | null) => FaultKind | null;
  /** Wait of a 429 that a fault caused, in milliseconds. */
  faultWaitMs: number;
  /** What is charged for a call, as a multiple of the published rules' figure. */
  chargeFactor: number;
}

/** One model call from its body to what is to be sent; fills in the call's ledger entry on the way. */
export type AnswerCall = (entry: LedgerEntry, body: unknown) => Promise<CallReply>;

/** OpenAI counts a cached prefix in steps of 128 tokens, from 1,024 on. */
const CACHE_FROM = 1024;
const CACHE_STEP = 128;

export function createCalls(options: CallsOptions): AnswerCall {
  const { account, seed } = options;
  /** Prefixes that were answered before. The real cache forgets them after some minutes; this one does not. */
  const seenPrefixes = new Set<string>();

  return async (entry, body) => {
    try {
      return await answered(entry, body);
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      return refused(error.answer);
    }
  };

  async function answered(entry: LedgerEntry, body: unknown): Promise<CallReply> {
    const call = await charging(entry, 0, () => parseCall(entry.api, body));
    describe(entry, call);
    if (!options.models.includes(call.model)) {
      charge(entry, call.model, 0);
      throw new ApiFailure(modelNotFound(call.model, entry.api === 'responses' ? 'model' : null));
    }
    const fault = options.faultOf(entry.n, entry.picture);
    entry.fault = fault;
    refuseUncharged(fault, call.model);

    const textOnly = {
      textChars: call.textChars,
      imageTokens: 0,
      maxOutputTokens: call.maxOutputTokens ?? 0,
    };
    const source = call.image && { api: entry.api, url: call.image.url, param: call.image.param };
    if (source && (fault === 'url-timeout' || fault === 'url-download')) {
      charge(entry, call.model, admissionTokens(textOnly));
      const failure = fault === 'url-timeout' ? downloadTimeout(source) : downloadRefused(source, 403);
      return { ...refused(failure.answer), slow: fault === 'url-timeout' };
    }
    const picture =
      source && !(fault === 'not-seen' && entry.route === 'url')
        ? await charging(entry, admissionTokens(textOnly), () =>
            loadPicture(source, options.urlTimeoutMs, options.stop),
          )
        : null;
    entry.sha256 = picture?.sha256 ?? null;
    const pictureTokens =
      picture === null || call.image === null
        ? 0
        : imageTokens(call.model, call.image.detail, picture.width, picture.height);
    charge(entry, call.model, admissionTokens({ ...textOnly, imageTokens: pictureTokens }));
    return produced(entry, call, picture, pictureTokens, fault);
  }

  function produced(
    entry: LedgerEntry,
    call: ParsedCall,
    picture: Picture | null,
    pictureTokens: number,
    fault: FaultKind | null,
  ): CallReply {
    const id = createHash('sha256').update(entry.requestId).digest('hex').slice(0, 32);
    if (fault === 'server-error') return refused(serverError(entry.requestId));
    if (fault === 'plain-string-error')
      return { ...success({ error: 'upstream connect error' }), status: 500 };
    if (fault === 'error-in-200') return success(errorInside(entry.api, call, id, entry.at));
    if (fault === 'hang-before') return { ...success(null), send: 'nothing' };
    if (fault === 'reset') return { ...success(null), send: 'reset' };

    const look = { seed, question: entry.question, questionText: call.question };
    const seen = fault !== 'not-seen' && picture !== null;
    const { answer, wrong } = seen
      ? answerOf(sceneOf(picture.bytes), { ...look, sha256: picture.sha256 })
      : { answer: inventedAnswer(look), wrong: false };
    const output = outputOf(answer, call, fault);
    const usage = bill(call, seen ? picture.sha256 : null, seen ? pictureTokens : 0, output);
    Object.assign(entry, {
      wrong,
      usage,
      answer: output.refusal ?? output.text,
    } satisfies Partial<LedgerEntry>);
    return {
      ...success(replyBody(entry.api, call, { ...output, usage }, id, entry.at)),
      send: fault === 'hang-body' ? 'half' : fault === 'malformed-body' ? 'broken' : 'whole',
    };
  }

  function bill(
    call: ParsedCall,
    sha256: string | null,
    pictureTokens: number,
    output: Omit<Output, 'usage'>,
  ): Usage {
    const inputTokens = textTokens(call.textChars) + pictureTokens;
    const outputTokens = textTokens((output.refusal ?? output.text).length);
    const prefixTokens = textTokens(call.prefix.length) + pictureTokens;
    const key = JSON.stringify([call.model, call.image?.detail, call.prefix, sha256]);
    const cached = prefixTokens >= CACHE_FROM && seenPrefixes.has(key);
    seenPrefixes.add(key);
    return {
      inputTokens,
      cachedTokens: cached ? Math.floor(prefixTokens / CACHE_STEP) * CACHE_STEP : 0,
      outputTokens,
      totalTokens: inputTokens + outputTokens,
    };
  }

  /** Does a step of a request; when it fails the request is charged all the same. */
  async function charging<T>(entry: LedgerEntry, tokens: number, step: () => T | Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      charge(entry, entry.model ?? 'this model', tokens);
      throw error;
    }
  }

  function charge(entry: LedgerEntry, model: string, tokens: number): void {
    const charged = Math.ceil(tokens * options.chargeFactor);
    const admission = account.admit(charged);
    entry.account = account.state();
    if (!admission.admitted) throw new ApiFailure(rateLimited(model, admission));
    entry.admitted = charged;
  }

  /** Faults that stand in for the account's own refusals: nothing is charged. */
  function refuseUncharged(fault: FaultKind | null, model: string): void {
    if (fault === 'insufficient-quota') throw new ApiFailure(insufficientQuota());
    if (fault === 'slow-down') throw new ApiFailure(slowDown());
    if (fault !== 'rate-limit' && fault !== 'rate-limit-bare') return;
    const limit = account.state().limits.tokensPerMinute;
    const requested = Math.min(limit, 1600);
    const used = Math.round(limit - requested + (options.faultWaitMs / 60_000) * limit);
    const answer = rateLimited(model, {
      admitted: false,
      by: 'tokens',
      limit,
      used,
      requested,
      waitMs: options.faultWaitMs,
    });
    throw new ApiFailure(fault === 'rate-limit-bare' ? { status: answer.status, body: answer.body } : answer);
  }
}

/** A new entry for a call that has just arrived. */
export const newEntry = (n: number, api: Api, at: number): LedgerEntry => ({
  n,
  at,
  ms: null,
  api,
  model: null,
  route: null,
  picture: null,
  sha256: null,
  question: null,
  questionSha256: null,
  admitted: 0,
  account: null,
  status: null,
  error: null,
  fault: null,
  usage: null,
  answer: null,
  requestId: `req_${randomUUID().replaceAll('-', '')}`,
  delivered: null,
  wrong: false,
});

function describe(entry: LedgerEntry, call: ParsedCall): void {
  const url = call.image?.url ?? null;
  entry.model = call.model;
  entry.route = url === null ? null : url.startsWith('data:') ? 'base64' : 'url';
  entry.picture = entry.route === 'url' && url !== null ? withoutQuery(url) : null;
  entry.question = questionOf(call.question);
  entry.questionSha256 = createHash('sha256').update(call.question).digest('hex');
}

/** Origin and path: the query holds the signature, and user and password are left out too. */
function withoutQuery(url: string): string {
  if (!URL.canParse(url)) return 'not a URL';
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

const success = (body: unknown): CallReply => ({
  status: 200,
  body,
  headers: {},
  bare: false,
  send: 'whole',
  slow: true,
});

const refused = (error: ApiError): CallReply => ({
  status: error.status,
  body: error.body,
  headers: error.headers ?? {},
  bare: error.status === 429 && error.headers === undefined,
  send: 'whole',
  slow: false,
});
