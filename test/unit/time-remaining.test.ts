import { describe, expect, test } from 'vitest';
import { timeRemaining } from '../../src/shared/time-remaining.ts';

const MINUTE = 60_000;
const limits = { requestsPerMinute: 480, tokensPerMinute: 28_000 };
const run = { callsDone: 0, callsLeft: 2_034, tokensDone: 0, tokensPerCall: 1_500, limits, activeMs: 0 };

test.each([
  { what: 'nothing left', more: { callsLeft: 0 }, minutes: 0 },
  { what: 'nothing done: what tokens allow', more: {}, minutes: (2_034 * 1_500) / 28_000 },
  { what: 'nothing done: what requests allow', more: { tokensPerCall: 10 }, minutes: 2_034 / 480 },
  {
    what: 'too little seen',
    more: { callsDone: 1, tokensDone: 1_000, activeMs: 50_000 },
    minutes: 2_034 / 28,
  },
  {
    what: 'a minute seen, slower than the limits',
    more: { callsDone: 3, callsLeft: 297, tokensDone: 3_000, activeMs: MINUTE },
    minutes: 99,
  },
  {
    what: 'limits that were raised meanwhile: what was observed',
    more: { callsDone: 1_000, callsLeft: 1_000, tokensDone: 1_500_000, activeMs: 6 * MINUTE },
    minutes: 6,
  },
  {
    what: 'the pace of the limits, as far as the calls under way let one see',
    more: { callsDone: 280, callsLeft: 1_400, callsUnderWay: 48, tokensDone: 280_000, activeMs: 11 * MINUTE },
    minutes: 50,
  },
  {
    what: 'slower even if all under way were done: half of them are',
    more: { callsDone: 90, callsLeft: 210, callsUnderWay: 20, tokensDone: 90_000, activeMs: 20 * MINUTE },
    minutes: 40,
  },
])('$what', ({ more, minutes }) => {
  expect(timeRemaining({ ...run, ...more })).toBeCloseTo(minutes * MINUTE, 6);
});

/** A run as the limiter and the model make it: when each call ended, and the time not counted by then. */
function simulate(sizes: {
  pictures: number;
  sideBySide: number;
  latency: (call: number) => number;
  pauseAt?: number;
  pauseMs?: number;
}) {
  const { pictures, sideBySide, latency, pauseAt = Infinity, pauseMs = 0 } = sizes;
  const pace = (1_500 / limits.tokensPerMinute) * MINUTE;
  const lanes = Array.from({ length: sideBySide }, () => 0);
  const ends: number[] = [];
  let free = 0;
  // The lane that is free first asks the next question, when the limiter lets it.
  for (let call = 0; call < pictures * 6; call += 1) {
    const lane = lanes.indexOf(Math.min(...lanes));
    let at = Math.max(lanes[lane] ?? 0, free);
    if (at >= pauseAt && at < pauseAt + pauseMs) at = pauseAt + pauseMs;
    free = at + pace;
    lanes[lane] = at + latency(call);
    ends.push(lanes[lane]);
  }
  ends.sort((a, b) => a - b);
  const active = (at: number): number => at - Math.max(0, Math.min(pauseMs, at - pauseAt));
  return { ends, active };
}

/** 0 to 1, the same in every run of this test. */
const scatter = (n: number): number => (n * 0.6180339887) % 1;
const usual = (call: number): number => 8_000 + 4_000 * scatter(call);

describe('after a tenth of a run within 10 % of the truth', () => {
  test.each([
    { what: 'paced by the limits', sizes: { pictures: 339, sideBySide: 8, latency: usual } },
    { what: 'paced by the limits, and short', sizes: { pictures: 40, sideBySide: 8, latency: usual } },
    {
      what: "bound by the model's time",
      sizes: { pictures: 339, sideBySide: 4, latency: (call: number) => 20_000 + 10_000 * scatter(call) },
    },
    {
      what: 'just between the two',
      sizes: { pictures: 339, sideBySide: 4, latency: (call: number) => 10_000 + 8_000 * scatter(call) },
    },
    {
      what: 'paused for five minutes',
      sizes: { pictures: 339, sideBySide: 8, latency: usual, pauseAt: 5 * MINUTE, pauseMs: 5 * MINUTE },
    },
  ])('$what', ({ sizes }) => {
    const { ends, active } = simulate(sizes);
    const last = ends.at(-1) ?? 0;
    const checked = ends.slice(Math.ceil(ends.length / 10), Math.floor(ends.length * 0.95));
    for (const [i, at] of checked.entries()) {
      const callsDone = Math.ceil(ends.length / 10) + i + 1;
      const callsLeft = ends.length - callsDone;
      const estimate = timeRemaining({
        callsDone,
        callsLeft,
        callsUnderWay: sizes.sideBySide,
        tokensDone: callsDone * 1_500,
        tokensPerCall: 1_500,
        limits,
        activeMs: active(at),
      });
      const truth = last - at;
      expect(Math.abs((estimate ?? NaN) - truth)).toBeLessThanOrEqual(0.1 * truth);
    }
  });
});
