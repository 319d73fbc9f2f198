import { describe, expect, test } from 'vitest';
import {
  type Asked,
  check,
  type Evidence,
  type Outcome,
  type Recorded,
  RECORDING_MS,
} from '../chaos/check.ts';

const A = { picture: 'a'.repeat(64), prompt: 'crowd-detection' };
const ANSWER = { match: true, count: 3, description: 'Three people.' };

const call = (requestId: string, at: number, more: Partial<Asked> = {}): Asked => ({
  ...A,
  at,
  answeredAt: at + 1_000,
  requestId,
  answer: ANSWER,
  ...more,
});
const record = (requestId: string, at: number, more: Partial<Recorded> = {}): Recorded => ({
  ...A,
  ...ANSWER,
  requestId,
  at,
  where: 'history',
  ...more,
});
const result = (requestId: string, more: Partial<typeof ANSWER> = {}): Outcome => ({
  ...A,
  answer: { ...ANSWER, requestId, ...more },
});

/** One question, asked and answered once, with nothing killed. */
const PEACE: Evidence = {
  questions: [A],
  asked: [call('r1', 1_000)],
  recorded: [record('r1', 2_050)],
  failed: [],
  outcomes: [result('r1')],
  outages: [],
  leftOpen: [],
};

/** The first answer was on its way when its worker was killed, and the second one counts. */
const ONE_KILL: Evidence = {
  ...PEACE,
  asked: [call('r1', 1_000), call('r2', 14_000)],
  recorded: [record('r2', 15_100)],
  outcomes: [result('r2')],
  outages: [{ what: 'worker', from: 1_500, until: 1_500 }],
};

describe('a campaign that kept the promise', () => {
  const kept: [string, Evidence, Partial<ReturnType<typeof check>>][] = [
    ['without a kill', PEACE, { answers: 1, othersAskedAgain: 0, openAtOutages: 0 }],
    ['with an answer that a kill destroyed', ONE_KILL, { othersAskedAgain: 1, openAtOutages: 1 }],
    [
      'with an answer that a kill destroyed where recording one takes seconds',
      {
        ...ONE_KILL,
        recorded: [record('r2', 18_500)],
        outages: [{ what: 'worker', from: 5_000, until: 5_000 }],
      },
      { othersAskedAgain: 1, openAtOutages: 1 },
    ],
    [
      'with an answer that was recorded in the moment in which it was asked again',
      {
        ...ONE_KILL,
        asked: [call('r1', 1_000), call('r2', 2_060)],
        recorded: [record('r1', 2_050), record('r2', 3_100)],
      },
      { recordedAskedAgain: 0 },
    ],
    [
      'with an answer that was open at a kill and lived',
      { ...PEACE, outages: [{ what: 'server', from: 1_500, until: 3_000 }] },
      { othersAskedAgain: 0, openAtOutages: 1 },
    ],
    [
      'with an answer that a kill destroyed, and only errors after it',
      {
        ...ONE_KILL,
        asked: [call('r1', 1_000), call('r2', 14_000, { answer: null })],
        recorded: [],
        outcomes: [{ ...A, error: 'Timeout' }],
        failed: [{ ...A, kind: 'Timeout' }],
      },
      { othersAskedAgain: 0, openAtOutages: 1 },
    ],
    [
      'with errors before the answer',
      { ...PEACE, asked: [call('r0', 200, { answer: null }), call('r1', 1_000)] },
      { othersAskedAgain: 0, openAtOutages: 0 },
    ],
    [
      'with a classified error, of another question of the picture in the history',
      {
        ...PEACE,
        asked: [call('r1', 1_000, { answer: null })],
        recorded: [],
        outcomes: [{ ...A, error: 'InvalidImage' }],
        failed: [{ ...A, prompt: 'pothole-detection', kind: 'InvalidImage' }],
      },
      { answers: 0, errors: { InvalidImage: 1 } },
    ],
  ];
  test.each(kept)('%s', (_, evidence, expected) => {
    expect(check(evidence)).toMatchObject({ violations: [], ...expected });
  });
});

describe('a violation is found', () => {
  const broken: [string, Evidence, RegExp][] = [
    ['a workflow that has not ended', { ...PEACE, leftOpen: ['run-batch-7'] }, /^left open: .*run-batch-7$/],
    ['a question without outcome', { ...PEACE, outcomes: [] }, /^no outcome/],
    ['a question with two outcomes', { ...PEACE, outcomes: [result('r1'), result('r1')] }, /^2 outcomes/],
    [
      'a call for what nobody asked',
      { ...PEACE, asked: [...PEACE.asked, { ...call('r9', 50), prompt: 'other' }] },
      /^not asked for/,
    ],
    [
      'a result that differs from what was answered',
      { ...PEACE, outcomes: [result('r1', { count: 4 })] },
      /^ledger and results disagree/,
    ],
    [
      'a result that was never answered',
      { ...PEACE, outcomes: [result('r7')] },
      /^ledger and results disagree/,
    ],
    [
      'a history that differs from what was answered',
      { ...PEACE, recorded: [record('r1', 2_050, { description: 'Four people.' })] },
      /^ledger and history disagree/,
    ],
    [
      'a store that holds what was never answered',
      { ...PEACE, recorded: [...PEACE.recorded, record('r7', 2_050, { where: 'store' })] },
      /^ledger and store disagree/,
    ],
    ['a result that is recorded nowhere', { ...PEACE, recorded: [] }, /^in the results, but in neither/],
    [
      'an error in the results for a recorded answer',
      { ...PEACE, outcomes: [{ ...A, error: 'Timeout' }], failed: [{ ...A, kind: 'Timeout' }] },
      /^lost: .*r1 is in the history/,
    ],
    [
      'an error that says nothing',
      {
        ...PEACE,
        asked: [],
        recorded: [],
        outcomes: [{ ...A, error: 'Lost' }],
        failed: [{ ...A, kind: 'Lost' }],
      },
      /^not classified: .*Lost$/,
    ],
    [
      'an error of which the history knows nothing',
      { ...PEACE, asked: [], recorded: [], outcomes: [{ ...A, error: 'Timeout' }] },
      /^history knows no such failure/,
    ],
    [
      'a recorded answer that is asked again',
      { ...ONE_KILL, recorded: [record('r1', 2_050), record('r2', 15_100)] },
      /^recorded answer asked again: .*r1 was in the history/,
    ],
    [
      'a recorded answer that is asked again, though the second call fails',
      { ...PEACE, asked: [...PEACE.asked, call('r2', 9_000, { answer: null })] },
      /^recorded answer asked again/,
    ],
    ['an answer that is lost without a kill', { ...ONE_KILL, outages: [] }, /^lost without cause/],
    [
      'an answer that is lost long before a kill',
      { ...ONE_KILL, outages: [{ what: 'worker', from: 2_001 + RECORDING_MS, until: 9_000 }] },
      /^lost without cause/,
    ],
    [
      'an answer that is lost though it was asked for after the kill',
      { ...ONE_KILL, outages: [{ what: 'server', from: 100, until: 900 }] },
      /^lost without cause/,
    ],
  ];
  test.each(broken)('%s', (_, evidence, violation) => {
    expect(check(evidence).violations).toEqual(expect.arrayContaining([expect.stringMatching(violation)]));
  });

  test('and counted', () => {
    const twice = check({ ...ONE_KILL, recorded: [record('r1', 2_050), record('r2', 15_100)] });
    expect(twice).toMatchObject({ recordedAskedAgain: 1, othersAskedAgain: 0 });
    expect(check({ ...ONE_KILL, outages: [] })).toMatchObject({ othersAskedAgain: 1, openAtOutages: 0 });
  });
});
