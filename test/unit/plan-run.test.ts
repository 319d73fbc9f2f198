import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPlanRun, type PlanDeps, type PlanInput } from '../../src/activities/plan-run.ts';
import { createRunFiles } from '../../src/activities/run-files.ts';
import { files } from '../../src/shared/names.ts';
import type { PlanSummary, ResumeInput, RunInput } from '../../src/shared/types.ts';
import { openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { planOf } from './client-data.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'plan-run-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const picture = { name: 'a.jpg', uri: '/pictures/a.jpg', identity: 'sha256:a', bytes: 1 };
const account = planOf().account;

const deps = (): PlanDeps => ({
  files: createRunFiles(openFolderStore),
  openSource: (uri) => ({
    uri,
    list: () => Promise.resolve({ images: [picture], skipped: [], next: null }),
    signedUrl: null,
    signingProblem: () => Promise.resolve(null),
    read: () => Promise.resolve(new Uint8Array(1)),
  }),
  model: { ask: () => Promise.reject(new Error('asked')), check: () => Promise.resolve() },
  account,
  taskQueue: 'test',
  loadPrompts: () => Promise.resolve({ instructions: 'Look.', prompts: planOf().prompts }),
  limits: () => ({ requestsPerMinute: 480, tokensPerMinute: 28_000, from: 'told', spareTokens: 0 }),
  defaults: { model: 'gpt-4o', detail: 'high', results: root },
  api: 'responses',
  route: 'base64',
  maxOutputTokens: 300,
  server: { id: 'here', label: 'this server' },
  pageUrl: null,
  blindWorkers: () => Promise.resolve([]),
  searchAttributes: () => Promise.resolve([]),
  program: 'image-analysis 0.1.0',
});

const plan = (
  input: RunInput | ResumeInput,
  startedAt: string,
  other: Partial<PlanDeps> = {},
): Promise<PlanSummary> => {
  const planRun = createPlanRun({ ...deps(), ...other });
  const given: PlanInput = { input, workflowId: 'image-analysis-cams', startedAt, run: '20261124_100000' };
  return new MockActivityEnvironment().run(() => planRun(given));
};

const NOVEMBER = '2026-11-24T10:00:00.000Z';
const DECEMBER = '2026-12-24T10:00:00.000Z';

describe('a name that is taken', () => {
  test('is the own one on a retry', async () => {
    const first = await plan({ source: '/november', name: 'cams' }, NOVEMBER);
    expect(await plan({ source: '/november', name: 'cams' }, NOVEMBER)).toEqual(first);
  });

  test("is refused to a later run of the same workflow ID, which is told of `resume`: that run's answers are not its own", async () => {
    await plan({ source: '/november', name: 'cams' }, NOVEMBER);
    await expect(plan({ source: '/december', name: 'cams' }, DECEMBER)).rejects.toMatchObject({
      type: 'InvalidInput',
      message:
        `name: ${root}/cams holds another run already, of /november (${NOVEMBER}): go on with that one by ` +
        '`image-analysis resume cams`, or choose another name',
    });
    expect(await openFolderStore(`${root}/cams`).read(files.run)).toContain('/november');
  });

  test('is passed over where nobody gave it', async () => {
    await plan({ source: '/november' }, NOVEMBER);
    expect((await plan({ source: '/december' }, DECEMBER)).run).toBe('20261124_100000_2');
  });
});

describe('where another worker has other places', () => {
  const blindWorkers = (): Promise<string[]> => Promise.resolve(['7@cellar-a1b2c3.0123abcd']);

  test('a run fails before anything is paid for, be it at a place of its own, and so does one that would go on', async () => {
    const input = { source: '/november', name: 'cams' };
    for (const given of [input, { ...input, results: `${root}/own` }, { resumeOf: 'cams' }]) {
      await expect(plan(given, NOVEMBER, { blindWorkers })).rejects.toMatchObject({
        type: 'InvalidInput',
        message: expect.stringMatching(/another worker .*7@cellar.*same RESULTS and ANSWERS.*restart them/),
      });
    }
    expect(await openFolderStore(`${root}/cams`).read(files.run)).toBeNull();
  });
});

describe('a run that goes on, for some pictures only,', () => {
  const go = (...only: string[]): Promise<PlanSummary> => plan({ resumeOf: 'cams', only }, DECEMBER);
  const list = async (page: number, next: string | null): Promise<void> => {
    const images = [{ ...picture, name: `camera-${page}.jpg`, identity: `sha256:${page}` }];
    const text = JSON.stringify({ page, images, skipped: [], next });
    await openFolderStore(`${root}/cams`).create(files.page(page), text);
  };
  beforeEach(async () => {
    await plan({ source: '/november', name: 'cams' }, NOVEMBER);
    await list(0, 'cursor');
  });

  test('knows them by name or identity, and refuses one that it does not have', async () => {
    await list(1, null);
    expect(await go('camera-1.jpg', 'sha256:0')).toMatchObject({ run: 'cams' });
    await expect(go('camera-0.jpg', 'camera-2.jpg')).rejects.toThrow(
      'only: run cams has no picture "camera-2.jpg"; name it as results.json does',
    );
  });

  test('takes one that it may still find where its listing was not finished', async () => {
    expect(await go('camera-2.jpg')).toMatchObject({ run: 'cams' });
  });
});

describe('a run that another server has not ended', () => {
  const recordOf = (id: string, state: string): Promise<boolean> =>
    openFolderStore(`${root}/cams`).create(
      files.progress,
      JSON.stringify({ state, server: { id, label: 'the one in the cellar' } }),
    );
  beforeEach(() => plan({ source: '/november', name: 'cams' }, NOVEMBER));

  test('is not begun here as well, from the plain `temporal` CLI either', async () => {
    await recordOf('cellar', 'running');
    await expect(plan({ resumeOf: 'cams' }, DECEMBER)).rejects.toMatchObject({
      type: 'InvalidInput',
      message:
        'resumeOf: run cams belongs to another server, which has not ended it: the one in the cellar. This one is ' +
        'this server. Go on with it there; if that server or its data is gone for good, add "serverIsGone": true',
    });
  });

  test('goes on here when that server is said to be gone', async () => {
    await recordOf('cellar', 'blocked');
    expect(await plan({ resumeOf: 'cams', serverIsGone: true }, DECEMBER)).toMatchObject({ run: 'cams' });
  });

  test.each([
    { id: 'here', state: 'running' },
    { id: 'cellar', state: 'incomplete' },
    { id: 'cellar', state: 'cancelled' },
  ])('is none when the record says $id, $state', async ({ id, state }) => {
    await recordOf(id, state);
    expect(await plan({ resumeOf: 'cams' }, DECEMBER)).toMatchObject({ run: 'cams' });
  });
});
