import type { AccountState, Admission } from './account.ts';
import { formatDuration } from './durations.ts';

/** An error as the API sends it. */
export interface ApiError {
  status: number;
  body: { error: ErrorBody };
  headers?: Record<string, string>;
}

interface ErrorBody {
  message: string;
  type: string | null;
  param: string | null;
  code: string | number | null;
}

/** Thrown inside the simulator and turned into its response. */
export class ApiFailure extends Error {
  override readonly name = 'ApiFailure';
  readonly answer: ApiError;

  constructor(answer: ApiError) {
    super(answer.body.error.message);
    this.answer = answer;
  }
}

/** A 400 that blames the request. */
export function invalidRequest(message: string, param: string | null, code: string | null): ApiError {
  return { status: 400, body: { error: { message, type: 'invalid_request_error', param, code } } };
}

const ORGANIZATION = 'org-simulated';

/** 401: the text shows the key's ends, as the real one does. */
export function wrongKey(key: string | null): ApiError {
  if (key === null) {
    return unauthorized(
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer " +
        'auth (i.e. Authorization: Bearer YOUR_KEY).',
      null,
    );
  }
  return unauthorized(
    `Incorrect API key provided: ${masked(key)}. You can find your API key at ` +
      'https://platform.openai.com/account/api-keys.',
    'invalid_api_key',
  );
}

const unauthorized = (message: string, code: string | null): ApiError => ({
  status: 401,
  body: { error: { message, type: 'invalid_request_error', param: null, code } },
});

const masked = (key: string): string =>
  key.length < 12
    ? '*'.repeat(key.length)
    : `${key.slice(0, 4)}${'*'.repeat(key.length - 8)}${key.slice(-4)}`;

export const modelNotFound = (model: string, param: string | null): ApiError => ({
  status: 404,
  body: {
    error: {
      message: `The model \`${model}\` does not exist or you do not have access to it.`,
      type: 'invalid_request_error',
      param,
      code: 'model_not_found',
    },
  },
});

/** 429 of the rate limits, with the wait in headers and text; without one when the call can never fit. */
export function rateLimited(model: string, refused: Extract<Admission, { admitted: false }>): ApiError {
  const { by, limit, used, requested, waitMs } = refused;
  const unit = by === 'tokens' ? 'tokens per min (TPM)' : 'requests per min (RPM)';
  const where = `for ${model} in organization ${ORGANIZATION} on ${unit}: Limit ${limit}`;
  const link = 'Visit https://platform.openai.com/account/rate-limits to learn more.';
  const message =
    waitMs === null
      ? `Request too large ${where}, Requested ${requested}. The input or output tokens must be reduced in order to run successfully. ${link}`
      : `Rate limit reached ${where}, Used ${used}, Requested ${requested}. Please try again in ${formatDuration(waitMs)}. ${link}`;
  return {
    status: 429,
    body: { error: { message, type: by, param: null, code: 'rate_limit_exceeded' } },
    headers:
      waitMs === null
        ? {}
        : {
            'retry-after-ms': String(Math.ceil(waitMs)),
            'retry-after': String(Math.max(1, Math.ceil(waitMs / 1000))),
          },
  };
}

export const insufficientQuota = (): ApiError => ({
  status: 429,
  body: {
    error: {
      message:
        'You exceeded your current quota, please check your plan and billing details. For more information on this ' +
        'error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.',
      type: 'insufficient_quota',
      param: null,
      code: 'insufficient_quota',
    },
  },
});

export const serverError = (requestId: string): ApiError => ({
  status: 500,
  body: {
    error: {
      message:
        'The server had an error while processing your request. Sorry about that! You can retry your request, or ' +
        `contact us through our help center if you keep seeing this error. (Please include the request ID ${requestId} in your email.)`,
      type: 'server_error',
      param: null,
      code: null,
    },
  },
});

export const slowDown = (): ApiError => ({
  status: 503,
  body: {
    error: {
      message:
        'Slow Down: a sudden increase in your request rate is impacting service reliability. Please reduce your ' +
        'request rate to its original level, hold it for at least 15 minutes, and then increase it gradually.',
      type: 'service_unavailable_error',
      param: null,
      code: 'slow_down',
    },
  },
});

/** The provider's own account of the limits. */
export function rateHeaders(state: AccountState): Record<string, string> {
  return {
    'x-ratelimit-limit-requests': String(state.limits.requestsPerMinute),
    'x-ratelimit-limit-tokens': String(state.limits.tokensPerMinute),
    'x-ratelimit-remaining-requests': String(state.remainingRequests),
    'x-ratelimit-remaining-tokens': String(state.remainingTokens),
    'x-ratelimit-reset-requests': formatDuration(state.resetRequestsMs),
    'x-ratelimit-reset-tokens': formatDuration(state.resetTokensMs),
  };
}
