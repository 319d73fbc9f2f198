import { describe, expect, test } from 'vitest';
import type { MinuteLine } from '../../src/shared/types.ts';
import type { Action, ActionName, ShownState } from '../../src/web/api.ts';
import { axisTop, chartData, minuteRows, peaks } from '../../src/web/app/run/chart-data.ts';
import { offered } from '../../src/web/app/run/offered.ts';
import { remaining, standing, waits } from '../../src/web/app/run/standing.ts';

const line = (at: string, sent: number, charged = sent * 100, rateLimited = 0): MinuteLine => ({
  at: `2025-11-25T${at}:00.000Z`,
  sent,
  charged,
  rateLimited,
  waitMs: 0,
});
const seconds = (at: string): number => Date.parse(`2025-11-25T${at}:00.000Z`) / 1000;

describe('the chart', () => {
  test('a run of one minute has the width of a minute', () => {
    expect(chartData([line('10:00', 7, 700, 1)])).toEqual({
      at: [seconds('10:00'), seconds('10:01')],
      requests: [7, 7],
      tokens: [700, 700],
      rateLimited: [1, 0],
    });
  });

  test('what follows without a gap is joined, and a gap of any length is 0 from its first moment on', () => {
    const { at, requests } = chartData([line('10:00', 7), line('10:01', 8), line('20:00', 9)]);
    expect(at).toEqual(['10:00', '10:01', '10:02', '20:00', '20:01'].map(seconds));
    expect(requests).toEqual([7, 8, 0, 9, 9]);
  });

  test('nothing sent is no point', () => {
    expect(chartData([])).toEqual({ at: [], requests: [], tokens: [], rateLimited: [] });
  });

  test.each([
    [[10, 50], 100, 108],
    [[200], 100, 216],
    [[], 0, 1],
    [[], 100, 108],
    // What binds the run is another limit: this one would press its line flat.
    [[24, 20], 100, 30],
    [[25], 100, 108],
  ])('the axis of %j with limit %d ends at %d', (values, limit, top) => {
    expect(axisTop(values, limit)).toBeCloseTo(top);
  });

  test('the peaks are those of a minute; what was refused is summed up', () => {
    expect(peaks([line('10:00', 7, 50, 2), line('10:01', 3, 90, 1)])).toEqual({
      requests: 7,
      tokens: 90,
      rateLimited: 3,
    });
    expect(peaks([])).toEqual({ requests: 0, tokens: 0, rateLimited: 0 });
  });
});

describe('the table beside the chart', () => {
  const hours = Array.from({ length: 180 }, (_, i) =>
    line(`${String(10 + Math.floor(i / 60)).padStart(2, '0')}:${String(i % 60).padStart(2, '0')}`, 1),
  );

  test('is minute by minute while that fits, newest first', () => {
    const rows = minuteRows(hours.slice(0, 3));
    expect(rows.map(({ from }) => from)).toEqual([
      '2025-11-25T10:02:00.000Z',
      '2025-11-25T10:01:00.000Z',
      '2025-11-25T10:00:00.000Z',
    ]);
    expect(rows[0]).toMatchObject({ minutes: 1, requests: 1, tokens: 100 });
  });

  test('sums up as many minutes as it takes, and loses none', () => {
    const rows = minuteRows(hours, 20);
    expect(rows).toHaveLength(18);
    expect(rows[0]).toMatchObject({ from: '2025-11-25T12:50:00.000Z', minutes: 10, requests: 10 });
    expect(rows.reduce((sum, { requests }) => sum + requests, 0)).toBe(180);
  });
});

describe('what is offered', () => {
  const actions = (possible: ActionName[]): Action[] =>
    (['pause', 'resume', 'cancel', 'retry'] as const).map((name) => ({
      name,
      possible: possible.includes(name),
      why: possible.includes(name) ? '' : 'no worker',
      command: `image-analysis ${name} x`,
    }));

  test.each<[ShownState, number, ActionName[], string, string]>([
    ['running', 0, ['pause', 'cancel'], 'pause cancel', ''],
    ['running', 2, ['pause', 'cancel', 'retry'], 'pause cancel retry', ''],
    ['paused', 0, ['resume', 'cancel'], 'resume cancel', ''],
    ['blocked', 0, ['pause', 'resume', 'cancel'], 'pause resume cancel', ''],
    ['interrupted', 0, [], '', 'resume cancel'],
    ['incomplete', 2, ['retry'], 'retry', 'resume'],
    ['complete', 0, [], '', ''],
    ['cancelled', 0, ['resume'], 'resume', ''],
  ])('%s with %d failed', (state, failed, possible, buttons, elsewhere) => {
    const result = offered({ state, failed, actions: actions(possible) });
    expect(result.buttons.map(({ name }) => name).join(' ')).toBe(buttons);
    expect(result.elsewhere.map(({ name }) => name).join(' ')).toBe(elsewhere);
  });
});

describe('how a run stands', () => {
  const run = {
    state: 'running' as ShownState,
    fresh: true,
    unreadable: null,
    updatedAt: '2025-11-25T10:00:00.000Z',
    answered: 10,
    questions: 12,
    failed: 2,
  };
  const now = Date.parse('2025-11-25T10:05:00.000Z');

  test('of this moment, nothing is said of its record', () => {
    expect(standing(run, now)).toBe('Pictures are being asked about.');
  });

  test('a record says how old it is', () => {
    expect(standing({ ...run, fresh: false }, now)).toMatch(
      /^Pictures are being asked about\. .* record of 5 min ago \(.+\)\.$/,
    );
  });

  test('a record stands in for a workflow that cannot be read here, too', () => {
    expect(standing({ ...run, fresh: false, unreadable: 'A key is missing.' }, now)).toMatch(
      /What its workflow says cannot be read here; this is its record of 5 min ago/,
    );
  });

  test.each([
    [2, 'It has ended, and 2 questions have no answer because asking failed.'],
    [1, 'It has ended, and 2 questions have no answer: 1 failed, 1 was not asked.'],
    [0, 'It has ended, and 2 questions have no answer.'],
  ])('an ended run with %d failed says what is missing', (failed, said) => {
    expect(standing({ ...run, state: 'incomplete', failed }, now)).toBe(said);
  });

  test.each<[ShownState, number | null, boolean, string]>([
    ['running', 3 * 3_600_000, false, '3 h 00 min'],
    ['running', 20 * 60_000, true, 'more than 20 min'],
    ['running', null, false, 'not known yet'],
    ['paused', 3_600_000, false, ''],
    ['complete', 0, false, ''],
  ])('%s with %s ms left', (state, remainingMs, listing, said) => {
    expect(remaining({ state, remainingMs, listing })).toBe(said);
  });

  test('says why questions wait', () => {
    expect(waits({ waiting: 0, callsUnderWay: 4 })).toBe('');
    expect(waits({ waiting: null, callsUnderWay: null })).toBe('');
    expect(waits({ waiting: 1200, callsUnderWay: 4 })).toBe(
      '1,200 questions ready, and kept back so that the limits hold',
    );
  });
});
