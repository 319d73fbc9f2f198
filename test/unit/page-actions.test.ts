import { afterEach, describe, expect, test } from 'vitest';
import { noCounts } from '../../src/shared/counts.ts';
import type { Progress } from '../../src/shared/types.ts';
import type { RunDetail, RunRow } from '../../src/web/api.ts';
import { progressOf } from './client-data.ts';
import { failedTo, said, startTestPage, writeRun, type TestPage } from './page-kit.ts';
import { createStandIn } from './page-temporal.ts';

let page: TestPage;
afterEach(() => page.close());

/** A page over a run of two pictures, of which one failed, at a server that stands in. */
async function withRun(progress: Partial<Progress>, run = 'a') {
  const temporal = createStandIn();
  page = await startTestPage({ connect: temporal.connect });
  const pictures = [
    { name: 'x.jpg', outcome: said('x') },
    { name: 'y.jpg', outcome: failedTo('Timeout') },
  ];
  const modelQueue = 'image-analysis-model-real-default-api.openai.com';
  await writeRun(page.folder, run, pictures, { plan: { modelQueue }, progress });
  const counts = { ...noCounts(), images: 2, answered: 2, failed: 2 };
  temporal.progress = progressOf({ run, state: 'running', images: 2, counts, ended: counts, ...progress });
  return temporal;
}
const act = async (action: string, body: unknown = {}): Promise<[number, unknown]> => {
  const { status, json } = await page.post(`/api/runs/a/${action}`, body);
  return [status, json()];
};

describe('a run under way with a worker', () => {
  test('is paused, cancelled, and asked again for what failed', async () => {
    const temporal = await withRun({ state: 'running' });
    expect(await act('pause')).toEqual([200, { said: expect.stringContaining('Pausing') }]);
    expect(await act('retry', { only: ['y.jpg'] })).toEqual([200, { said: '2 questions are asked again.' }]);
    expect(await act('retry', { refused: true })).toMatchObject([200, {}]);
    expect(await act('cancel')).toEqual([200, { said: expect.stringContaining('Cancelling') }]);
    expect(temporal.told).toEqual([
      'pause',
      'retryFailed {"only":["y.jpg"]}',
      'retryFailed {"refused":true}',
      'cancel',
    ]);
  });

  test('goes on where it was paused', async () => {
    const temporal = await withRun({ state: 'paused' });
    expect(await act('pause')).toMatchObject([409, { problem: expect.stringContaining('already') }]);
    expect(await act('resume')).toEqual([200, { said: 'The run goes on.' }]);
    expect(temporal.told).toEqual(['resume']);
  });

  test('knows no picture of another name', async () => {
    const temporal = await withRun({ state: 'running' });
    const [status, problem] = await act('retry', { only: ['z.jpg'] });
    expect([status, problem]).toEqual([409, { problem: expect.stringContaining('no picture of that name') }]);
    expect(temporal.told).toEqual([]);
  });
});

describe('a run that has ended', () => {
  test('is started once more for what is missing, at its own server', async () => {
    const temporal = await withRun({ state: 'incomplete', server: { id: 'namespace-1', label: 'ours' } });
    temporal.running = false;
    expect(await act('retry', { only: ['y.jpg'] })).toEqual([
      200,
      { said: expect.stringContaining('goes on') },
    ]);
    expect(await act('resume')).toMatchObject([200, {}]);
    const results = `${page.folder}/results`;
    expect(temporal.told).toEqual([
      `start ${JSON.stringify({ resumeOf: 'a', results, only: ['y.jpg'] })}`,
      `start ${JSON.stringify({ resumeOf: 'a', results })}`,
    ]);
  });

  test('is not started where no worker is, but the command line is told', async () => {
    const temporal = await withRun({ state: 'incomplete' });
    Object.assign(temporal, { running: false, worker: false });
    expect(await act('resume')).toEqual([
      409,
      { problem: expect.stringContaining('No worker'), command: 'image-analysis resume a' },
    ]);
    expect(temporal.told).toEqual([]);
  });

  test('is not started here while another server has not ended it', async () => {
    const temporal = await withRun({ state: 'paused', server: { id: 'another', label: 'the other one' } });
    temporal.progress = null;
    expect(await act('resume')).toMatchObject([409, { problem: expect.stringContaining('the other one') }]);
    expect(temporal.told).toEqual([]);
  });
});

describe('the list of runs', () => {
  test('asks the workflows of those that have not ended', async () => {
    const temporal = await withRun({ state: 'running' });
    await writeRun(page.folder, 'old', [{ name: 'x.jpg', outcome: said('x') }]);
    const states = async (): Promise<Record<string, string>> =>
      Object.fromEntries(
        ((await page.ask('/api/runs')).json() as RunRow[]).map(({ run, state }) => [run, state]),
      );
    expect(await states()).toEqual({ a: 'running', old: 'complete' });
    temporal.up = false;
    await expect.poll(states, { timeout: 3_000 }).toEqual({ a: 'interrupted', old: 'complete' });
    expect(
      ((await page.ask('/api/runs/a')).json() as RunDetail).actions.every(({ possible }) => !possible),
    ).toBe(true);
  });
});

test('a server that does not answer keeps nobody waiting', async () => {
  let connects = 0;
  page = await startTestPage({ connect: () => ((connects += 1), new Promise(() => undefined)) });
  await writeRun(page.folder, 'a', [{ name: 'x.jpg', outcome: null }], { progress: { state: 'running' } });
  const look = async (): Promise<number> => {
    const before = Date.now();
    expect(((await page.ask('/api/runs')).json() as RunRow[])[0]).toMatchObject({ state: 'interrupted' });
    return Date.now() - before;
  };
  expect(await look()).toBeLessThan(1_500);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  expect(await look()).toBeLessThan(500);
  expect(connects).toBe(1);
  const before = Date.now();
  await page.close();
  expect(Date.now() - before).toBeLessThan(500);
  page = await startTestPage();
});
