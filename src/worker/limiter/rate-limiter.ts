import { START_LIMITS } from '../../shared/limits.ts';
import type { AccountLimits, LimitSettings, SaidLimit } from '../../shared/types.ts';
import type { Interval, ViewedCall } from './account-view.ts';
import type { Clock } from './clock.ts';
import { createGauge, type LimitKind, type ServerAccount } from './gauge.ts';
import { createLastMinute, type SentCall } from './last-minute.ts';
import { createLearnedCharges } from './learned-charges.ts';
import { createSlowDown } from './slow-down.ts';

/** A call's share of the limits, taken when it goes. */
export interface Spend {
  /** Tokens counted for it so far. */
  readonly tokens: number;
  /** It was taken before the limits had room: another call was acquired while the turn was out. Cancel it. */
  readonly early: boolean;
  /**
   * What the call is: its kind, and its tokens as the formula says. Counts what such calls were seen to be charged;
   * the difference is owed or comes back. Returns the tokens counted.
   */
  weigh(kind: string, formula: number): number;
  /**
   * The provider let the call in, and says what is left. `billed`: the tokens that it charges money for, which count
   * where it does not say what is left. Returns the tokens counted.
   */
  admitted(server: ServerAccount, billed?: number): number;
  /** The provider did not let the call in; `said`: what the refusal's text says of one of the limits. */
  refused(server: ServerAccount, said?: SaidLimit): void;
  /** The call never went: request and tokens come back. Later calls of the others do nothing. */
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
  /** The mean call's tokens, as counted; `guessed` until an answer has said something. */
  tokensPerCall: number;
  guessed: boolean;
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
  setLimits(limits: LimitSettings): void;
  /** Takes an equal part of the limits only: so many workers share them, and nothing else paces them together. */
  shareWith(workers: number): void;
  /**
   * So many workers use the account. Beside others, the provider's headers do not tell what a call of ours was charged:
   * nothing is learned from them then.
   */
  usedBy(workers: number): void;
  snapshot(): LimiterSnapshot;
}

/**
 * The limits of an account; a further one (uncached tokens, say) is one more of these. The margins are those that the
 * limits to begin with leave of the mission's account: 480 of 500 requests, 28,000 of 30,000 tokens.
 */
const REQUESTS: LimitKind = {
  name: 'requestsPerMinute',
  left: 'remainingRequests',
  weigh: () => 1,
  margin: 1 / 25,
};
const TOKENS: LimitKind = {
  name: 'tokensPerMinute',
  left: 'remainingTokens',
  weigh: (tokens) => tokens,
  margin: 1 / 15,
};

/** Weight of the newest call in the mean of tokens a call. */
const MEAN_WEIGHT = 0.1;

/**
 * A call that goes so long after its turn came counts as on time: timers and polls are always a little late, and at
 * ten calls a second the sum of that would be a tenth of the limit.
 */
const ON_TIME_MS = 100;

/**
 * After a 429 under a limit that was told nothing is made up for so long: the provider may hold its limits over windows
 * of a second. Under `auto` its own allowance says when to go.
 */
const EVEN_FOR_MS = 15 * 60_000;

/** Node's timers take no longer time; what is further away is looked at again then. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Holds an account's limits. It says when a call may go and counts what went; it neither makes the call nor knows
 * whose limits these are.
 *
 * A limit that was told is a ceiling, spent evenly: it saves nothing up while idle, and the burst after a pause is one
 * call. Under `auto` the provider's own allowance is followed, once it says what is left of it.
 */
export function createRateLimiter(options: {
  limits: LimitSettings;
  tokensPerCall: number;
  clock: Clock;
}): RateLimiter {
  const { clock } = options;
  let settings = options.limits;
  let workers = 1;
  let mean = options.tokensPerCall;
  let answered = false;
  let users = 1;
  let closedUntil = -Infinity;
  let evenUntil = -Infinity;
  let turnIsOut = false;
  let cancelTimer: (() => void) | null = null;
  const waiters: { grant: (dueAt: number) => void; ahead: boolean; since: number }[] = [];
  const lastMinute = createLastMinute<SentCall & ViewedCall>();
  const charges = createLearnedCharges();
  const slow = createSlowDown();
  const requests = createGauge(REQUESTS, START_LIMITS.requestsPerMinute, () => true);
  const tokens = createGauge(TOKENS, START_LIMITS.tokensPerMinute, () => charges.known || users > 1);
  const gauges = [requests, tokens];

  const configure = (): void => {
    const now = clock.now();
    // The queue paces several workers by the whole limit: who is to be slower takes part of its own share.
    const slowed = slow.part(now);
    const part = slowed < 1 ? slowed / users : 1 / workers;
    for (const gauge of gauges) {
      gauge.configure({ told: settings[gauge.name], start: START_LIMITS[gauge.name], part }, now);
    }
  };

  const limitsNow = (): AccountLimits => ({
    requestsPerMinute: requests.limit,
    tokensPerMinute: tokens.limit,
    from: gauges.some((gauge) => gauge.said)
      ? 'headers'
      : gauges.some((gauge) => settings[gauge.name] === 'auto')
        ? 'start'
        : 'told',
    spareTokens: Math.floor(tokens.spare),
  });

  configure();

  /** Other limits may hold now: who waits may go sooner, or must wait longer. */
  const reconsider = (): void => {
    configure();
    pump();
  };

  const readyAt = (cost: number): number => {
    const now = clock.now();
    return Math.max(
      closedUntil,
      lastMinute.freeAt(now),
      requests.freeAt(cost, now),
      tokens.freeAt(cost, now),
    );
  };

  const pump = (): void => {
    cancelTimer?.();
    cancelTimer = null;
    const next = waiters[0];
    if (next === undefined || (turnIsOut && !next.ahead)) return;
    const ready = readyAt(mean);
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
    configure();
    const early = readyAt(cost) > now;
    const paidFrom = now < evenUntil ? now : Math.max(dueAt, now - ON_TIME_MS);
    const call: SentCall & ViewedCall = {
      at: now,
      ceilings: { requests: requests.ceiling, tokens: tokens.ceiling },
      kind: '',
      tokens: cost,
      formula: cost,
    };
    for (const gauge of gauges) gauge.take(call, paidFrom, now);
    lastMinute.add(call);
    let open = true;

    const count = (amount: number): void => {
      recount(call, amount);
      mean += (amount - mean) * MEAN_WEIGHT;
      pump();
    };

    return {
      early,
      get tokens() {
        return call.tokens;
      },
      weigh(kind, formula) {
        if (!open) return call.tokens;
        // From now on it is known what it is, and it goes: it was only taken before.
        if (call.kind === '') {
          lastMinute.remove(call);
          call.at = clock.now();
          lastMinute.add(call);
          for (const gauge of gauges) gauge.resend(call);
        }
        Object.assign(call, { kind, formula });
        count(charges.estimate(kind, formula));
        return call.tokens;
      },
      admitted(server, billed = 0) {
        if (!open) return call.tokens;
        answered = true;
        requests.read(call, clock.now(), server);
        const interval = tokens.read(call, clock.now(), server);
        if (interval !== null && users === 1) learn(interval);
        const followed = server.remainingTokens !== undefined;
        // Who does not say what is left is taken to charge what he bills, if that is more.
        if (!followed && billed > call.formula) charges.learn([call.kind], billed / call.formula);
        const expected = charges.estimate(call.kind, call.formula);
        count(followed ? expected : Math.max(expected, billed));
        reconsider();
        return call.tokens;
      },
      refused(server, said) {
        if (!open) return;
        open = false;
        if (gauges.every((gauge) => settings[gauge.name] !== 'auto')) evenUntil = clock.now() + EVEN_FOR_MS;
        for (const gauge of gauges) gauge.refused(call, clock.now(), server, said);
        reconsider();
      },
      cancel() {
        if (!open) return;
        open = false;
        lastMinute.remove(call);
        for (const gauge of gauges) gauge.giveBack(call, clock.now());
        call.tokens = 0;
        pump();
      },
    };
  };

  const recount = (call: SentCall & ViewedCall, amount: number): void => {
    for (const gauge of gauges) gauge.correct(call.tokens, amount, clock.now());
    call.tokens = amount;
  };

  const learn = ({ kinds, ratio }: Interval): void => {
    const knew = charges.known;
    charges.learn(kinds, ratio);
    if (knew || !charges.known) return;
    // What went before it was known what calls are charged counts for this minute all the same.
    for (const call of lastMinute.calls(clock.now())) {
      recount(call, charges.estimate(call.kind, call.formula));
    }
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
      slow.begin(clock.now());
      reconsider();
    },
    setLimits(next) {
      settings = next;
      reconsider();
    },
    usedBy(number) {
      users = number;
      reconsider();
    },
    shareWith(number) {
      workers = number;
      reconsider();
    },
    snapshot() {
      const now = clock.now();
      return {
        limits: limitsNow(),
        waiting: waiters.length,
        readyInMs: Math.max(0, readyAt(mean) - now),
        lastMinute: lastMinute.totals(now),
        tokensPerCall: mean,
        guessed: !answered,
      };
    },
  };
}

/** What the signal was aborted with: Temporal takes a wait that was called off only with its own reason. */
const reasonOf = (signal: AbortSignal | undefined): Error => signal?.reason as Error;
