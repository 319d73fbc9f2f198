import type { Limits } from '../src/shared/types.ts';

/** A call that went, as the account saw it. */
export interface Call {
  /** Milliseconds. */
  at: number;
  /** Tokens charged; 0 when it was refused. */
  admitted: number;
}

/** Highest sums of calls and tokens in any window of `windowMs`. `calls` are in the order of their time. */
export function highestWindow(
  calls: readonly Call[],
  windowMs: number,
): { requests: number; tokens: number } {
  const highest = { requests: 0, tokens: 0 };
  let tokens = 0;
  let oldest = 0;
  calls.forEach((call, newest) => {
    tokens += call.admitted;
    for (
      let first = calls[oldest];
      first !== undefined && first.at <= call.at - windowMs;
      first = calls[oldest]
    ) {
      tokens -= first.admitted;
      oldest += 1;
    }
    highest.requests = Math.max(highest.requests, newest - oldest + 1);
    highest.tokens = Math.max(highest.tokens, tokens);
  });
  return highest;
}

/** A stretch of time, in milliseconds. */
export interface Span {
  from: number;
  to: number;
}

/** How long the limits need for a call: the rate at which they let calls of this cost go. */
export const timeFor = (tokens: number, limits: Limits): number =>
  Math.max(1 / limits.requestsPerMinute, tokens / limits.tokensPerMinute) * 60_000;

/**
 * When the limits held calls back: from each call until the next may go at an even pace with a burst of one call, the
 * stretches joined. What lies between two spans was idle: a call could have gone, and none went.
 */
export function busySpans(calls: readonly Call[], limits: Limits): Span[] {
  const spans: Span[] = [];
  let requestsFree = -Infinity;
  let tokensFree = -Infinity;
  for (const { at, admitted } of calls) {
    if (admitted === 0) continue;
    requestsFree = Math.max(requestsFree, at) + 60_000 / limits.requestsPerMinute;
    tokensFree = Math.max(tokensFree, at) + (admitted / limits.tokensPerMinute) * 60_000;
    const to = Math.max(requestsFree, tokensFree);
    const last = spans.at(-1);
    if (last !== undefined && at <= last.to) last.to = to;
    else spans.push({ from: at, to });
  }
  return spans;
}

/** What lies between spans, from `start` until the last of them begins. */
export function gapsOf(spans: readonly Span[], start: number): Span[] {
  let from = start;
  return spans.flatMap((span) => {
    const gap = { from, to: span.from };
    from = span.to;
    return gap.to > gap.from ? [gap] : [];
  });
}

/** A function that says how much of a stretch lies in the spans, which are in order and apart. */
export function overlapWith(spans: readonly Span[]): (stretch: Span) => number {
  const before: number[] = [];
  let sum = 0;
  for (const { from, to } of spans) {
    before.push(sum);
    sum += to - from;
  }
  const until = (time: number): number => {
    let low = 0;
    let high = spans.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((spans[middle]?.from ?? Infinity) < time) low = middle + 1;
      else high = middle;
    }
    const last = spans[low - 1];
    return last === undefined ? 0 : (before[low - 1] ?? 0) + Math.min(time, last.to) - last.from;
  };
  return ({ from, to }) => Math.max(0, until(to) - until(from));
}

/** Share of what the limits allow that counts as their full pace. */
const FULL = 0.9;

/**
 * The last moment of full pace: the last call at which the `windowMs` before it had used nine tenths of what the limits
 * allow in that time. `null`: the limits were never what held the run back.
 */
export function lastFullPace(calls: readonly Call[], limits: Limits, windowMs: number): number | null {
  let used = 0;
  let oldest = 0;
  let last: number | null = null;
  const costOf = ({ admitted }: Call): number => (admitted === 0 ? 0 : timeFor(admitted, limits));
  for (const call of calls) {
    used += costOf(call);
    for (
      let first = calls[oldest];
      first !== undefined && first.at <= call.at - windowMs;
      first = calls[oldest]
    ) {
      used -= costOf(first);
      oldest += 1;
    }
    if (used >= FULL * windowMs) last = call.at;
  }
  return last;
}

/** Most calls that were open at one time. */
export function mostInFlight(calls: readonly { at: number; ms: number | null }[]): number {
  const steps = calls.flatMap(({ at, ms }) => [
    { at, step: 1 },
    { at: at + (ms ?? 0), step: -1 },
  ]);
  let open = 0;
  let most = 0;
  for (const { step } of steps.sort((a, b) => a.at - b.at || a.step - b.step)) {
    open += step;
    most = Math.max(most, open);
  }
  return most;
}
