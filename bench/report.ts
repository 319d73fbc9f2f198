import type { Figures } from './figures.ts';
import type { Scenario } from './scenarios.ts';

/** A figure that a scenario must keep to. */
export interface Check {
  what: string;
  value: number;
  most?: number;
  least?: number;
  kept: boolean;
}

/** After one latency and so long the first answer is due. */
const START_MS = 3_000;

export function checksOf({ bounds }: Scenario, f: Figures): Check[] {
  const most = (what: string, value: number, bound: number | undefined): Check[] =>
    bound === undefined ? [] : [{ what, value, most: bound, kept: value <= bound }];
  const least = (what: string, value: number | null, bound: number | undefined): Check[] =>
    bound === undefined || value === null ? [] : [{ what, value, least: bound, kept: value >= bound }];
  return [
    ...most('time / floor', f.ratio, bounds.ratio),
    ...most('429s', f.rateLimited, bounds.rateLimited),
    ...most('429s in ten minutes', f.rateLimitedInTenMinutes, bounds.rateLimitedInTenMinutes),
    ...least('used of what is left', f.usedOfLeft, bounds.usedOfLeft),
    ...most('tokens in a minute', f.highest.tokens, f.allowed?.tokens),
    ...most('requests in a minute', f.highest.requests, f.allowed?.requests),
    ...most('first answer, ms', f.firstAnswerMs, f.medianLatencyMs + START_MS),
  ];
}

/** What a person reads of one run. */
export function textOf(scenario: Scenario, f: Figures): string {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
  const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;
  const beside = (amount: number, allowed: number | undefined, account: number): string =>
    allowed === undefined
      ? `${amount.toFixed(0)} (the account: ${String(account)})`
      : `${amount.toFixed(0)} of ${allowed.toFixed(0)}`;
  const idle = f.longestIdle.map(({ afterMs, ms }) => `${seconds(ms)} after ${seconds(afterMs)}`).join(', ');
  const { workers, shares, highest, allowed } = f;
  const rows: [string, string][] = [
    ['time', `${seconds(f.timeMs)}; floor ${seconds(f.floorMs)} (by ${f.floorBy})`],
    ['time / floor', `${f.ratio.toFixed(3)} (${f.mode})`],
    ['429s', `${String(f.rateLimited)} of ${String(f.calls)} calls`],
    [
      'highest minute',
      `${beside(highest.tokens, allowed?.tokens, scenario.account.tokensPerMinute)} tokens, ` +
        `${beside(highest.requests, allowed?.requests, scenario.account.requestsPerMinute)} requests`,
    ],
    ['first answer', `${seconds(f.firstAnswerMs)}; median latency ${seconds(f.medianLatencyMs)}`],
    ['tail', f.tailMs === null ? 'the limits never bound' : seconds(f.tailMs)],
    ['idle', `${seconds(f.idleMs)}${idle === '' ? '' : `: ${idle} …`}`],
    ['calls in flight', `${String(f.mostInFlight)} at most`],
    [
      'pictures’ time',
      `${percent(shares.limiter)} limiter, ${percent(shares.model)} model, ${percent(shares.rest)} the rest`,
    ],
  ];
  if (workers !== null) {
    const inAll =
      workers.most === 1
        ? ''
        : `; ${megabytes(workers.peakBytesInAll)} in all ${String(workers.most)} workers`;
    const cpu = `${workers.cpuMsPerCall.toFixed(1)} ms CPU a call`;
    rows.push(['worker', `${megabytes(workers.peakBytes)} at most, ${cpu}${inAll}`]);
  }
  if (f.mode === 'auto') rows.push(['unspent at the end', `${String(f.unspentTokens)} tokens`]);
  if (f.usedOfLeft !== null) rows.push(['used of what is left', percent(f.usedOfLeft)]);
  const missed = checksOf(scenario, f).filter(({ kept }) => !kept);
  return [
    ...rows.map(([name, value]) => `  ${name.padEnd(20)} ${value}`),
    ...missed.map(({ what, value, most, least }) => {
      const bound = most === undefined ? `at least ${String(least)}` : `at most ${String(most)}`;
      return `  MISSED: ${what} is ${value.toFixed(3)}, must be ${bound}`;
    }),
  ].join('\n');
}

/** One line for a file that keeps the figures. */
export const lineOf = (key: string, scenario: Scenario, figures: Figures): string =>
  JSON.stringify({ scenario: key, speed: scenario.speed, ...figures, checks: checksOf(scenario, figures) });
