import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { figuresOf } from '../../bench/figures.ts';
import {
  busySpans,
  gapsOf,
  highestWindow,
  lastFullPace,
  mostInFlight,
  overlapWith,
} from '../../bench/pace.ts';
import { plotOf } from '../../bench/plot.ts';
import type { Recorded, RecordedCall } from '../../bench/recorded.ts';
import { checksOf, lineOf, textOf } from '../../bench/report.ts';
import type { Scenario } from '../../bench/scenarios.ts';

/** A call a second at 60 requests and 60,000 tokens a minute is full pace. */
const LIMITS = { requestsPerMinute: 60, tokensPerMinute: 60_000 };

const callsAt = (...seconds: number[]) => seconds.map((at) => ({ at: at * 1_000, admitted: 1_000 }));

describe('the pace of a run', () => {
  test('the highest sums are those of the worst window', () => {
    const calls = fc.array(fc.record({ at: fc.nat(1_000), admitted: fc.nat(50) }), { minLength: 1 });
    fc.assert(
      fc.property(calls, fc.integer({ min: 1, max: 300 }), (unordered, windowMs) => {
        const ordered = unordered.toSorted((a, b) => a.at - b.at);
        const windows = ordered.map(({ at }) =>
          ordered.filter((call) => call.at > at - windowMs && call.at <= at),
        );
        const tokens = windows.map((window) => window.reduce((sum, call) => sum + call.admitted, 0));
        expect(highestWindow(ordered, windowMs)).toEqual({
          requests: Math.max(...windows.map((window) => window.length)),
          tokens: Math.max(...tokens),
        });
      }),
    );
  });

  test('a call holds the next one back for as long as its tokens need; what is left over is idle', () => {
    const spans = busySpans(callsAt(1, 2, 2.5, 10), LIMITS);
    expect(spans).toEqual([
      { from: 1_000, to: 4_000 },
      { from: 10_000, to: 11_000 },
    ]);
    expect(gapsOf(spans, 0)).toEqual([
      { from: 0, to: 1_000 },
      { from: 4_000, to: 10_000 },
    ]);
    expect(gapsOf(spans, 1_000)).toEqual([{ from: 4_000, to: 10_000 }]);
    const busyIn = overlapWith(spans);
    expect(busyIn({ from: 0, to: 20_000 })).toBe(4_000);
    expect(busyIn({ from: 3_000, to: 10_500 })).toBe(1_500);
    expect(busyIn({ from: 5_000, to: 6_000 })).toBe(0);
    expect(overlapWith([])({ from: 0, to: 1 })).toBe(0);
  });

  test('a refused call takes nothing, and requests can bind as tokens do', () => {
    const calls = [
      { at: 0, admitted: 1 },
      { at: 100, admitted: 0 },
    ];
    expect(busySpans(calls, LIMITS)).toEqual([{ from: 0, to: 1_000 }]);
  });

  test('the last moment of full pace is where the last window was used up', () => {
    const full = Array.from({ length: 60 }, (_, n) => n);
    expect(lastFullPace(callsAt(...full, 65, 70, 75), LIMITS, 10_000)).toBe(59_000);
    expect(lastFullPace(callsAt(0, 10, 20), LIMITS, 10_000)).toBeNull();
  });

  test('calls in flight', () => {
    const calls = [
      { at: 0, ms: 10 },
      { at: 5, ms: 10 },
      { at: 10, ms: 1 },
    ];
    expect(mostInFlight(calls)).toBe(2);
    expect(mostInFlight([])).toBe(0);
  });
});

describe('a run’s figures', () => {
  const scenario: Scenario = {
    name: 'ten calls',
    pictures: 1,
    account: { requestsPerMinute: 66, tokensPerMinute: 66_000 },
    told: LIMITS,
    latencyMs: 2_000,
    speed: 1,
    bounds: { ratio: 1.03, rateLimited: 0 },
  };
  const call = (n: number, at: number): RecordedCall => ({
    at,
    ms: 2_000,
    admitted: 1_000,
    status: 200,
    account: {
      limits: scenario.account,
      remainingRequests: 66 - n,
      remainingTokens: 66_000 - 1_000 * n,
      resetRequestsMs: 0,
      resetTokensMs: 0,
    },
  });
  const START = 500_000;
  /** Eleven calls, one a second from the first second on, by eleven pictures. */
  const recorded = (endedAt: number, count = 11): Recorded => {
    const sentAt = Array.from({ length: count }, (_, n) => START + 1_000 * (n + 1));
    return {
      startedAt: START,
      endedAt: START + endedAt,
      calls: sentAt.map((at, n) => call(n + 1, at)),
      pictures: sentAt.map((at) => ({
        startedAt: START,
        endedAt: at + 2_500,
        answers: [{ sentAt: at, ms: 2_000 }],
      })),
      workers: [
        { peakBytes: 200, cpuMs: 110 },
        { peakBytes: 300, cpuMs: 110 },
      ],
      took: { requests: 0, tokens: 0 },
    };
  };

  test('with limits told', () => {
    const figures = figuresOf(scenario, recorded(14_000));
    expect(figures).toMatchObject({
      mode: 'told',
      timeMs: 14_000,
      // 11,000 of 60,000 tokens a minute, and one latency.
      floorMs: 13_000,
      floorBy: 'tokens',
      firstAnswerMs: 3_000,
      idleMs: 1_000,
      longestIdle: [{ afterMs: 0, ms: 1_000 }],
      tailMs: 3_000,
      mostInFlight: 2,
      highest: { requests: 11, tokens: 11_000 },
      // Two workers: a call each, and two for the queue; and what goes while a call is on its way.
      allowed: { requests: 64, tokens: 64_125 },
      workers: { most: 2, peakBytes: 300, peakBytesInAll: 500, cpuMsPerCall: 20 },
    });
    // Of each picture: its wait but for the first second, two seconds, and half a second at its end.
    const limiter = 55;
    const all = limiter + 11 + 22 + 5.5;
    expect(figures.shares.limiter).toBeCloseTo(limiter / all);
    expect(figures.shares.model).toBeCloseTo(22 / all);
    expect(figures.shares.rest).toBeCloseTo(16.5 / all);
  });

  test('under auto the floor is the account’s, less what was unspent at the start', () => {
    const figures = figuresOf({ ...scenario, told: 'auto' }, recorded(90_000, 80));
    // 80,000 tokens, of which 66,000 were there to be spent within 15 seconds; the requests are as many.
    expect(figures.floorBy).toBe('burst');
    expect(figures.floorMs).toBeCloseTo((80_000 / (66_000 + 4 * 66_000)) * 60_000 + 2_000);
    const longer = figuresOf({ ...scenario, told: 'auto' }, recorded(210_000, 200));
    expect(longer.floorMs).toBeCloseTo((134_000 / 66_000) * 60_000 + 2_000);
    expect(figures.allowed).toBeNull();
  });

  test('another process’s tokens are not there to be used', () => {
    const run = { ...recorded(90_000, 80), took: { requests: 30, tokens: 30_000 } };
    const shared: Scenario = {
      ...scenario,
      told: 'auto',
      variant: { competitor: { share: 0.3, tokensPerCall: 1_000 } },
    };
    const figures = figuresOf(shared, run);
    const left = 66_000 + (80 / 60) * 66_000 - 30_000 * (80 / 90);
    expect(figures.usedOfLeft).toBeCloseTo(80_000 / left);
  });

  test('what was missed is said, and stands in the line that is kept', () => {
    const figures = figuresOf(scenario, recorded(14_000));
    expect(checksOf(scenario, figures).filter(({ kept }) => !kept)).toEqual([
      { what: 'time / floor', value: 14 / 13, most: 1.03, kept: false },
    ]);
    expect(textOf(scenario, figures)).toContain('MISSED: time / floor is 1.077, must be at most 1.03');
    expect(JSON.parse(lineOf('ten', scenario, figures))).toMatchObject({ scenario: 'ten', ratio: 14 / 13 });
  });
});

test('the plot is small, well-formed and readable on light and on dark', () => {
  const svg = plotOf({
    title: 'Tokens < limit',
    calls: Array.from({ length: 2_000 }, (_, n) => ({ at: n * 300, admitted: 1_400 })),
    startedAt: 0,
    endedAt: 600_000,
    speed: 10,
    lines: [{ label: 'told: 28,000', tokensPerMinute: 28_000 }],
  });
  expect(svg.length).toBeLessThan(10_000);
  expect(svg).toContain('prefers-color-scheme: dark');
  expect(svg).toContain('Tokens &lt; limit');
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  // The area's sliding sum: 20 calls of 1,400 tokens in a minute at ten times the speed.
  const [, pace = ''] = /class="pace" d="M([^"]+)"/.exec(svg) ?? [];
  const heights = pace.split('L').map((point) => Number(point.split(',')[1]));
  const limit = Number(/class="limit" d="M[\d.]+,([\d.]+)/.exec(svg)?.[1]);
  expect(Math.min(...heights)).toBeCloseTo(limit, 0);
  expect(svg.split('<path').length).toBe(svg.split('"/>').length);
});
