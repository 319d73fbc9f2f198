import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/client/live-view.ts';
import type { RecordedRun } from '../../src/client/runs.ts';
import { noCounts } from '../../src/shared/counts.ts';
import type { Counts, MinuteLine, Progress, RunState } from '../../src/shared/types.ts';
import { whyNot } from '../../src/web/actions.ts';
import type { ActionName, ShownState } from '../../src/web/api.ts';
import type { Sight } from '../../src/web/live.ts';
import { mergeMinutes, minutesIn } from '../../src/web/run-minutes.ts';
import { brokenRow, detailOf, rowOf } from '../../src/web/run-view.ts';
import { planOf, progressOf } from './client-data.ts';

const NOW = Date.parse('2026-11-24T10:01:00.000Z');

/** Four pictures of two questions: eight in all. */
const recordedAs = (
  state: RunState | null,
  counts: Partial<Counts> = {},
  more: Partial<Progress> = {},
): RecordedRun => ({
  ...{ run: '20261124_100000', root: '/results', place: '/results/20261124_100000', plan: planOf() },
  progress: state === null ? null : progressOf({ state, counts: { ...noCounts(), ...counts }, ...more }),
});

const liveAs = (state: RunState, counts: Partial<Counts> = {}): Snapshot => {
  const sums = { ...noCounts(), ...counts };
  const progress = progressOf({ state, counts: sums, ended: sums });
  return { progress, batches: [], sends: [], underWay: 3, waiting: 5, fresh: true };
};

describe('a run in the list', () => {
  test.each<[ShownState, string, RunState | null, RunState | null, number]>([
    ['complete', 'every answer is there', 'complete', null, 8],
    ['incomplete', 'an answer is missing, whatever the record says', 'complete', null, 7],
    ['incomplete', 'none is there', 'complete', null, 0],
    ['incomplete', 'it says so', 'incomplete', null, 7],
    ['interrupted', 'its record says running and nobody answers for it', 'running', null, 3],
    ['interrupted', 'it was planning and nobody answers', 'planning', null, 0],
    ['interrupted', 'it has no record yet and nobody answers', null, null, 0],
    ['running', 'its workflow says so', 'running', 'running', 3],
    ['running', 'it goes on after it had ended', 'incomplete', 'running', 3],
    ['planning', 'its workflow says so', null, 'planning', 0],
    ['paused', 'its record says so', 'paused', null, 3],
    ['paused', 'its workflow says so, newer than the record', 'running', 'paused', 3],
    ['blocked', 'its record says so', 'blocked', null, 3],
    ['cancelled', 'its record says so', 'cancelled', null, 3],
    ['failed', 'its record says so', 'failed', null, 0],
    ['incomplete', 'its workflow says complete and an answer is missing', 'running', 'complete', 7],
  ])('is %s where %s', (shown, _, recorded, live, answered) => {
    const seen = {
      recorded: recordedAs(recorded, { answered }),
      live: live === null ? null : liveAs(live, { answered }),
    };
    const row = rowOf(seen, NOW);
    expect(row.state).toBe(shown);
    expect(row.answered).toBe(answered);
    const ended = ['complete', 'incomplete', 'cancelled', 'failed'].includes(shown);
    expect(row.endedAt).toBe(ended ? '2026-11-24T10:00:30.000Z' : null);
  });

  test('has its figures, of this moment where its workflow tells them', () => {
    const counts = {
      answered: 5,
      failed: 1,
      imagesComplete: 2,
      matches: { crowd: 2 },
      inputTokens: 10,
      outputTokens: 3,
    };
    const recorded = recordedAs('running', { answered: 1 });
    expect(rowOf({ recorded, live: liveAs('running', counts) }, NOW)).toMatchObject({
      ...{
        pictures: 4,
        picturesComplete: 2,
        questions: 8,
        answered: 5,
        failed: 1,
        inputTokens: 10,
        outputTokens: 3,
      },
      prompts: [
        { id: 'crowd', name: 'Crowd Detection', matches: 2 },
        { id: 'pothole', name: 'Pothole Detection', matches: 0 },
      ],
      // 30 s at its last event, which was 30 s ago.
      activeMs: 60_000,
      problem: null,
    });
    expect(rowOf({ recorded, live: null }, NOW)).toMatchObject({ answered: 1, activeMs: 30_000 });
  });

  test('before its first record has the time of its plan, and no figures', () => {
    expect(rowOf({ recorded: recordedAs(null), live: null }, NOW)).toMatchObject({
      ...{ startedAt: '2026-11-24T10:00:00.000Z', pictures: 0, listing: true, questions: 0, activeMs: 0 },
    });
  });

  test('that cannot be read is there with its reason', () => {
    expect(brokenRow('x', 'run.json is no JSON')).toMatchObject({
      ...{ run: 'x', problem: 'run.json is no JSON', pictures: 0, prompts: [] },
    });
  });
});

describe('a run of its own', () => {
  const about = { minutes: [], actions: [], webUi: null };

  test('groups its errors by kind, most first', () => {
    const recorded = recordedAs('incomplete', {
      failed: 6,
      failures: { Refused: 2, Timeout: 3, Lost: 1, Blocked: 0 },
    });
    const { errors } = detailOf({ recorded, live: null }, about, NOW);
    expect(errors.slice(0, 3)).toEqual([
      { kind: 'Timeout', questions: 3 },
      { kind: 'Refused', questions: 2 },
      { kind: 'Lost', questions: 1 },
    ]);
  });

  test('knows what is under way only from its workflow', () => {
    const recorded = recordedAs('running');
    expect(detailOf({ recorded, live: liveAs('running') }, about, NOW)).toMatchObject({
      ...{ fresh: true, callsUnderWay: 3, waiting: 5, lastMinute: { requests: 0, tokens: 0 } },
    });
    expect(detailOf({ recorded, live: null }, about, NOW)).toMatchObject({
      ...{ fresh: false, callsUnderWay: null, waiting: null, lastMinute: null, remainingMs: null },
    });
  });

  test('whose workflow cannot be read here is as its record says, and not given up', () => {
    const seen = { recorded: recordedAs('running'), live: null };
    expect(detailOf(seen, about, NOW)).toMatchObject({ state: 'interrupted', unreadable: null });
    expect(detailOf({ ...seen, unreadable: 'The key k is missing.' }, about, NOW)).toMatchObject({
      ...{ state: 'running', fresh: false, unreadable: 'The key k is missing.' },
    });
  });

  test('has the limits of its plan before anybody knows better', () => {
    const { limits } = detailOf({ recorded: recordedAs(null), live: null }, about, NOW);
    expect(limits).toEqual({ requestsPerMinute: 480, tokensPerMinute: 28_000, from: 'start' });
  });
});

describe('what may be done from the page', () => {
  type Case = [
    ActionName,
    Partial<Sight> & { state: RunState | null; counts?: Partial<Counts>; live?: Snapshot | null },
    RegExp,
  ];
  const running = { state: 'running', standing: 'running', live: liveAs('running', { failed: 1 }) } as const;
  const ended = { state: 'incomplete', standing: 'closed', counts: { answered: 6, failed: 2 } } as const;
  test.each<Case>([
    ['pause', running, /^$/],
    ['cancel', running, /^$/],
    ['resume', running, /under way/],
    ['retry', running, /^$/],
    ['retry', { ...running, live: liveAs('running') }, /No question has failed/],
    ['pause', { ...running, live: liveAs('paused') }, /paused already/],
    ['resume', { ...running, live: liveAs('paused') }, /^$/],
    ['resume', { ...running, live: liveAs('blocked') }, /^$/],
    ['pause', { ...running, live: liveAs('blocked') }, /^$/],
    // No worker: the server alone would only note it.
    ['pause', { ...running, live: null, worker: false }, /No worker.*starts none/],
    ['cancel', { ...running, live: null, worker: false }, /No worker/],
    ['resume', { ...running, state: 'paused', live: null, worker: null }, /No worker/],
    // No server.
    ['pause', { state: 'running', standing: 'unreachable' }, /No Temporal server/],
    ['resume', { state: 'paused', standing: 'unreachable' }, /No Temporal server/],
    ['resume', { ...ended, standing: 'unreachable' }, /No Temporal server/],
    // Ended.
    ['resume', ended, /^$/],
    ['retry', ended, /^$/],
    ['pause', ended, /is incomplete/],
    ['cancel', { ...ended, state: 'cancelled' }, /is cancelled/],
    ['pause', { ...ended, standing: 'unreachable' }, /is incomplete/],
    ['resume', { ...ended, standing: 'unknown' }, /^$/],
    ['resume', { ...ended, state: 'complete', counts: { answered: 8 } }, /Every question is answered/],
    ['retry', { ...ended, state: 'complete', counts: { answered: 8 } }, /Every question is answered/],
    ['resume', { ...ended, counts: { answered: 6, failed: 2, failures: { Refused: 2 } } }, /declined/],
    ['retry', { ...ended, counts: { answered: 6, failed: 2, failures: { Refused: 2 } } }, /^$/],
    ['resume', { ...ended, worker: false }, /No worker/],
    // Terminated by hand, or its server's database is gone.
    ['resume', { state: 'running', standing: 'closed' }, /^$/],
    ['pause', { state: 'running', standing: 'closed' }, /not under way/],
    ['pause', { state: 'running', unreadable: 'The key k is missing.' }, /^The key k is missing.$/],
    ['retry', { ...ended, unreadable: 'The key k is missing.' }, /^The key k is missing.$/],
    ['cancel', { state: 'running', unreadable: 'The key k is missing.' }, /^$/],
    [
      'resume',
      { state: 'running', standing: 'unknown', elsewhere: 'the other one' },
      /another server: the other one/,
    ],
  ])('%s of a run with %j', (name, { state, counts, ...sight }, why) => {
    const seen: Sight = {
      ...{
        recorded: recordedAs(state, counts),
        live: null,
        standing: 'running',
        worker: true,
        elsewhere: null,
        unreadable: null,
      },
      webUi: () => null,
      ...sight,
    };
    expect(whyNot(name, seen, null, NOW)).toMatch(why);
  });

  test('a run of another account is not started from here', () => {
    const seen: Sight = {
      ...{
        recorded: recordedAs('incomplete', { answered: 1 }),
        live: null,
        standing: 'closed',
        worker: true,
      },
      ...{ elsewhere: null, unreadable: null, webUi: () => null },
    };
    expect(whyNot('resume', seen, 'It asks another account.', NOW)).toBe('It asks another account.');
  });
});

describe('the minutes of a run', () => {
  const line = (minute: number, sent: number): MinuteLine => ({
    ...{ at: `2026-11-24T10:${String(minute).padStart(2, '0')}:00.000Z`, sent, charged: sent * 1_500 },
    ...{ rateLimited: 0, waitMs: 0 },
  });
  const sums = (lines: MinuteLine[]): [number, number][] =>
    lines.map(({ at, sent }) => [Number(at.slice(14, 16)), sent]);

  test('are those of its summed up pages, of the others, and of its record, which is newest', () => {
    const pages = [
      [line(1, 10), line(2, 4)],
      [line(2, 6), line(3, 10)],
    ];
    expect(sums(mergeMinutes(pages, [line(3, 1), line(4, 2)], [line(4, 9), line(5, 1)], true))).toEqual([
      [1, 10],
      [2, 10],
      [3, 11],
      [4, 9],
      [5, 1],
    ]);
  });

  test('of a page that was just summed up are not counted twice', () => {
    const pages = [[line(1, 10), line(2, 10)]];
    expect(sums(mergeMinutes(pages, [line(1, 10), line(2, 10), line(3, 1)], [], false))).toEqual([
      [1, 10],
      [2, 10],
      [3, 1],
    ]);
  });

  test('are found in a segment without reading its pictures', () => {
    const segment = {
      page: 0,
      counts: { ...noCounts(), matches: { crowd: 1 } },
      minutes: [line(1, 2)],
      images: [],
    };
    expect(minutesIn(`${JSON.stringify(segment)}\n`)).toEqual([line(1, 2)]);
    expect(minutesIn(JSON.stringify({ images: [], minutes: [line(1, 3)] }))).toEqual([line(1, 3)]);
    expect(minutesIn(JSON.stringify({ ...segment, minutes: [] }))).toEqual([]);
  });
});
