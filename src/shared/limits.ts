import type { AccountLimits, LimitSettings, Limits } from './types.ts';

/** What `auto` begins with, and stays at where the provider sends no headers: the mission's account with its margin. */
export const START_LIMITS: Limits = { requestsPerMinute: 480, tokensPerMinute: 28_000 };

/** The limits of these settings before the provider has said anything. */
export function startLimits({ requestsPerMinute, tokensPerMinute }: LimitSettings): AccountLimits {
  const told = requestsPerMinute !== 'auto' && tokensPerMinute !== 'auto';
  return {
    requestsPerMinute: requestsPerMinute === 'auto' ? START_LIMITS.requestsPerMinute : requestsPerMinute,
    tokensPerMinute: tokensPerMinute === 'auto' ? START_LIMITS.tokensPerMinute : tokensPerMinute,
    from: told ? 'told' : 'start',
    spareTokens: 0,
  };
}

/** What a person may tell of one limit; the bound is that of the settings. */
const isLimit = (value: unknown): boolean =>
  value === 'auto' ||
  (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1_000_000_000);

/** Whether what came from outside (a signal, a memo) tells both limits. */
export function isLimitSettings(value: unknown): value is LimitSettings {
  if (typeof value !== 'object' || value === null) return false;
  const { requestsPerMinute, tokensPerMinute } = value as Record<string, unknown>;
  return isLimit(requestsPerMinute) && isLimit(tokensPerMinute);
}

/** What a worker tells of the limits that hold. */
export function isAccountLimits(value: unknown): value is AccountLimits {
  if (!isLimitSettings(value) || Object.values(value).includes('auto')) return false;
  const { from, spareTokens } = value as Partial<AccountLimits>;
  return typeof from === 'string' && from in SAID && typeof spareTokens === 'number';
}

/** Who said so, in words. */
export const SAID: Record<AccountLimits['from'], string> = {
  told: 'as told',
  headers: 'as the provider says',
  start: 'to begin with',
};

export const sameLimits = (a: LimitSettings, b: LimitSettings): boolean =>
  a.requestsPerMinute === b.requestsPerMinute && a.tokensPerMinute === b.tokensPerMinute;

/** `480 requests and 28,000 tokens a minute`; `auto` where both are left to the provider. */
export function limitsInWords({ requestsPerMinute, tokensPerMinute }: LimitSettings): string {
  if (requestsPerMinute === 'auto' && tokensPerMinute === 'auto') return 'auto';
  const requests = requestsPerMinute === 'auto' ? null : requestsPerMinute.toLocaleString('en-US');
  const tokens = tokensPerMinute === 'auto' ? null : tokensPerMinute.toLocaleString('en-US');
  if (requests === null) return `${tokens} tokens a minute, requests auto`;
  return tokens === null
    ? `${requests} requests a minute, tokens auto`
    : `${requests} requests and ${tokens} tokens a minute`;
}

/**
 * Limits that are stored at an account, from the description of the workflow that holds them. `null`: nothing is
 * stored; a workflow that somebody ended stores nothing any more.
 */
export function limitsStoredIn(description: {
  closeTime?: Date;
  memo?: Record<string, unknown>;
}): LimitSettings | null {
  const limits = description.memo?.['limits'];
  return description.closeTime === undefined && isLimitSettings(limits) ? limits : null;
}
