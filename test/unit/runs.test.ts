import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { failuresSeen, lastMinute, liveView, type Snapshot } from '../../src/client/live-view.ts';
import { summaryNow } from '../../src/client/look-at-run.ts';
import { createRuns } from '../../src/client/runs.ts';
import { noCounts } from '../../src/shared/counts.ts';
import type { BatchProgress, RunState } from '../../src/shared/types.ts';
import { listFolderRuns, openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { planOf, progressOf } from './client-data.ts';

const NOW = Date.parse('2026-11-24T10:01:00Z');

describe('the reader of runs', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'runs-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const write = (path: string, body: unknown): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof body === 'string' ? body : JSON.stringify(body));
  };
  const run = (name: string, createdAt: string, state: RunState | null): void => {
    write(`${name}/run.json`, planOf({ run: name, createdAt }));
    if (state !== null) write(`${name}/progress.json`, progressOf({ run: name, state }));
  };
  const runs = () => createRuns({ root, openStore: openFolderStore, listRuns: listFolderRuns });

  test('an empty or missing place has no runs', async () => {
    expect(await runs().names()).toEqual([]);
    expect(await runs().find(undefined)).toBeNull();
    expect(await runs().latestUnfinished()).toBeNull();
    expect(await runs().find('20261124_100000')).toBeNull();
  });

  test('the newest run is found among names that are times and names that people gave', async () => {
    run('20261124_100000', '2026-11-24T10:00:00Z', 'complete');
    run('20261124_110000', '2026-11-24T11:00:00Z', 'complete');
    run('zebra', '2026-11-24T09:00:00Z', 'complete');
    expect((await runs().find(undefined))?.run).toBe('20261124_110000');
    run('a-new-one', '2026-11-24T12:00:00Z', 'complete');
    expect((await runs().find(undefined))?.run).toBe('a-new-one');
  });

  test.each([
    ['running', true],
    ['planning', true],
    ['paused', true],
    ['blocked', true],
    [null, true],
    ['complete', false],
    ['incomplete', false],
    ['cancelled', false],
    ['failed', false],
  ] as const)('a run that is %s waits to go on: %s', async (state, waits) => {
    run('20261124_100000', '2026-11-24T10:00:00Z', state);
    expect((await runs().latestUnfinished())?.run).toBe(waits ? '20261124_100000' : undefined);
  });

  test('without a name a run goes on that has not ended, and else the newest one that lacks answers', async () => {
    run('20261124_100000', '2026-11-24T10:00:00Z', 'paused');
    run('20261124_110000', '2026-11-24T11:00:00Z', 'incomplete');
    expect((await runs().latestToResume())?.run).toBe('20261124_100000');
    run('20261124_100000', '2026-11-24T10:00:00Z', 'cancelled');
    expect((await runs().latestToResume())?.run).toBe('20261124_110000');
  });

  test('folders that are no runs are passed over, and no name leaves the place', async () => {
    write('notes/readme.txt', 'x');
    run('20261124_100000', '2026-11-24T10:00:00Z', 'complete');
    expect((await runs().find(undefined))?.run).toBe('20261124_100000');
    for (const name of ['..', '../x', 'a/b', '.hidden', '']) expect(await runs().find(name)).toBeNull();
  });

  test('a file that somebody broke is named', async () => {
    write('20261124_100000/run.json', '{');
    await expect(runs().read('20261124_100000')).rejects.toThrow(
      `${root}/20261124_100000/run.json is no JSON`,
    );
  });
});

const batch = (change: Partial<BatchProgress>): BatchProgress => ({
  batch: 0,
  counts: noCounts(),
  open: 1,
  paused: false,
  sends: [],
  failures: [],
  ...change,
});

const seen = (change: Partial<Snapshot> = {}): Snapshot => ({
  progress: progressOf(),
  batches: [],
  sends: [],
  underWay: 0,
  waiting: 0,
  fresh: true,
  ...change,
});

describe('the view of a run under way', () => {
  test('adds the answers of pictures under way to those of finished pictures', () => {
    const view = liveView(
      seen({
        progress: progressOf({ counts: { ...noCounts(), images: 1, imagesComplete: 1, answered: 2 } }),
        batches: [batch({ counts: { ...noCounts(), images: 1, answered: 3, matches: { crowd: 2 } } })],
      }),
      NOW,
    );
    expect(view).toMatchObject({ answered: 3, questions: 8, picturesDone: 1, share: 3 / 8 });
    expect(view.prompts).toMatchObject([{ matches: 2 }, { matches: 0 }]);
  });

  test('a large run hears of whole batches only, so their answers are added whole', () => {
    const view = liveView(
      seen({
        progress: progressOf({
          images: 2000,
          counts: { ...noCounts(), images: 4, answered: 8 },
          ended: { ...noCounts(), images: 4, answered: 8 },
        }),
        batches: [batch({ counts: { ...noCounts(), images: 2, answered: 5 } })],
      }),
      NOW,
    );
    expect(view).toMatchObject({ answered: 13, picturesDone: 6 });
  });

  test('counts the answers of a run that was cancelled once: its sums hold those of its last batches', () => {
    const ended = { ...noCounts(), images: 1, answered: 5 };
    for (const state of ['cancelled', 'failed'] as const) {
      const progress = progressOf({ state, ended, counts: ended, running: [{ batch: 0, workflowId: 'b' }] });
      const batches = [batch({ open: 0, counts: { ...noCounts(), answered: 5 } })];
      expect(liveView(seen({ progress, batches }), NOW)).toMatchObject({ answered: 5 });
    }
  });

  test('counts the answers of a pause once, whether the batch has reported them or not', () => {
    const ended = { ...noCounts(), images: 1, answered: 2 };
    for (const reported of [2, 5]) {
      const view = liveView(
        seen({
          progress: progressOf({ state: 'paused', ended, counts: { ...ended, answered: reported } }),
          batches: [batch({ paused: true, open: 0, counts: { ...noCounts(), answered: 3 } })],
        }),
        NOW,
      );
      expect(view.answered).toBe(5);
    }
  });

  test('knows a batch that does not answer by its last report', () => {
    const counts = { ...noCounts(), images: 2, answered: 5, failed: 1 };
    expect(liveView(seen({ progress: progressOf({ counts }) }), NOW)).toMatchObject({
      answered: 5,
      failed: 1,
    });
  });

  test('tells a picture once for a reason, however many of its questions failed', () => {
    const line = (prompt: string, message: string, second: number) => ({
      ...{ image: 'a.jpg', prompt, message, kind: 'InvalidImage' as const },
      at: `2026-11-24T10:00:0${String(second)}Z`,
    });
    const recentFailures = [line('crowd', 'is empty', 2)];
    const failures = [line('pothole', 'is empty', 3), line('pothole', 'is text', 1)];
    expect(
      failuresSeen(seen({ progress: progressOf({ recentFailures }), batches: [batch({ failures })] })),
    ).toEqual([failures[1], recentFailures[0]]);
  });

  test('estimates the time that is left from the calls and tokens still to be spent', () => {
    const counts = { ...noCounts(), images: 100, answered: 200, charged: 280_000 };
    const progress = progressOf({ images: 339, promptsPerImage: 2, counts, activeMs: 570_000 });
    // 478 calls of 1,400 tokens at 28,000 a minute; so far 200 calls took 10 minutes, which is as fast as allowed.
    expect(liveView(seen({ progress }), NOW).remainingMs).toBeCloseTo(
      ((478 * 1400) / 28_000) * 60_000 * 1.0,
      -3,
    );
  });

  test('takes neither time nor tokens of answers that were recalled for what the others will need', () => {
    const own = { ...noCounts(), images: 100, answered: 200, charged: 280_000 };
    const view = (more: object) =>
      liveView(seen({ progress: progressOf({ ...more, promptsPerImage: 2, activeMs: 570_000 }) }), NOW);
    const without = view({ images: 339, counts: own });
    const recalled = { ...own, images: 400, answered: 800, recalled: 600 };
    expect(view({ images: 639, counts: recalled })).toMatchObject({
      remainingMs: without.remainingMs,
      recalled: 600,
    });
  });

  test('a paused run keeps the estimate of its record', () => {
    const progress = progressOf({ state: 'paused', remainingMs: 1234 });
    expect(liveView(seen({ progress }), NOW).remainingMs).toBe(1234);
  });

  test.each([
    ['2026-11-24T09:59:59.999Z', 0],
    ['2026-11-24T10:00:00.001Z', 1],
    ['2026-11-24T10:00:59Z', 1],
  ])('a request of %s counts %d times in the last minute', (at, requests) => {
    expect(lastMinute([{ at, charged: 1400 }], NOW)).toEqual({ requests, tokens: requests * 1400 });
  });
});

describe('what is said of a run without asking it', () => {
  const recorded = (state: RunState | null) => ({
    run: 'r',
    root: '/results',
    place: '/results/r',
    plan: planOf(),
    progress: state === null ? null : progressOf({ state }),
  });

  test.each([
    ['running', 'interrupted'],
    ['planning', 'interrupted'],
    [null, 'interrupted'],
    ['paused', 'paused'],
    ['blocked', 'blocked'],
    ['complete', 'complete'],
    ['failed', 'failed'],
  ] as const)('a record of %s is shown as %s', (state, shown) => {
    expect(summaryNow({ recorded: recorded(state), live: null }, NOW).state).toBe(shown);
  });

  test.each([
    [null, null, null],
    ['running', 30_000, noCounts()],
    ['complete', null, noCounts()],
  ] as const)('of a record of %s the age is told as %s', (state, recordedMsAgo, counts) => {
    expect(summaryNow({ recorded: recorded(state), live: null }, NOW)).toMatchObject({
      recordedMsAgo,
      counts,
    });
  });

  test('the workflow knows better', () => {
    const live = seen({ progress: progressOf({ state: 'running', images: 9 }) });
    expect(summaryNow({ recorded: recorded('paused'), live }, NOW)).toMatchObject({
      state: 'running',
      images: 9,
    });
  });
});
