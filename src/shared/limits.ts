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
