import type { Limits, SaidLimit } from '../../shared/types.ts';
import { createAccountView, type Interval, type ViewedCall } from './account-view.ts';
import { changeLimit, correct, createBucket, take } from './token-bucket.ts';

/** What the provider says of its own allowances, where it says anything. */
export interface ServerAccount {
  limits: Partial<Limits>;
  remainingRequests?: number;
  remainingTokens?: number;
}

/** One limit of an account. */
export interface LimitKind {
  name: keyof Limits;
  left: 'remainingRequests' | 'remainingTokens';
  /** What a call of so many tokens weighs in it: not what it costs in money. */
  weigh(tokens: number): number;
  /** Part of the provider's allowance that `auto` leaves unspent. */
  margin: number;
}

/** The pace of one limit, and the provider's allowance behind it. Times in milliseconds of the limiter's clock. */
export interface Gauge {
  readonly name: keyof Limits;
  /** What is allowed a minute, and whether that is the provider's word and nobody's here. */
  readonly limit: number;
  readonly said: boolean;
  /** Highest sum of a minute; `Infinity` where the provider's allowance is followed. */
  readonly ceiling: number;
  /** Unspent allowance that is being spent now. */
  readonly spare: number;
  /** When a call of so many tokens may go. */
  freeAt(tokens: number, now: number): number;
  take(call: ViewedCall, paidFrom: number, now: number): void;
  /** The call's tokens were counted as `from` and are `to`. */
  correct(from: number, to: number, now: number): void;
  /** The call is sent now, a while after it was taken. */
  resend(call: ViewedCall): void;
  /** The call never went. */
  giveBack(call: ViewedCall, now: number): void;
  read(call: ViewedCall, now: number, server: ServerAccount): Interval | null;
  refused(call: ViewedCall, now: number, server: ServerAccount, said: SaidLimit | undefined): void;
  /** `part`: of the rate, while the provider asks for less or other workers take theirs. */
  configure(next: { told: number | 'auto'; start: number; part: number }, now: number): void;
}

/** What was unspent when the provider was first heard is spent over so long. */
const BURST_MS = 15_000;

/** After so long without a word from the provider the allowance is full again. */
const QUIET_MS = 60_000;

/** Under `auto` the provider's allowance says when to go; the pace only keeps calls apart, and may catch up. */
const CATCH_UP = 1.05;

/** So many times the error that was seen is kept in reserve, up to this part of the allowance. */
const ERRORS_KEPT = 3;
const LARGEST_RESERVE = 0.25;

/** @param learned - Whether enough was seen to know what calls are charged. */
export function createGauge(kind: LimitKind, start: number, learned: () => boolean): Gauge {
  const view = createAccountView((tokens) => kind.weigh(tokens), learned);
  let settings: { told: number | 'auto'; start: number; part: number } = { told: start, start, part: 1 };
  let pace = createBucket(start);
  let burst: { perMinute: number; spare: number } | null = null;
  let mayBurst = true;
  let heardAt = -Infinity;

  /** The provider's allowance is followed under `auto`, and where more was told than there is. */
  const isSaid = (): boolean =>
    view.limit !== null && (settings.told === 'auto' || settings.told >= view.limit);
  /** Nobody told a limit: what is unspent may be spent. */
  const isFollowed = (): boolean => isSaid() && settings.told === 'auto';
  const limit = (): number => {
    if (view.limit !== null && isSaid()) return view.limit;
    return settings.told === 'auto' ? settings.start : settings.told;
  };
  const reserve = (): number => {
    const margin = isSaid() ? kind.margin * limit() : 0;
    return Math.min(LARGEST_RESERVE * limit(), Math.max(margin, ERRORS_KEPT * view.error()));
  };

  const applyPace = (now: number): void => {
    if (burst !== null && (!isFollowed() || view.level(now) <= reserve())) burst = null;
    const catchUp = isFollowed() && mayBurst ? CATCH_UP : 1;
    const perMinute = (limit() * catchUp + (burst?.perMinute ?? 0)) * settings.part;
    if (perMinute !== pace.perMinute) pace = changeLimit(pace, perMinute, now);
  };

  return {
    name: kind.name,
    get limit() {
      return limit();
    },
    get said() {
      return isSaid() && settings.told !== limit();
    },
    get ceiling() {
      // Who told a limit never finds more in a minute, though the account has it.
      if (settings.told !== 'auto') return settings.told * settings.part;
      return isSaid() ? Infinity : limit() * settings.part;
    },
    get spare() {
      return burst?.spare ?? 0;
    },
    freeAt: (tokens, now) => Math.max(pace.freeAt, view.freeAt(kind.weigh(tokens), reserve(), now)),
    take(call, paidFrom, now) {
      applyPace(now);
      pace = take(pace, kind.weigh(call.tokens), paidFrom);
      view.sent(call);
    },
    correct(from, to, now) {
      const more = kind.weigh(to) - kind.weigh(from);
      if (more !== 0) pace = correct(pace, more, now);
    },
    resend(call) {
      view.forget(call);
      view.sent(call);
    },
    giveBack(call, now) {
      view.forget(call);
      pace = correct(pace, -kind.weigh(call.tokens), now);
    },
    read(call, now, server) {
      const [perMinute, remaining] = [server.limits[kind.name], server[kind.left]];
      if (perMinute === undefined || remaining === undefined) return null;
      const interval = view.read(call, now, perMinute, remaining);
      if (now - heardAt > QUIET_MS && isFollowed() && mayBurst) {
        const spare = Math.max(0, view.level(now) - reserve());
        burst = { perMinute: (spare / BURST_MS) * 60_000, spare };
      }
      heardAt = now;
      applyPace(now);
      return interval;
    },
    refused(call, now, server, said) {
      view.forget(call);
      mayBurst = false;
      burst = null;
      const headers = [server.limits[kind.name], server[kind.left]] as const;
      const [perMinute, remaining] =
        headers[0] === undefined && said?.name === kind.name
          ? ([said.perMinute, said.perMinute - said.used] as const)
          : headers;
      if (perMinute !== undefined && remaining !== undefined) view.refused(call, now, perMinute, remaining);
      applyPace(now);
    },
    configure(next, now) {
      settings = next;
      applyPace(now);
    },
  };
}
