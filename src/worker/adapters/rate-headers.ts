import type { RateHeaders } from '../../activities/ports.ts';
import { parseDuration } from '../../activities/durations.ts';

/** A minute's allowance is whole again within a minute; a little more for the server's rounding. */
const MINUTE_MS = 61_000;

/**
 * The provider's own account of the limits, from `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` and
 * `…-project-tokens`; of two token limits the tighter. What is absent or unreadable is left out; never throws.
 *
 * A limit whose allowance needs more than a minute to fill up is a day's (small accounts have their requests counted
 * so): it is not given as a limit a minute.
 */
export function readRateHeaders(headers: Headers): RateHeaders {
  const remainingRequests = count(headers, 'remaining-requests');
  const remainingTokens = least(
    count(headers, 'remaining-tokens'),
    count(headers, 'remaining-project-tokens'),
  );
  const resetRequestsMs = reset(headers, 'requests');
  const resetTokensMs = most(reset(headers, 'tokens'), reset(headers, 'project-tokens'));
  const requestsPerMinute = perMinute(count(headers, 'limit-requests'), resetRequestsMs);
  const tokensPerMinute = least(
    perMinute(count(headers, 'limit-tokens'), reset(headers, 'tokens')),
    perMinute(count(headers, 'limit-project-tokens'), reset(headers, 'project-tokens')),
  );
  return {
    limits: {
      ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
      ...(tokensPerMinute === undefined ? {} : { tokensPerMinute }),
    },
    ...(remainingRequests === undefined ? {} : { remainingRequests }),
    ...(remainingTokens === undefined ? {} : { remainingTokens }),
    ...(resetRequestsMs === undefined ? {} : { resetRequestsMs }),
    ...(resetTokensMs === undefined ? {} : { resetTokensMs }),
  };
}

function count(headers: Headers, name: string): number | undefined {
  const text = headers.get(`x-ratelimit-${name}`)?.trim() ?? '';
  // Some servers write -1 for "no limit".
  return /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

function reset(headers: Headers, name: string): number | undefined {
  return parseDuration(headers.get(`x-ratelimit-reset-${name}`) ?? '') ?? undefined;
}

function perMinute(limit: number | undefined, resetMs: number | undefined): number | undefined {
  return limit === undefined || limit === 0 || (resetMs ?? 0) > MINUTE_MS ? undefined : limit;
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function most(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}
