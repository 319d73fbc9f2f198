import { startLimits } from '../../shared/limits.ts';
import type { AccountLimits, LimitSettings } from '../../shared/types.ts';
import type { Clock } from './clock.ts';
import { createLastMinute, type SentCall } from './last-minute.ts';
import { changeLimit, correct, createBucket, take } from './token-bucket.ts';

/** A call's share of the limits, taken when it goes. */
export interface Spend {
  /** Tokens counted for it so far. */
  readonly tokens: number;
  /** It was taken before the limits had room: another call was acquired while the turn was out. Cancel it. */
  readonly early: boolean;
  /** Sets the tokens counted for the call; the difference is owed or comes back. */
  settle(tokens: number): void;
  /** The call never went: request and tokens come back. Later calls of `settle` and `cancel` do nothing. */
  cancel(): void;
}

/** The right to make the next call. Only one is out at a time. */
export interface Turn {
  /** The call goes now. */
  spend(tokens?: number): Spend;
  /** The call does not go; the turn passes on. Does nothing after `spend`. */
  release(): void;
}

export interface LimiterSnapshot {
  limits: AccountLimits;
  /** Callers waiting for their turn. */
  waiting: number;
  /** Time until the next call may go, in milliseconds; 0 when it may go now. */
  readyInMs: number;
  /** Requests and tokens counted in the last 60 seconds. */
  lastMinute: { requests: number; tokens: number };
}

export interface RateLimiter {
  /** Waits until a call may go, and keeps the right to it for one who does not know yet whether there is one. */
  turn(signal?: AbortSignal): Promise<Turn>;
  /**
   * Waits until a call may go, and counts it at once. It comes before those that wait for a turn, and goes although a
   * turn is out: its holder may be waiting for work that never comes. Both reject with the signal's reason.
   */
  acquire(tokens: number, signal?: AbortSignal): Promise<Spend>;
  /** Nobody gets a turn for `ms`; then one call, and the rest at the paced rate. A turn that is out stays out. */
  closeFor(ms: number): void;
  /** Whether the gate is closed now. */
  closed(): boolean;
  /** The server asked for less: half the rate for 15 minutes, then back to the whole within another 15. */
  slowDown(): void;
  /** What the server says is left of its own allowance; where the next call would not fit, it waits until it does. */
  observe(server: { remainingRequests?: number; remainingTokens?: number }): void;
  setLimits(limits: LimitSettings): void;
  snapshot(): LimiterSnapshot;
}

/** OpenAI's guidance for 503 "Slow Down": back to the earlier rate, hold for 15 minutes, then ramp up. */
const SLOW_DOWN_HOLD_MS = 15 * 60_000;
const SLOW_DOWN_FACTOR = 0.5;

/** Weight of the newest call in the mean of tokens a call. */
const MEAN_WEIGHT = 0.1;

/**
 * A call that goes so long after its turn came counts as on time: timers and polls are always a little late, and at
 * ten calls a second the sum of that would be a tenth of the limit.
 */
const ON_TIME_MS = 100;

/** Node's timers take no longer time; what is further away is looked at again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Holds requests and tokens a minute. It says when a call may go and counts what went; it neither makes the call nor
 * knows whose limits these are, and it saves nothing up while idle: the burst after a pause is one call.
 */
export function createRateLimiter(options: {
  limits: LimitSettings;
  tokensPerCall: number;
  clock: Clock;
}): RateLimiter {
  const { clock } = options;
  let limits = startLimits(options.limits);
  let requests = createBucket(limits.requestsPerMinute);
  let tokens = createBucket(limits.tokensPerMinute);
  let mean = options.tokensPerCall;
  let closedUntil = -Infinity;
  let slowedAt: number | null = null;
  let turnIsOut = false;
  let cancelTimer: (() => void) | null = null;
  const waiters: { grant: (dueAt: number) => void; ahead: boolean; since: number }[] = [];
  const lastMinute = createLastMinute();

  const readyAt = (): number =>
    Math.max(requests.freeAt, tokens.freeAt, closedUntil, lastMinute.freeAt(clock.now()));

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
    if (next === undefined || (turnIsOut && !next.ahead)) return;
    const ready = readyAt();
    const wait = ready - clock.now();
    if (wait > 0) {
      cancelTimer = clock.after(Math.min(Math.ceil(wait), LONGEST_TIMER_MS), pump);
      return;
    }
    waiters.shift();
    next.grant(Math.max(ready, next.since));
  };

  const spend = (cost: number, dueAt: number): Spend => {
    const now = clock.now();
    applyRate(now);
    const early = readyAt() > now;
    const paidFrom = Math.max(dueAt, now - ON_TIME_MS);
    requests = take(requests, 1, paidFrom);
    tokens = take(tokens, cost, paidFrom);
    const call: SentCall = { at: now, limits, tokens: cost };
    lastMinute.add(call);
    let open = true;
    return {
      early,
      get tokens() {
        return call.tokens;
      },
      settle(actual) {
        if (!open) return;
        tokens = correct(tokens, actual - call.tokens, clock.now());
        call.tokens = actual;
        mean += (actual - mean) * MEAN_WEIGHT;
        pump();
      },
      cancel() {
        if (!open) return;
        open = false;
        lastMinute.remove(call);
        tokens = correct(tokens, -call.tokens, clock.now());
        requests = correct(requests, -1, clock.now());
        call.tokens = 0;
        pump();
      },
    };
  };

  const newTurn = (dueAt: number): Turn => {
    turnIsOut = true;
    let open = true;
    const close = (): void => {
      open = false;
      turnIsOut = false;
    };
    return {
      spend(cost = mean) {
        if (!open) throw new Error('a turn is spent or released once');
        close();
        const spent = spend(cost, dueAt);
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

  /** Queues a caller; `grant` makes of its moment what it gets, before anybody else is looked at. */
  const wait = <T>(ahead: boolean, grant: (dueAt: number) => T, signal?: AbortSignal): Promise<T> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(reasonOf(signal));
        return;
      }
      const waiter = {
        ahead,
        since: clock.now(),
        grant: (dueAt: number) => {
          signal?.removeEventListener('abort', giveUp);
          resolve(grant(dueAt));
          pump();
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

  return {
    turn: (signal) => wait(false, newTurn, signal),
    acquire: (cost, signal) => wait(true, (dueAt) => spend(cost, dueAt), signal),
    closeFor(ms) {
      closedUntil = Math.max(closedUntil, clock.now() + ms);
      pump();
    },
    closed: () => closedUntil > clock.now(),
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
      limits = startLimits(next);
      applyRate(clock.now());
      pump();
    },
    snapshot() {
      const now = clock.now();
      return {
        limits,
        waiting: waiters.length,
        readyInMs: Math.max(0, readyAt() - now),
        lastMinute: lastMinute.totals(now),
      };
    },
  };
}

/** What the signal was aborted with: Temporal takes a wait that was called off only with its own reason. */
const reasonOf = (signal: AbortSignal | undefined): Error => signal?.reason as Error;
