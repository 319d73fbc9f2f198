import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { retryFailed } from '../../src/client/control-run.ts';
import { environmentOf } from '../../src/config.ts';
import { serverIdentity } from '../../src/shared/server-identity.ts';
import type { Plan, Progress, RunInput, RunResult } from '../../src/shared/types.ts';
import { rebuildResults } from '../../src/worker/rebuild.ts';
import { distinctPicture } from '../helpers/cli.ts';
import { type Outcome, runHere } from '../helpers/program.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { until } from '../helpers/until.ts';

const PICTURES = 6;
const QUESTIONS = 6 * PICTURES;

let harness: Harness;
beforeEach(async () => {
  harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 250 } } });
});
afterEach(() => harness.close());

const cli = (...args: string[]): Promise<Outcome> =>
  runHere(harness.folder, args, environmentOf(harness.config), { rebuildResults });
const begin = async (
  input: Partial<RunInput> = { concurrency: 8 },
): Promise<WorkflowHandle<() => Promise<RunResult>>> =>
  harness.start({ source: await harness.pictures(PICTURES, distinctPicture), name: 'first', ...input });
const calls = (): number => harness.simulator.ledger.length;
const asked = (n: number) => until(async () => calls() >= n);
const path = (name: string, run = 'first'): string => join(harness.config.results, run, name);

test('cancel keeps what is answered, rebuild writes the same results, and resume asks the rest', async () => {
  await begin();
  await asked(QUESTIONS / 2);
  const cancelled = await cli('cancel');
  expect(cancelled.out).toContain('Run first was cancelled.');
  expect(cancelled.out).toMatch(/Every answer so far is kept\.\nGo on with: image-analysis resume first\n$/);
  expect(cancelled.status).toBe(0);
  expect(calls()).toBeLessThan(QUESTIONS);
  expect((await cli('cancel', 'first')).err).toMatch(
    /not under way: it is cancelled\.\nGo on with: .* resume first/,
  );

  const before = await readFile(path('results.json'), 'utf8');
  await rm(path('results.json'));
  const rebuilt = await cli('results', 'rebuild', 'first');
  expect(rebuilt.out).toMatch(/first\/results\.json\n6 pictures, \d+ of 36 answers\nGo on with: /);
  expect(rebuilt.status).toBe(3);
  expect(await readFile(path('results.json'), 'utf8')).toBe(before);

  const resumed = await cli('resume');
  expect(resumed.out).toContain('Run first is complete.');
  expect(resumed.status).toBe(0);
  expect(calls()).toBe(QUESTIONS);
  const again = await cli('resume', 'first', '--refused');
  expect(again.out).toContain('every question is answered. Nothing was asked.');
  expect({ status: again.status, calls: calls() }).toEqual({ status: 0, calls: QUESTIONS });
});

test('a run is paused, told to ask again, and resumed', async () => {
  harness.simulator.setFaults([{ kind: 'refusal', share: 1 }]);
  const run = await begin({ batchSize: 1, concurrency: 2 });
  await until(async () => ((await harness.progress(run).catch(() => null))?.batchesDone ?? 0) > 1);
  const paused = await cli('pause');
  expect(paused.out).toMatch(/Every answer so far is recorded\.\nGo on with: image-analysis resume first\n$/);
  harness.simulator.setFaults([]);
  const { out, status } = await cli('retry-failed', '--refused');
  expect({ out, status }).toMatchObject({
    out: expect.stringMatching(/^first asks again: \d+ batch.*\n$/),
    status: 0,
  });
  const json = await cli('retry-failed', '--json');
  expect(json.err).toMatch(/^nothing of first can be asked again yet\n$/);
  expect(json.out).toMatch(/^\{"event":"end".*"exitStatus":0,.*\}\n$/);
  // What no batch may do is the run's to refuse.
  expect((await cli('retry-failed', '--only', 'nothing.jpg')).status).toBe(2);
  // What had failed in a batch that was still under way is asked again when the run has ended.
  const resumed = await cli('resume');
  if (resumed.status === 3) expect(resumed.out).toMatch(/declined: image-analysis resume first --refused/);
  const complete = await cli('resume', 'first', '--refused');
  expect(complete.out).toContain('Run first is complete.');
  expect(complete.status).toBe(0);
});

test('a run that has taken a retry up, and looks for long, is said to look, and asks again', async () => {
  harness.simulator.setFaults([{ kind: 'refusal', share: 1 }]);
  const run = await begin({ batchSize: 1, concurrency: 2 });
  await until(async () => ((await harness.progress(run).catch(() => null))?.batchesDone ?? 0) > 0);
  await run.executeUpdate('pause');
  harness.simulator.setFaults([]);
  expect(await retryFailed(harness.client, run.workflowId, { refused: true }, 1)).toMatch(
    /^The run looks for/,
  );
  await run.executeUpdate('resume');
  const { counts } = await run.result();
  expect(counts.answered).toBeGreaterThanOrEqual(6);
});

/** A copy of the first run's folder under another name, as if another server had it: this one knows no such workflow. */
async function elsewhere(change: Partial<Progress>): Promise<void> {
  await cp(path(''), path('', 'elsewhere'), { recursive: true });
  const rewrite = async <T>(name: string, change: Partial<T>): Promise<void> => {
    const file = JSON.parse(await readFile(path(name), 'utf8')) as T;
    await writeFile(path(name, 'elsewhere'), JSON.stringify({ ...file, ...change }));
  };
  const workflowId = 'image-analysis-elsewhere';
  await rewrite<Plan>('run.json', { run: 'elsewhere', workflowId });
  await rewrite<Progress>('progress.json', { run: 'elsewhere', workflowId, ...change });
}

test('a run that another server has not ended is not started here, unless that server is gone', async () => {
  await (await begin()).result();
  const server = { id: 'the-other', label: 'Temporal at other:7233, namespace default' };
  // Also one that only waits there: it goes on there by itself.
  for (const state of ['running', 'paused', 'blocked'] as const) {
    await elsewhere({ state, server });
    for (const command of ['resume', 'retry-failed']) {
      const { status, err } = await cli(command, 'elsewhere');
      expect(err).toContain(
        'Run elsewhere belongs to another server: Temporal at other:7233, namespace default.',
      );
      expect(err).toMatch(/gone for good: image-analysis resume elsewhere --server-is-gone\n$/);
      expect(status).toBe(2);
    }
  }
  expect(calls()).toBe(QUESTIONS);
  const forced = await cli('resume', 'elsewhere', '--server-is-gone');
  expect(forced.out).toContain('Run elsewhere is complete.');
  expect({ status: forced.status, calls: calls() }).toEqual({ status: 0, calls: QUESTIONS });
});

test.each([
  ['this very server, by whatever address', { state: 'running' }, true],
  ['another server, where it has ended', { state: 'cancelled' }, false],
] as const)('a run that was worked at by %s is started here', async (_, change, here) => {
  await (await begin()).result();
  const { workflowService } = harness.client;
  const own = await serverIdentity(workflowService, harness.config.namespace, 'by another address');
  await elsewhere({ ...change, server: here ? own : { id: 'the-other', label: 'another one' } });
  const { out, status } = await cli('resume', 'elsewhere');
  expect(out).toContain('Run elsewhere is complete.');
  expect({ status, calls: calls() }).toEqual({ status: 0, calls: QUESTIONS });
});
