import type { Limits } from '../shared/types.ts';

/** What the account says to one request. */
export type Admission =
  | { admitted: true }
  | {
      admitted: false;
      /** Which limit it met. */
      by: 'tokens' | 'requests';
      limit: number;
      used: number;
      requested: number;
      /** Time until it would fit, in milliseconds; `null` when it never does. */
      waitMs: number | null;
    };

/** The account at one moment, as the rate headers tell it. */
export interface AccountState {
  limits: Limits;
  remainingRequests: number;
  remainingTokens: number;
  /** Time until the allowance is full again, in milliseconds. */
  resetRequestsMs: number;
  resetTokensMs: number;
}

export interface LimitAccount {
  /** Takes one request and its tokens when both fit, else nothing. */
  admit(tokens: number): Admission;
  state(): AccountState;
  /** Changes the limits in mid-run. What was used stays used. */
  setLimits(limits: Limits): void;
}

/**
 * A provider's account of requests and tokens a minute: two allowances, full at the start, refilled linearly.
 * What was taken never comes back, also when the request fails later.
 *
 * The wait is OpenAI's: (used + requested − limit) ÷ limit × 60 s.
 */
export function createLimitAccount(limits: Limits, now: () => number): LimitAccount {
  const requests = createAllowance(limits.requestsPerMinute, now);
  const tokens = createAllowance(limits.tokensPerMinute, now);

  return {
    admit(requested) {
      for (const [by, allowance, amount] of [
        ['requests', requests, 1],
        ['tokens', tokens, requested],
      ] as const) {
        const { limit, used } = allowance.state();
        if (used + amount > limit) {
          const waitMs = amount > limit ? null : ((used + amount - limit) / limit) * 60_000;
          return { admitted: false, by, limit, used: Math.round(used), requested: amount, waitMs };
        }
      }
      requests.take(1);
      tokens.take(requested);
      return { admitted: true };
    },
    state() {
      const r = requests.state();
      const t = tokens.state();
      return {
        limits: { requestsPerMinute: r.limit, tokensPerMinute: t.limit },
        remainingRequests: Math.floor(r.limit - r.used),
        remainingTokens: Math.floor(t.limit - t.used),
        resetRequestsMs: (r.used / r.limit) * 60_000,
        resetTokensMs: (t.used / t.limit) * 60_000,
      };
    },
    setLimits(changed) {
      requests.setLimit(changed.requestsPerMinute);
      tokens.setLimit(changed.tokensPerMinute);
    },
  };
}

/** One allowance a minute. Invariant: 0 ≤ used ≤ limit. */
function createAllowance(initialLimit: number, now: () => number) {
  let limit = positive(initialLimit);
  let used = 0;
  let at = now();

  const refill = (): void => {
    const current = now();
    used = Math.max(0, used - ((current - at) / 60_000) * limit);
    at = current;
  };
  return {
    state() {
      refill();
      return { limit, used };
    },
    take(amount: number) {
      refill();
      used = Math.min(limit, used + amount);
    },
    setLimit(changed: number) {
      refill();
      limit = positive(changed);
      used = Math.min(limit, used);
    },
  };
}

function positive(limit: number): number {
  if (!(limit > 0) || !Number.isFinite(limit))
    throw new RangeError(`A limit must be a positive number, got ${limit}`);
  return limit;
}
