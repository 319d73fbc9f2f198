import OpenAI from 'openai';
import { SIMULATED_MISMATCH } from '../../activities/failure-table.ts';
import { ModelError } from '../../activities/ports.ts';
import type { Model, ModelReply, ModelRequest } from '../../activities/ports.ts';
import { redact as redactText } from '../../shared/redact.ts';
import { bodyInSlices } from './body-in-slices.ts';
import { bodyText } from './body-text.ts';
import { chatBody, readChat } from './openai-chat.ts';
import { isOpenAi } from './openai-common.ts';
import {
  answeredError,
  apiError,
  keepErrorBody,
  malformed,
  requestIdOf,
  thrownError,
} from './openai-errors.ts';
import { readResponse, responsesBody } from './openai-responses.ts';
import { readRateHeaders } from './rate-headers.ts';

export interface OpenAiOptions {
  /** `null`: none is needed (a simulator, a server of one's own). */
  apiKey: string | null;
  /** `https://api.openai.com/v1`, or where another server speaks the same API. */
  baseUrl: string;
  /** One call, from its sending to the end of its body. */
  timeoutMs: number;
  /** Whether the account is simulated: every response must say the same, in its header `x-simulated`. */
  simulated: boolean;
  fetch?: typeof globalThis.fetch;
}

/** A response that has come in wholly and is no error. */
interface Received {
  body: unknown;
  headers: Headers;
}

/**
 * The model behind OpenAI's API, or behind a server that speaks it. One request a call: it neither retries nor waits
 * for a limit, and judges no error. No key and no signed URL is in what it throws.
 */
export function createOpenAiModel(options: OpenAiOptions): Model {
  const dialect = options.simulated || isOpenAi(options.baseUrl) ? 'openai' : 'compatible';
  const key = options.apiKey ?? 'none';
  const redact = (text: string): string => redactText(text, options.apiKey === null ? [] : [options.apiKey]);
  const client = new OpenAI({
    apiKey: key,
    baseURL: options.baseUrl,
    // The client would read these from the environment; a project's key says both by itself.
    adminAPIKey: null,
    organization: null,
    project: null,
    maxRetries: 0,
    // Ends at the headers; ours ends later or sooner as it must.
    timeout: options.timeoutMs + 10_000,
    // Its log would show requests, and with them signed URLs.
    logLevel: 'off',
    fetch: keepErrorBody(bodyInSlices(options.fetch ?? globalThis.fetch)),
  });

  async function exchange(
    send: (signal: AbortSignal) => { asResponse(): Promise<Response> },
    caller: AbortSignal | undefined,
  ): Promise<Received> {
    if (!/^[!-~]+$/.test(key)) {
      const message = 'The API key holds a space, a line break or a letter that no key has.';
      throw new ModelError(message, { origin: 'api', status: 401, code: 'invalid_api_key' });
    }
    const call = startCall(options.timeoutMs, caller);
    try {
      const response = await send(call.signal).asResponse();
      const { status, headers } = response;
      if (isMismatch(headers)) {
        await response.body?.cancel();
        throw mismatch();
      }
      const body = parse(await bodyText(response, call.signal));
      if (body === undefined) throw malformed('The server answered without JSON.', headers, redact);
      const error = errorIn(body);
      if (error !== null) throw apiError(error, status, headers, redact);
      return { body, headers };
    } catch (error) {
      throw call.ended() ?? checked(error);
    } finally {
      call.stop();
    }
  }

  /** An error of the other kind of server is no word about the account. */
  function checked(error: unknown): ModelError {
    const headers = answeredError(error)?.headers;
    if (headers !== undefined && isMismatch(headers)) return mismatch();
    return thrownError(error, redact);
  }

  function isMismatch(headers: Headers): boolean {
    return (headers.get('x-simulated') === 'true') !== options.simulated;
  }

  function mismatch(): ModelError {
    const message = options.simulated
      ? 'The account is simulated, but what answers is not the simulator: a real answer must not enter a simulated run.'
      : 'A simulator answers in place of a real model: its answers must not enter a real run.';
    return new ModelError(`${message} Correct OPENAI_BASE_URL, or SIMULATED.`, {
      origin: 'api',
      code: SIMULATED_MISMATCH,
    });
  }

  async function ask(request: ModelRequest, caller: AbortSignal): Promise<ModelReply> {
    const { body, headers } = await exchange(
      (signal) =>
        request.api === 'chat'
          ? client.chat.completions.create(chatBody(request, dialect), { signal })
          : client.responses.create(responsesBody(request, dialect), { signal }),
      caller,
    );
    const message = request.api === 'chat' ? readChat(body) : readResponse(body);
    if (typeof message === 'string') throw malformed(message, headers, redact);
    return {
      ...message,
      model: redactText(message.model ?? request.model, [], 100),
      requestId: requestIdOf(headers, redact),
      rate: readRateHeaders(headers),
    };
  }

  async function check(model: string, caller?: AbortSignal): Promise<void> {
    try {
      await exchange((signal) => client.models.retrieve(model, { signal }), caller);
    } catch (error) {
      if (!isUnknownRoute(error)) throw error;
      try {
        await exchange((signal) => client.models.list({ signal }), caller);
      } catch (listError) {
        if (!isUnknownRoute(listError)) throw listError;
      }
    }
  }

  return { ask, check };
}

/** The server has no such address: it says nothing about key or model. */
function isUnknownRoute(error: unknown): boolean {
  if (!(error instanceof ModelError)) return false;
  return error.status === 405 || (error.status === 404 && error.code !== 'model_not_found');
}

/** The signal of one call, and which of our two reasons ended it. */
function startCall(timeoutMs: number, caller: AbortSignal | undefined) {
  const controller = new AbortController();
  let reason: 'timeout' | 'aborted' | null = null;
  const end = (why: 'timeout' | 'aborted'): void => {
    reason ??= why;
    controller.abort();
  };
  const onAbort = (): void => end('aborted');
  const timer = setTimeout(() => end('timeout'), timeoutMs);
  if (caller?.aborted === true) onAbort();
  caller?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    ended(): ModelError | null {
      if (reason === null) return null;
      const message =
        reason === 'timeout' ? `No complete answer within ${timeoutMs / 1_000} s.` : 'The call was given up.';
      return new ModelError(message, { origin: reason });
    },
    stop(): void {
      clearTimeout(timer);
      caller?.removeEventListener('abort', onAbort);
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The error inside HTTP 200: `error` of the body, or of the first choice (OpenRouter). `null`: there is none. */
function errorIn(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return null;
  if ('error' in body && body.error !== null && body.error !== undefined && body.error !== false)
    return body.error;
  const choice: unknown = 'choices' in body && Array.isArray(body.choices) ? body.choices[0] : null;
  if (typeof choice === 'object' && choice !== null && 'error' in choice) return choice.error ?? null;
  return null;
}
