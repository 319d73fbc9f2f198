/**
 * One allowance of the account as the provider's headers tell it: how much is left now, and what other processes take.
 *
 * A header is old when it comes: it came with the answer, some seconds after its call. So what is left now is reckoned
 * from the last reading: what has been refilled since, less what we have sent since, less what others are seen to take.
 *
 * It is not known whether a provider's header speaks of the moment when the call was let in or of the moment when it
 * was answered. Both readings are kept; the one whose intervals add up better is believed, and until that is known the
 * lower level of the two.
 *
 * Pure bookkeeping in milliseconds of the caller's clock; it knows no timer.
 */
export interface AccountView {
  /** The allowance a minute; `null` while the provider has said nothing. */
  readonly limit: number | null;
  sent(call: ViewedCall): void;
  /** The call was not charged after all: it never went, or it was refused. */
  forget(call: ViewedCall): void;
  /**
   * What came with an answer at `now`. Returns what the interval since the reading before shows of our own charges;
   * `null` where it shows nothing.
   */
  read(call: ViewedCall, now: number, limit: number, remaining: number): Interval | null;
  /** The call was refused, and with it came what is left at this moment. */
  refused(call: ViewedCall, now: number, limit: number, remaining: number): void;
  /** Expected to be left now; `Infinity` while nothing is known. */
  level(now: number): number;
  /** When `cost` may go so that `reserve` stays; -Infinity when it may go now. */
  freeAt(cost: number, reserve: number, now: number): number;
  /** How far the allowance fell below what was expected when calls were sent: root of the mean square. */
  error(): number;
}

/** A call as the view needs it; what it is expected to be charged may be corrected later. */
export interface ViewedCall {
  at: number;
  kind: string;
  /** Tokens as they are counted, and as the formula says. */
  tokens: number;
  formula: number;
}

export interface Interval {
  kinds: string[];
  /** Charged, as a part of what the formula says. */
  ratio: number;
}

const MINUTE_MS = 60_000;

/** An allowance is full again long before. */
const KEPT_MS = 300_000;

/** Over how long others' use is averaged. */
const OTHERS_MS = 60_000;

/** However much others take, so much of the refill is tried for. */
const LEAST_SHARE = 0.3;

/** Less of the refill is rounding, and not another process. */
const NOBODY = 0.02;

/** A formula that nothing has confirmed may be wrong by so much. */
const DOUBT = 1.5;

const ERROR_WEIGHT = 0.2;
const ENOUGH_INTERVALS = 6;

/**
 * @param weigh - What a call of so many tokens takes of this allowance.
 * @param learned - Whether enough was seen to know what calls are charged; until then they may cost half as much again.
 */
export function createAccountView(weigh: (tokens: number) => number, learned: () => boolean): AccountView {
  const calls: ViewedCall[] = [];
  const expected = new WeakMap<ViewedCall, number>();
  const byAdmission = createTrack(calls, weigh, learned);
  const byAnswer = createTrack(calls, weigh, learned);
  let limit: number | null = null;
  let limitSaidFor = -Infinity;
  let squareError = 0;

  const known = (): boolean => Math.min(byAdmission.intervals, byAnswer.intervals) >= ENOUGH_INTERVALS;
  const believed = (): Track =>
    byAnswer.residual < byAdmission.residual && known() ? byAnswer : byAdmission;

  const level = (now: number): number => {
    if (limit === null) return Infinity;
    if (known()) return believed().level(now, limit);
    return Math.min(byAdmission.level(now, limit), byAnswer.level(now, limit));
  };

  const miss = (hoped = Infinity, actual: number): void => {
    if (!Number.isFinite(hoped)) return;
    squareError += (Math.max(0, hoped - actual) ** 2 - squareError) * ERROR_WEIGHT;
  };

  return {
    get limit() {
      return limit;
    },
    sent(call) {
      // What is long past is in the level of then, what was before both readings is in what was read.
      for (const track of [byAdmission, byAnswer]) track.forgetBefore(call.at - KEPT_MS, limit);
      const done = Math.max(call.at - KEPT_MS, Math.min(byAdmission.since, byAnswer.since));
      const kept = calls.findIndex(({ at }) => at > done);
      calls.splice(0, kept === -1 ? calls.length : kept);
      calls.push(call);
      expected.set(call, level(call.at));
    },
    forget(call) {
      const index = calls.lastIndexOf(call);
      if (index >= 0) calls.splice(index, 1);
    },
    read(call, now, newLimit, remaining) {
      if (call.at >= limitSaidFor) {
        limit = newLimit;
        limitSaidFor = call.at;
      }
      const hoped = believed() === byAnswer ? level(now) : expected.get(call);
      miss(hoped, remaining);
      const intervals = [
        byAdmission.read(call.at, newLimit, remaining),
        byAnswer.read(now, newLimit, remaining),
      ];
      return (believed() === byAdmission ? intervals[0] : intervals[1]) ?? null;
    },
    refused(call, now, newLimit, remaining) {
      limit = newLimit;
      limitSaidFor = now;
      miss(expected.get(call), remaining - weigh(call.tokens));
      byAdmission.reset(now, remaining);
      byAnswer.reset(now, remaining);
    },
    level,
    freeAt(cost, reserve, now) {
      if (limit === null) return -Infinity;
      const missing = Math.min(cost + reserve, limit) - level(now);
      return missing <= 0 ? -Infinity : now + missing / believed().net(limit);
    },
    error: () => Math.sqrt(squareError),
  };
}

type Track = ReturnType<typeof createTrack>;

/** Readings in the order of one of the two times. */
function createTrack(
  calls: readonly ViewedCall[],
  weigh: (tokens: number) => number,
  learned: () => boolean,
) {
  let base: { at: number; remaining: number } | null = null;
  let residual = 0;
  let intervals = 0;
  let othersTook = 0;
  let observedMs = 0;

  const between = (from: number, to: number): ViewedCall[] => calls.filter(({ at }) => at > from && at <= to);
  const charged = (some: readonly ViewedCall[]): number =>
    some.reduce((sum, { tokens }) => sum + weigh(tokens), 0);

  /** Refill that is ours, per millisecond. */
  const net = (limit: number): number => {
    const refill = limit / MINUTE_MS;
    const others = observedMs === 0 ? 0 : othersTook / observedMs;
    return others < refill * NOBODY ? refill : Math.max(refill * LEAST_SHARE, refill - others);
  };

  const level = (now: number, limit: number): number => {
    if (base === null) return Infinity;
    const doubt = learned() ? 1 : DOUBT;
    const perMs = net(limit);
    let { at, remaining } = base;
    // Step by step, since what would be refilled beyond the limit is lost: also when no header comes any more.
    const pass = (until: number): void => {
      remaining = Math.min(limit, remaining + perMs * Math.max(0, until - at));
      at = Math.max(at, until);
    };
    for (const call of between(base.at, now)) {
      pass(call.at);
      remaining -= weigh(call.tokens) * doubt;
    }
    pass(now);
    return remaining;
  };

  return {
    /** When the last reading was; -Infinity before the first. */
    get since() {
      return base?.at ?? -Infinity;
    },
    /** How far intervals are from adding up, on average. */
    get residual() {
      return residual;
    },
    get intervals() {
      return intervals;
    },
    net,
    level,
    /** Reckons on from a later time: what was sent until then is in the level of then. */
    forgetBefore(at: number, limit: number | null): void {
      if (base !== null && limit !== null && base.at < at) base = { at, remaining: level(at, limit) };
    },
    reset(at: number, remaining: number): void {
      base = { at, remaining };
    },
    read(at: number, limit: number, remaining: number): Interval | null {
      const before = base;
      // An answer that overtook this one said more.
      if (before !== null && at <= before.at) return null;
      base = { at, remaining };
      if (before === null) return null;
      const ms = at - before.at;
      // What is refilled while the allowance is full is lost, and hides what was charged before: only what went since
      // the last such moment adds up.
      const perMs = limit / MINUTE_MS;
      let since = before;
      let level = before;
      let own: ViewedCall[] = [];
      for (const call of between(before.at, at)) {
        const left = level.remaining + perMs * (call.at - level.at);
        if (left >= limit) {
          since = { at: call.at, remaining: limit };
          own = [];
        }
        own.push(call);
        level = { at: call.at, remaining: Math.min(limit, left) - weigh(call.tokens) };
      }
      if (level.remaining + perMs * (at - level.at) >= limit) return null;
      const used = since.remaining + perMs * (at - since.at) - remaining;
      const more = used - charged(own);
      const decay = Math.exp(-ms / OTHERS_MS);
      othersTook = othersTook * decay + more;
      observedMs = observedMs * decay + ms;
      residual += (Math.abs(more) - residual) / Math.min(++intervals, 20);
      const formula = own.reduce((sum, call) => sum + weigh(call.formula), 0);
      return formula > 0 ? { kinds: [...new Set(own.map(({ kind }) => kind))], ratio: used / formula } : null;
    },
  };
}
