import type { Limits } from '../shared/types.ts';
import { createWindow } from './window.ts';

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
  /** Takes what somebody else spent, as far as it is there; nobody is asked. */
  take(spent: { requests: number; tokens: number }): void;
  state(): AccountState;
  /** Changes the limits in mid-run. What was used stays used. */
  setLimits(limits: Limits): void;
}

/**
 * A provider's account of requests and tokens a minute: two allowances, full at the start, refilled linearly.
 * What was taken never comes back, also when the request fails later.
 *
 * The wait is OpenAI's: (used + requested − limit) ÷ limit × 60 s.
 *
 * `windowMs`: besides, no more is admitted in any window of that length than its share of a minute's limit, but always
 * one call; OpenAI says of its limits that 60,000 a minute may be enforced as 1,000 a second. A refusal by a window
 * names the minute's limit, and a `used` that makes the formula above give the window's wait.
 */
export function createLimitAccount(
  limits: Limits,
  now: () => number,
  { windowMs }: { windowMs?: number | undefined } = {},
): LimitAccount {
  const allowances = {
    requests: createAllowance(limits.requestsPerMinute, now, windowMs),
    tokens: createAllowance(limits.tokensPerMinute, now, windowMs),
  };

  return {
    admit(tokens) {
      const amounts = { requests: 1, tokens };
      for (const by of ['requests', 'tokens'] as const) {
        const requested = amounts[by];
        const { limit, used } = allowances[by].state();
        if (requested > limit) {
          return { admitted: false, by, limit, used: Math.round(used), requested, waitMs: null };
        }
        const waitMs = allowances[by].waitMs(requested);
        if (waitMs > 0) {
          const shown = Math.round(limit - requested + (waitMs / 60_000) * limit);
          return { admitted: false, by, limit, used: shown, requested, waitMs };
        }
      }
      allowances.requests.take(1);
      allowances.tokens.take(tokens);
      return { admitted: true };
    },
    take({ requests, tokens }) {
      allowances.requests.take(requests);
      allowances.tokens.take(tokens);
    },
    state() {
      const r = allowances.requests.state();
      const t = allowances.tokens.state();
      return {
        limits: { requestsPerMinute: r.limit, tokensPerMinute: t.limit },
        remainingRequests: Math.floor(r.limit - r.used),
        remainingTokens: Math.floor(t.limit - t.used),
        resetRequestsMs: (r.used / r.limit) * 60_000,
        resetTokensMs: (t.used / t.limit) * 60_000,
      };
    },
    setLimits(changed) {
      allowances.requests.setLimit(changed.requestsPerMinute);
      allowances.tokens.setLimit(changed.tokensPerMinute);
    },
  };
}

/** One allowance a minute. Invariant: 0 ≤ used ≤ limit. */
function createAllowance(initialLimit: number, now: () => number, windowMs: number | undefined) {
  const window = windowMs === undefined ? null : createWindow(windowMs);
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
    /** Time until `amount` fits; 0 when it does now. */
    waitMs(amount: number): number {
      refill();
      const inMinute = ((used + amount - limit) / limit) * 60_000;
      const inWindow = window?.waitMs(at, amount, limit) ?? 0;
      return Math.max(0, inMinute, inWindow);
    },
    take(amount: number) {
      refill();
      used = Math.min(limit, used + amount);
      window?.add(at, amount);
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
