import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkflowFailedError } from '@temporalio/client';
import { afterEach, expect, inject, test } from 'vitest';
import type { BatchProgress, Segment } from '../../src/shared/types.ts';
import { distinctPicture } from '../helpers/cli.ts';
import { failureOf } from '../helpers/history.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { startTemporal } from '../helpers/temporal-server.ts';
import { until } from '../helpers/until.ts';

let harness: Harness;
afterEach(() => harness.close());

const ONE_PROMPT = {
  instructions: 'Look at the picture.',
  prompts: [
    {
      id: 'pothole-detection',
      name: 'Pothole Detection',
      text: 'Are there potholes in the road? Count the potholes.',
    },
  ],
};

const TWO = [
  ...ONE_PROMPT.prompts,
  { id: 'crowd-detection', name: 'Crowd Detection', text: 'Is there a crowd of people?' },
];

test('a cancelled run lets open calls end, keeps what was answered and says that it was cancelled', async () => {
  harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 300 } } });
  const handle = await harness.start({
    source: await harness.pictures(8, distinctPicture),
    concurrency: 4,
    name: 'run',
  });
  await until(async () => harness.simulator.ledger.length >= 6);
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
  expect((await handle.describe()).status.name).toBe('CANCELLED');
  const asked = harness.simulator.ledger.length;
  expect(asked).toBeLessThan(48);
  expect(harness.simulator.ledger.every((entry) => entry.delivered === true)).toBe(true);
  const results = await harness.results('run');
  expect(results.state).toBe('cancelled');
  const answers = results.images.flatMap((image) => Object.values(image.answers));
  expect(answers).toHaveLength(asked);
});

test('a batch that somebody terminates starts again, and no answer that it had is asked again', async () => {
  harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 300 } } });
  const source = await harness.pictures(8, distinctPicture);
  const handle = await harness.start({ source, concurrency: 4 });
  await until(async () => harness.simulator.ledger.length >= 6);
  await harness.client.workflow.getHandle(`${handle.workflowId}-batch-1`).terminate('by hand');
  const result = await handle.result();
  expect(result).toMatchObject({ state: 'complete', counts: { answered: 48, failed: 0 } });
  expect(harness.simulator.ledger.filter(({ delivered }) => delivered === true)).toHaveLength(48);
});

test('a batch that somebody cancels leaves its pictures without answers, and the run ends and says so', async () => {
  harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 300 } } });
  const handle = await harness.start({ source: await harness.pictures(8), concurrency: 4 });
  await until(async () => harness.simulator.ledger.length >= 6);
  await harness.client.workflow.getHandle(`${handle.workflowId}-batch-1`).cancel();
  const result = await handle.result();
  expect(result.state).toBe('incomplete');
  expect(result.counts.failures).toEqual({ Lost: expect.any(Number) as number });
  const results = await harness.results(result.run);
  const answers = results.images.flatMap((image) => Object.values(image.answers));
  expect(answers).toHaveLength(48);
  expect(answers.filter((answer) => 'error' in answer)).toHaveLength(result.counts.failed);
  expect(result.counts.answered).toBeGreaterThanOrEqual(24);
  expect(result.counts.answered + result.counts.failed).toBe(48);
});

test('a key that is refused fails the run at the plan and blocks it later', async () => {
  harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 100 } } });
  const source = await harness.pictures(4);
  harness.simulator.setKeys(['sk-another']);
  expect(await failureOf(await harness.start({ source }))).toMatch(/API key/i);
  expect(harness.simulator.ledger).toHaveLength(0);

  harness.simulator.setKeys(null);
  const handle = await harness.start({ source });
  await until(async () => harness.simulator.ledger.length >= 6);
  harness.simulator.setKeys(['sk-another']);
  await until(async () => (await harness.progress(handle)).state === 'blocked');
  harness.simulator.setKeys(null);
  await handle.signal('resume');
  expect((await handle.result()).counts).toMatchObject({ answered: 24, failed: 0 });
});

test('a call that fails while the run is being paused is asked again afterwards, and its try counts', async () => {
  harness = await createHarness(inject('temporal'), {
    simulator: { latency: { medianMs: 1_500 }, faults: [{ kind: 'malformed-body', from: 2, count: 1 }] },
  });
  const handle = await harness.start({
    source: await harness.pictures(1),
    prompts: { ...ONE_PROMPT, prompts: TWO },
  });
  await until(async () => harness.simulator.ledger.length >= 2);
  await handle.executeUpdate('pause');
  expect(harness.simulator.ledger[1]?.delivered).toBe(null);
  await until(async () => harness.simulator.ledger[1]?.delivered);
  await new Promise((done) => setTimeout(done, 1_000));
  expect((await harness.progress(handle)).state).toBe('paused');
  await handle.executeUpdate('resume');
  const result = await handle.result();
  expect(result.counts).toMatchObject({ answered: 2, failed: 0, tries: 3 });
});

test('a batch that hears its run’s words in another order heeds the last one that was said', async () => {
  harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 200 } } });
  const source = await harness.pictures(4, distinctPicture);
  const handle = await harness.start({ source });
  await until(async () => harness.simulator.ledger.length >= 2);
  const batch = harness.client.workflow.getHandle(`${handle.workflowId}-batch-1`);
  const later = Date.now() + 1_000_000;
  await batch.signal('resume', later);
  await batch.signal('pause', later - 1);
  expect(await batch.query<BatchProgress>('progress')).toMatchObject({ paused: false });
  await batch.signal('pause');
  expect(await batch.query<BatchProgress>('progress')).toMatchObject({ paused: true });
  await batch.signal('resume');
  expect((await handle.result()).counts).toMatchObject({ answered: 24, failed: 0 });
});

test('a probe lets one call go, not one a picture', async () => {
  harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 50 } } });
  const handle = await harness.start({ source: await harness.pictures(4) });
  await until(async () => harness.simulator.ledger.length >= 5);
  harness.simulator.setFaults([{ kind: 'insufficient-quota', share: 1 }]);
  await until(async () => (await harness.progress(handle)).state === 'blocked');
  await new Promise((done) => setTimeout(done, 1_500));
  const asked = harness.simulator.ledger.length;
  await harness.client.workflow.getHandle(`${handle.workflowId}-batch-1`).signal('probe');
  await until(async () => harness.simulator.ledger.length > asked);
  await new Promise((done) => setTimeout(done, 1_500));
  expect(harness.simulator.ledger).toHaveLength(asked + 1);
  harness.simulator.setFaults([]);
  await harness.client.workflow.getHandle(`${handle.workflowId}-batch-1`).signal('probe');
  expect((await handle.result()).counts).toMatchObject({ answered: 24, failed: 0 });
});

test('exhausted quota, which only a call can show, fails the run when it has no answer yet', async () => {
  harness = await createHarness(inject('temporal'), {
    simulator: { latency: { medianMs: 100 }, faults: [{ kind: 'insufficient-quota', share: 1 }] },
  });
  const handle = await harness.start({ source: await harness.pictures(8), concurrency: 8, name: 'run' });
  expect(await failureOf(handle)).toMatch(/quota.*billing page/);
  expect(harness.simulator.ledger.length).toBeLessThanOrEqual(8);
  expect((await harness.results('run')).state).toBe('failed');
});

test('a long run continues as new with a drained window, and each page is summed up in a segment', async () => {
  // The server suggests it at 4,096 events; here sooner, so that 40 pictures are a long run.
  const server = await startTemporal({ dynamicConfig: ['limit.historyCount.suggestContinueAsNew=150'] });
  try {
    harness = await createHarness(server, { simulator: { latency: { medianMs: 1 } } });
    const pictures = 40;
    const source = await harness.pictures(pictures, distinctPicture);
    const handle = await harness.start({ source, prompts: ONE_PROMPT, batchSize: 2, concurrency: 4 });
    const first = (await handle.describe()).runId;
    const result = await handle.result();
    expect((await handle.describe()).runId).not.toBe(first);
    expect(result).toMatchObject({ state: 'complete', images: pictures });
    expect(result.counts).toMatchObject({ images: pictures, answered: pictures, tries: pictures });
    expect(harness.simulator.ledger).toHaveLength(pictures);
    const results = await harness.results(result.run);
    expect(new Set(results.images.map((image) => image.identity)).size).toBe(pictures);
    const file = join(harness.config.results, result.run, 'index', '000000.json');
    const segment = JSON.parse(await readFile(file, 'utf8')) as Segment;
    expect(segment.images).toHaveLength(pictures);
    expect(segment.counts).toEqual(result.counts);
    await harness.stopWorker();
  } finally {
    await server.close();
  }
}, 120_000);
