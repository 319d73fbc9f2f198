import type { Limits } from '../shared/types.ts';
import type { Clock } from './clock.ts';
import { changeLimit, correct, createBucket, take } from './token-bucket.ts';

/** A call's share of the limits, taken when it goes. */
export interface Spend {
  /** Tokens counted for it so far. */
  readonly tokens: number;
  /** Sets the tokens counted for the call; the difference is owed or comes back. */
  settle(tokens: number): void;
  /** The call never went: request and tokens come back. Later calls of `settle` and `cancel` do nothing. */
  cancel(): void;
}

/** The right to make the next call. Only one turn is out at a time. */
export interface Turn {
  /** The call goes now. */
  spend(tokens?: number): Spend;
  /** The call does not go; the turn passes on. Does nothing after `spend`. */
  release(): void;
}

export interface LimiterSnapshot {
  limits: Limits;
  /** Callers waiting for their turn. */
  waiting: number;
  /** Time until the next call may go, in milliseconds; 0 when it may go now. */
  readyInMs: number;
  /** Requests and tokens counted in the last 60 seconds. */
  lastMinute: { requests: number; tokens: number };
}

export interface RateLimiter {
  /** Waits until a call may go. `ahead`: before those that have no slot yet. Rejects with the signal's reason. */
  turn(signal?: AbortSignal, ahead?: boolean): Promise<Turn>;
  /** Nobody goes for `ms`; then one call, and the rest at the paced rate. */
  closeFor(ms: number): void;
  /** The server asked for less: half the rate for 15 minutes, then back to the whole within another 15. */
  slowDown(): void;
  /** What the server says is left of its own allowance; where the next call would not fit, it waits until it does. */
  observe(server: { remainingRequests?: number; remainingTokens?: number }): void;
  setLimits(limits: Limits): void;
  snapshot(): LimiterSnapshot;
}

/** OpenAI's guidance for 503 "Slow Down": back to the earlier rate, hold for 15 minutes, then ramp up. */
const SLOW_DOWN_HOLD_MS = 15 * 60_000;
const SLOW_DOWN_FACTOR = 0.5;

/** Weight of the newest call in the mean of tokens a call. */
const MEAN_WEIGHT = 0.1;

/**
 * Holds requests and tokens a minute. It says when a call may go and counts what went; it neither makes the call nor
 * knows whose limits these are, and it saves nothing up while idle: the burst after a pause is one call.
 */
export function createRateLimiter(options: {
  limits: Limits;
  tokensPerCall: number;
  clock: Clock;
}): RateLimiter {
  const { clock } = options;
  let limits = options.limits;
  let requests = createBucket(limits.requestsPerMinute);
  let tokens = createBucket(limits.tokensPerMinute);
  let mean = options.tokensPerCall;
  let closedUntil = -Infinity;
  let slowedAt: number | null = null;
  let turnIsOut = false;
  let cancelTimer: (() => void) | null = null;
  const waiters: { grant: () => void; ahead: boolean }[] = [];
  const sent: { at: number; tokens: number }[] = [];

  const readyAt = (): number => Math.max(requests.freeAt, tokens.freeAt, closedUntil);

  const share = (now: number): number => {
    if (slowedAt === null) return 1;
    const ramp = (now - slowedAt - SLOW_DOWN_HOLD_MS) / SLOW_DOWN_HOLD_MS;
    return SLOW_DOWN_FACTOR + (1 - SLOW_DOWN_FACTOR) * Math.min(1, Math.max(0, ramp));
  };

  const applyRate = (now: number): void => {
    const factor = share(now);
    if (factor === 1) slowedAt = null;
    requests = changeLimit(requests, limits.requestsPerMinute * factor, now);
    tokens = changeLimit(tokens, limits.tokensPerMinute * factor, now);
  };

  const pump = (): void => {
    cancelTimer?.();
    cancelTimer = null;
    const next = waiters[0];
    if (next === undefined || turnIsOut) return;
    const wait = readyAt() - clock.now();
    if (wait > 0) {
      cancelTimer = clock.after(Math.ceil(wait), pump);
      return;
    }
    waiters.shift();
    turnIsOut = true;
    next.grant();
  };

  const forget = (now: number): void => {
    while (sent[0] !== undefined && sent[0].at <= now - 60_000) sent.shift();
  };

  const spend = (cost: number): Spend => {
    const now = clock.now();
    applyRate(now);
    requests = take(requests, 1, now);
    tokens = take(tokens, cost, now);
    const entry = { at: now, tokens: cost };
    forget(now);
    sent.push(entry);
    let open = true;
    return {
      get tokens() {
        return entry.tokens;
      },
      settle(actual) {
        if (!open) return;
        tokens = correct(tokens, actual - entry.tokens, clock.now());
        entry.tokens = actual;
        mean += (actual - mean) * MEAN_WEIGHT;
        pump();
      },
      cancel() {
        if (!open) return;
        open = false;
        const at = sent.indexOf(entry);
        if (at >= 0) sent.splice(at, 1);
        tokens = correct(tokens, -entry.tokens, clock.now());
        requests = correct(requests, -1, clock.now());
        entry.tokens = 0;
        pump();
      },
    };
  };

  const newTurn = (): Turn => {
    let open = true;
    const close = (): void => {
      open = false;
      turnIsOut = false;
    };
    return {
      spend(cost = mean) {
        if (!open) throw new Error('a turn is spent or released once');
        close();
        const spent = spend(cost);
        pump();
        return spent;
      },
      release() {
        if (!open) return;
        close();
        pump();
      },
    };
  };

  return {
    turn(signal, ahead = false) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(reasonOf(signal));
          return;
        }
        const waiter = {
          ahead,
          grant: () => {
            signal?.removeEventListener('abort', giveUp);
            resolve(newTurn());
          },
        };
        const giveUp = (): void => {
          waiters.splice(waiters.indexOf(waiter), 1);
          reject(reasonOf(signal));
          pump();
        };
        signal?.addEventListener('abort', giveUp, { once: true });
        const firstBehind = waiters.findIndex((other) => !other.ahead);
        if (ahead && firstBehind >= 0) waiters.splice(firstBehind, 0, waiter);
        else waiters.push(waiter);
        pump();
      });
    },
    closeFor(ms) {
      closedUntil = Math.max(closedUntil, clock.now() + ms);
      pump();
    },
    slowDown() {
      const now = clock.now();
      slowedAt = now;
      applyRate(now);
      pump();
    },
    observe({ remainingRequests = Infinity, remainingTokens = Infinity }) {
      const now = clock.now();
      const missing = Math.max(
        (1 - remainingRequests) / limits.requestsPerMinute,
        (mean - remainingTokens) / limits.tokensPerMinute,
      );
      if (missing > 0) closedUntil = Math.max(closedUntil, now + missing * 60_000);
      pump();
    },
    setLimits(next) {
      limits = next;
      applyRate(clock.now());
      pump();
    },
    snapshot() {
      const now = clock.now();
      forget(now);
      return {
        limits,
        waiting: waiters.length,
        readyInMs: Math.max(0, readyAt() - now),
        lastMinute: { requests: sent.length, tokens: sent.reduce((sum, call) => sum + call.tokens, 0) },
      };
    },
  };
}

/** What the signal was aborted with: Temporal takes a wait that was called off only with its own reason. */
const reasonOf = (signal: AbortSignal | undefined): Error => signal?.reason as Error;
