import { APIError } from 'openai';
import { z } from 'zod';
import { MALFORMED_RESPONSE } from '../../activities/failure-table.ts';
import { ModelError } from '../../activities/ports.ts';
import { bodyText } from './body-text.ts';
import { readRateHeaders } from './rate-headers.ts';

/** A text, or a number that some servers give in its place. */
const code = z
  .union([z.string(), z.number()])
  .nullish()
  .transform((value) => (value === null || value === undefined ? null : String(value)))
  .catch(null);

/** The `error` of a body, in whichever form: an object, a plain string, one with numeric codes. */
const errorShape = z.union([
  z.string().transform((message) => ({ message, code: null, type: null, param: null })),
  z.looseObject({ code, type: code, param: code }).transform((error) => ({
    message: typeof error['message'] === 'string' ? error['message'] : JSON.stringify(error),
    code: error.code,
    type: error.type,
    param: error.param,
  })),
]);

const KEPT_HEADERS = /^(?:retry-after(?:-ms)?|x-ratelimit-.*|x-request-id|date)$/;

/** Removes what must not be shown. */
type Redact = (text: string) => string;

/**
 * An error that the API gave, with HTTP status `status` or inside HTTP 200. A numeric code there is the status that
 * the server meant (OpenRouter).
 */
export function apiError(error: unknown, status: number, headers: Headers, redact: Redact): ModelError {
  const parsed = errorShape.safeParse(error);
  const { message, code, type, param } = parsed.success
    ? parsed.data
    : { message: `HTTP ${status} without a reason`, code: null, type: null, param: null };
  const meant = status === 200 && code !== null && /^[45]\d\d$/.test(code) ? Number(code) : status;
  return new ModelError(redact(message), {
    origin: 'api',
    status: meant,
    code: code === null ? null : redact(code),
    type: type === null ? null : redact(type),
    param: param === null ? null : redact(param),
    ...facts(headers, redact),
  });
}

/** HTTP 200 with a body that is no message of the API. */
export function malformed(what: string, headers: Headers, redact: Redact): ModelError {
  return new ModelError(redact(what), {
    origin: 'api',
    status: 200,
    code: MALFORMED_RESPONSE,
    ...facts(headers, redact),
  });
}

/** What the client and `fetch` say of any failed connection. */
const GENERAL = /^(?:Connection error\.|fetch failed)$/;

/** What the client threw, when neither our time-out nor the caller ended the call. */
export function thrownError(error: unknown, redact: Redact): ModelError {
  if (error instanceof ModelError) return error;
  const answered = answeredError(error);
  if (answered !== null) {
    return apiError(answered.error ?? titleOf(answered.message), answered.status, answered.headers, redact);
  }
  const chain = causes(error);
  const code = chain
    .map((cause) => (cause as NodeJS.ErrnoException).code)
    .find((value) => typeof value === 'string');
  const words = chain.map((cause) => cause.message).filter((message) => message !== '');
  const telling = words.filter((message) => !GENERAL.test(message));
  const why = [...new Set(telling.length > 0 ? telling : words)].join(': ');
  const remedy = 'Check OPENAI_BASE_URL and the network.';
  return new ModelError(redact(`No answer from the model's server: ${why}. ${remedy}`), {
    origin: 'connection',
    code: code ?? null,
  });
}

/** The client's error for a status of 400 and more; `null` for any other. */
export function answeredError(error: unknown): APIError<number, Headers, object> | null {
  const isAnswered = error instanceof APIError && error.status !== undefined && error.headers !== undefined;
  return isAnswered ? (error as APIError<number, Headers, object>) : null;
}

/** A proxy's page says what there is to say in its title. */
function titleOf(message: string): string {
  const title = /<title[^>]{0,100}>([^<]{1,200})/i.exec(message)?.[1]?.trim();
  return title === undefined || title === '' ? message : title;
}

function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && chain.length < 5; at = at.cause) chain.push(at);
  return chain;
}

function facts(headers: Headers, redact: Redact) {
  return {
    headers: Object.fromEntries(
      [...headers].filter(([name]) => KEPT_HEADERS.test(name)).map(([name, value]) => [name, redact(value)]),
    ),
    requestId: requestIdOf(headers, redact),
    rate: readRateHeaders(headers),
  };
}

/** The provider's name for the request, which its support asks for. */
export function requestIdOf(headers: Headers, redact: Redact): string | null {
  const id = headers.get('x-request-id');
  return id === null ? null : redact(id).slice(0, 100);
}

/**
 * A `fetch` whose error bodies have the one form that the client reads, `{ error }`. Without it the client drops what
 * servers of other makes say: a list (Gemini), `{ detail }` (FastAPI), `{ message }` (older vLLM).
 */
export function keepErrorBody(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (url, init) => {
    const response = await fetch(url, init);
    // A response of 304 may have no body, also none that is made here.
    if (response.ok || response.status === 304) return response;
    const { status, statusText, headers } = response;
    const text = await bodyText(response, init?.signal);
    return new Response(withError(text), { status, statusText, headers });
  };
}

function withError(text: string): string {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return text;
  }
  const first: unknown = Array.isArray(body) ? body[0] : body;
  if (typeof first !== 'object' || first === null) return text;
  if ('error' in first && typeof first.error === 'object') return JSON.stringify(first);
  if ('error' in first && typeof first.error === 'string')
    return JSON.stringify({ error: { ...first, message: first.error } });
  const detail = 'detail' in first ? first.detail : undefined;
  const message =
    detail === undefined ? {} : { message: typeof detail === 'string' ? detail : JSON.stringify(detail) };
  return JSON.stringify({ error: { ...first, ...message } });
}
