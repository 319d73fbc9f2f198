import { describe, expect, test } from 'vitest';
import {
  callsPerSecond,
  createAges,
  decide,
  type QueueView,
  type Refusal,
  refusalIn,
  refusalInWords,
} from '../../src/worker/queue-decision.ts';

const TWO: QueueView = {
  partitions: 1,
  settable: true,
  workers: 2,
  self: 'polling',
  rate: null,
  wanted: 8,
  guessed: false,
};
const mine = (perSecond: number): QueueView['rate'] => ({ perSecond, byOther: false, ageMs: 0 });
const others = (perSecond: number, ageMs = 0): NonNullable<QueueView['rate']> => ({
  perSecond,
  byOther: true,
  ageMs,
});

describe('what a worker does for all', () => {
  test.each<[string, Partial<QueueView>, ReturnType<typeof decide>]>([
    ['two have no rate', {}, { share: 1, rate: 'set' }],
    ['two have it', { rate: mine(8) }, { share: 1, rate: 'keep' }],
    ['it is off by less than a hundredth', { rate: mine(8.07) }, { share: 1, rate: 'keep' }],
    ['it is too high', { rate: mine(8.1) }, { share: 1, rate: 'set' }],
    ['it is too low', { rate: mine(7.9) }, { share: 1, rate: 'set' }],
    ['a person stopped the queue', { rate: mine(0) }, { share: 1, rate: 'set' }],

    ['another set a little less a moment ago', { rate: others(7.7) }, { share: 1, rate: 'keep' }],
    ['another set a little less, and left it', { rate: others(7.7, 10_000) }, { share: 1, rate: 'set' }],
    ['another set much less a moment ago', { rate: others(7) }, { share: 1, rate: 'set' }],
    ['another knows better', { rate: others(80, 60_000), guessed: true }, { share: 1, rate: 'keep' }],
    ['nobody knows better', { rate: mine(80), guessed: true }, { share: 1, rate: 'set' }],
    ['nobody knows anything', { guessed: true }, { share: 1, rate: 'set' }],

    ['another was refused a call', { rate: { ...others(0), closedForMs: 1 } }, { share: 1, rate: 'keep' }],
    ['that is over', { rate: { ...others(0), closedForMs: 0 } }, { share: 1, rate: 'set' }],

    ['one is alone', { workers: 1 }, { share: 1, rate: 'keep' }],
    ['the other one is gone', { workers: 1, rate: others(8) }, { share: 1, rate: 'remove' }],
    ['the first one starts', { workers: 1, self: 'starting' }, { share: 1, rate: 'set' }],
    [
      'the first one finds an old rate',
      { workers: 1, self: 'starting', rate: mine(80) },
      { share: 1, rate: 'set' },
    ],
    ['a second one starts', { self: 'starting' }, { share: 1, rate: 'set' }],
    ['this one ends, and one stays', { self: 'silent' }, { share: 1, rate: 'keep' }],
    ['this one is held back', { self: 'silent', rate: others(80) }, { share: 1, rate: 'keep' }],
    ['it is held back alone', { self: 'silent', workers: 1, rate: mine(8) }, { share: 1, rate: 'keep' }],

    ['there are four partitions', { partitions: 4, workers: 3 }, { share: 3, rate: 'keep' }],
    ['there are, with an old rate', { partitions: 4, rate: mine(8) }, { share: 2, rate: 'remove' }],
    ['there are, for one', { partitions: 4, workers: 1, self: 'starting' }, { share: 1, rate: 'keep' }],
    ['there are, for an ending one', { partitions: 4, self: 'silent' }, { share: 2, rate: 'keep' }],
    ['the server refuses', { settable: false, workers: 5 }, { share: 5, rate: 'keep' }],
    ['it refuses to remove', { settable: false, partitions: 4, rate: mine(8) }, { share: 2, rate: 'keep' }],
  ])('when %s', (_when, view, decision) => {
    expect(decide({ ...TWO, ...view })).toEqual(decision);
  });
});

test.each<[Refusal, string]>([
  [{ closeMs: 33.5, slowDown: false }, 'image-analysis: closed for 34 ms, since the provider refused a call'],
  [
    { closeMs: 3_000, slowDown: true },
    'image-analysis: closed for 3000 ms, since the provider refused a call and asked for half the rate',
  ],
])('a refusal %j is told as a reason that a person can read', (refusal, words) => {
  expect(refusalInWords(refusal)).toBe(words);
  expect(refusalIn(words)).toEqual({ ...refusal, closeMs: Math.ceil(refusal.closeMs) });
});

test('any other reason is no refusal', () => {
  expect(refusalIn('image-analysis: one worker, which paces itself')).toBeNull();
  expect(refusalIn('')).toBeNull();
});

test.each([
  [480, 28_000, 1_400, 20 / 60],
  [480, 2_000_000, 1_400, 8],
  [480, 28_000, 0, 8],
])(
  '%i requests and %i tokens a minute, %i tokens a call: %f calls a second',
  (requests, tokens, tokensPerCall, rate) => {
    expect(callsPerSecond({ perMinute: { requests, tokens }, tokensPerCall })).toBeCloseTo(rate, 9);
  },
);

test('an age is counted from when a change was seen, whatever the server calls that time', () => {
  let time = 0;
  const ages = createAges(() => time);
  const at = (now: number, ...versions: [string, string][]): Record<string, number> => {
    time = now;
    return Object.fromEntries(ages(versions));
  };
  expect(at(0, ['a', '900'])).toEqual({ a: 0 });
  expect(at(10, ['a', '900'], ['b', '5'])).toEqual({ a: 10, b: 0 });
  expect(at(30, ['a', '901'], ['b', '5'])).toEqual({ a: 0, b: 20 });
  expect(at(40, ['b', '5'])).toEqual({ b: 30 });
  expect(at(50, ['a', '901'])).toEqual({ a: 0 });
});
