import type { Limits } from '../src/shared/types.ts';
import {
  busySpans,
  gapsOf,
  highestWindow,
  lastFullPace,
  mostInFlight,
  overlapWith,
  type Span,
  timeFor,
} from './pace.ts';
import { atSpeed, type Recorded, type RecordedCall, type RecordedPicture } from './recorded.ts';
import type { Scenario } from './scenarios.ts';

/** What a whole run showed. Times in milliseconds of the bench's clock, that is at the scenario's speed. */
export interface Figures {
  mode: 'told' | 'auto';
  timeMs: number;
  /** The shortest time that the account allows. */
  floorMs: number;
  /** Which of the floor's parts is the largest. */
  floorBy: 'tokens' | 'burst' | 'requests' | 'chain' | 'slowdown';
  ratio: number;
  calls: number;
  rateLimited: number;
  rateLimitedInTenMinutes: number;
  /** Highest sums over a minute at the scenario's speed, beside what is allowed; `null` under `auto`. */
  highest: { requests: number; tokens: number };
  allowed: { requests: number; tokens: number } | null;
  firstAnswerMs: number;
  /** From the last moment of full pace until the end; `null` where the limits never held the run back. */
  tailMs: number | null;
  /** Time up to the last call in which one could have gone by the limits and none went; the longest stretches first. */
  idleMs: number;
  longestIdle: { afterMs: number; ms: number }[];
  mostInFlight: number;
  medianLatencyMs: number;
  /** Share of what another process left that was used, up to the last call; `null` where there is none. */
  usedOfLeft: number | null;
  /** Of the account's tokens, after the last call. */
  unspentTokens: number;
  /** `null` where the limiter ran alone. */
  workers: { most: number; peakBytes: number; peakBytesInAll: number; cpuMsPerCall: number } | null;
  /** Shares of the pictures' time. `rest`: Temporal, and the worker's own work on pictures. */
  shares: { limiter: number; model: number; rest: number };
}

/** Under `auto` what was unspent at the start is spent in so long; calls may then go faster than the limits. */
const BURST_MS = 15_000;

/**
 * The limiter makes up for a call that went up to a tenth of a second late, and a call is on its way for some
 * milliseconds. Its exact ceiling knows minutes only, and not the shorter windows of a run that goes faster.
 */
const LATE_MS = 125;

/** Calls of the queue's own pace that may come on top of the limit where several workers share it. */
const QUEUE_CALLS = 2;

/** So many calls tell full pace from a chance gap. */
const PACE_CALLS = 10;

export function figuresOf(scenario: Scenario, run: Recorded): Figures {
  const { account, told } = atSpeed(scenario);
  const timeMs = run.endedAt - run.startedAt;
  const calls = run.calls.toSorted((a, b) => a.at - b.at);
  const answered = calls.filter(({ status }) => status === 200);
  const minuteMs = 60_000 / scenario.speed;
  const rateLimited = calls.filter(({ status }) => status === 429).length;
  const limits = told === 'auto' ? lessThe(run.took, timeMs, account) : told;
  const latencyMs = median(answered.map(({ ms }) => ms ?? 0));
  const floor = floorOf(scenario, run, limits, latencyMs);

  const first = calls[0]?.at ?? run.startedAt;
  const last = calls.at(-1)?.at ?? run.startedAt;
  const burstEnd = told === 'auto' ? Math.min(first + BURST_MS, last) : first;
  const spans = [
    { from: first, to: burstEnd },
    ...busySpans(
      calls.filter(({ at }) => at >= burstEnd),
      limits,
    ),
  ];
  const gaps = gapsOf(spans, run.startedAt).toSorted((a, b) => b.to - b.from - (a.to - a.from));
  const meanTokens = sum(answered.map(({ admitted }) => admitted)) / Math.max(1, answered.length);
  const paceMs = Math.max(latencyMs, PACE_CALLS * timeFor(meanTokens, limits));
  const lastFull = lastFullPace(calls, limits, paceMs);

  return {
    mode: told === 'auto' ? 'auto' : 'told',
    timeMs,
    floorMs: floor.ms,
    floorBy: floor.by,
    ratio: timeMs / floor.ms,
    calls: calls.length,
    rateLimited,
    rateLimitedInTenMinutes: rateLimited / Math.max(1, timeMs / (10 * minuteMs)),
    highest: highestWindow(calls, minuteMs),
    allowed: scenario.told === 'auto' ? null : allowedIn(scenario, scenario.told, calls, run.workers.length),
    firstAnswerMs: Math.min(...answered.map(({ at, ms }) => at + (ms ?? 0))) - run.startedAt,
    tailMs: lastFull === null ? null : run.endedAt - lastFull,
    idleMs: sum(gaps.map(({ from, to }) => to - from)),
    longestIdle: gaps.slice(0, 3).map(({ from, to }) => ({ afterMs: from - run.startedAt, ms: to - from })),
    mostInFlight: mostInFlight(calls),
    medianLatencyMs: latencyMs,
    usedOfLeft: scenario.variant?.competitor === undefined ? null : usedOfLeft(run, calls, account, last),
    unspentTokens: calls.findLast((call) => call.account !== null)?.account?.remainingTokens ?? 0,
    workers:
      run.workers.length === 0
        ? null
        : {
            most: run.workers.length,
            peakBytes: Math.max(...run.workers.map(({ peakBytes }) => peakBytes)),
            peakBytesInAll: sum(run.workers.map(({ peakBytes }) => peakBytes)),
            cpuMsPerCall: sum(run.workers.map(({ cpuMs }) => cpuMs)) / calls.length,
          },
    shares: sharesOf(run.pictures, spans),
  };
}

/** The floor, as `bench/README.md` defines it. */
function floorOf(
  scenario: Scenario,
  { calls, pictures }: Recorded,
  limits: Limits,
  latencyMs: number,
): { ms: number; by: Figures['floorBy'] } {
  const unspent = scenario.told === 'auto' ? unspentAtStart(calls) : { requests: 0, tokens: 0 };
  const admitted = sum(calls.map((call) => call.admitted));
  const went = calls.filter((call) => call.admitted > 0).length;
  const slowdown = scenario.variant?.slowdown;
  const undisturbedMs = atSpeed(scenario).latencyMs;
  // Where calls slow each other down, the chain as it was seen holds what the run did to itself.
  const chains = pictures.map(({ answers }) =>
    sum(answers.map(({ ms }) => (slowdown === undefined ? ms : undisturbedMs))),
  );
  const perMs = limits.tokensPerMinute / 60_000;
  const parts = {
    tokens: (admitted - unspent.tokens) / perMs,
    burst: scenario.told === 'auto' ? admitted / (perMs + unspent.tokens / BURST_MS) : 0,
    requests: ((went - unspent.requests) / limits.requestsPerMinute) * 60_000,
    chain: Math.max(...chains),
    slowdown: slowdown === undefined ? 0 : (went * undisturbedMs) / slowdown.from,
  };
  const longest = Math.max(...Object.values(parts));
  const by = (Object.keys(parts) as (keyof typeof parts)[]).find((part) => parts[part] === longest);
  return { ms: longest + (slowdown === undefined ? latencyMs : undisturbedMs), by: by ?? 'tokens' };
}

/** What the account had before the first call. */
function unspentAtStart(calls: readonly RecordedCall[]): { requests: number; tokens: number } {
  const first = calls.find((call) => call.account !== null);
  if (first?.account == null) return { requests: 0, tokens: 0 };
  const { remainingRequests, remainingTokens } = first.account;
  return { requests: remainingRequests + 1, tokens: remainingTokens + first.admitted };
}

/** The account's limits less another process's mean rate. */
function lessThe(took: Recorded['took'], timeMs: number, account: Limits): Limits {
  const perMinute = (amount: number): number => (amount / timeMs) * 60_000;
  return {
    requestsPerMinute: account.requestsPerMinute - perMinute(took.requests),
    tokensPerMinute: account.tokensPerMinute - perMinute(took.tokens),
  };
}

function usedOfLeft(run: Recorded, calls: readonly RecordedCall[], account: Limits, last: number): number {
  const share = (last - run.startedAt) / (run.endedAt - run.startedAt);
  const refilled = ((last - run.startedAt) / 60_000) * account.tokensPerMinute;
  const left = refilled + unspentAtStart(calls).tokens - run.took.tokens * share;
  return sum(calls.map(({ admitted }) => admitted)) / left;
}

/** The most that may go in a minute of the real account: the limit and one call; of several workers one a worker and the queue's. */
function allowedIn(
  scenario: Scenario,
  told: Limits,
  calls: readonly RecordedCall[],
  processes: number,
): Figures['allowed'] {
  const workers = Math.max(scenario.workers ?? 1, processes);
  const more = workers === 1 ? 1 : workers + QUEUE_CALLS;
  const largest = Math.max(0, ...calls.map(({ admitted }) => admitted));
  const minute = 1 + (LATE_MS * scenario.speed) / 60_000;
  return {
    requests: Math.round(told.requestsPerMinute * minute + more),
    tokens: Math.round(told.tokensPerMinute * minute + more * largest),
  };
}

/**
 * Where the pictures' time went. A question waits from the end of the one before it until it is sent: for the limiter
 * while the limits held calls back, for Temporal and the worker while they did not.
 */
function sharesOf(pictures: readonly RecordedPicture[], busy: readonly Span[]): Figures['shares'] {
  const busyIn = overlapWith(busy);
  const total = { limiter: 0, model: 0, rest: 0 };
  for (const { startedAt, endedAt, answers } of pictures) {
    let from = startedAt;
    for (const { sentAt, ms } of answers.toSorted((a, b) => a.sentAt - b.sentAt)) {
      const limiter = busyIn({ from, to: sentAt });
      total.limiter += limiter;
      total.model += ms;
      total.rest += Math.max(0, sentAt - from) - limiter;
      from = sentAt + ms;
    }
    total.rest += Math.max(0, endedAt - from);
  }
  const all = total.limiter + total.model + total.rest;
  return { limiter: total.limiter / all, model: total.model / all, rest: total.rest / all };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
