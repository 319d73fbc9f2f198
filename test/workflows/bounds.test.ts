import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, inject, test } from 'vitest';
import { distinctPicture } from '../helpers/cli.ts';
import { decodedHistory } from '../helpers/history.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { until } from '../helpers/until.ts';

let harness: Harness;
afterEach(() => harness.close());

/** A letter of three bytes in UTF-8. */
const WIDE = 'త';

test('the longest names of pictures and prompts, in letters of three bytes, pass through the server', async () => {
  harness = await createHarness(inject('temporal'));
  const source = join(harness.folder, 'pictures');
  const deep = join(source, ...Array.from({ length: 4 }, () => WIDE.repeat(80)));
  await mkdir(deep, { recursive: true });
  await writeFile(join(deep, `${WIDE.repeat(80)}.jpg`), distinctPicture(1));
  const prompts = Array.from({ length: 2 }, (_, n) => ({
    id: `${n}`.padEnd(64, 'x'),
    name: WIDE.repeat(100),
    text: `${n}${WIDE.repeat(3_999)}`,
  }));
  const handle = await harness.start({
    source,
    prompts: { instructions: WIDE.repeat(4_000), prompts },
  });
  expect(await handle.result()).toMatchObject({ state: 'complete', counts: { answered: 2 } });
  const { events } = await harness.client.workflow.getHandle(`${handle.workflowId}-batch-1`).fetchHistory();
  const summaries = (events ?? []).flatMap(({ userMetadata }) => userMetadata?.summary?.data ?? []);
  expect(summaries.length).toBeGreaterThanOrEqual(2);
  // The server's limit is 400 with the payload's own metadata.
  for (const summary of summaries) expect(summary.length).toBeLessThan(360);
});

test('a run that stays blocked tells its batches once, however often a probe finds the cause still there', async () => {
  harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 50 } } });
  const handle = await harness.start({
    source: await harness.pictures(12),
    batchSize: 1,
    concurrency: 12,
  });
  await until(async () => harness.simulator.ledger.length >= 14);
  harness.simulator.setFaults([{ kind: 'insufficient-quota', share: 1 }]);
  await until(async () => (await harness.progress(handle)).state === 'blocked');
  const told = async (): Promise<number> =>
    (await decodedHistory(harness.client, handle.workflowId)).filter(
      ({ type }) => type === 'EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED',
    ).length;
  // Each batch that runs is told once.
  await until(async () => {
    const { running } = await harness.progress(handle);
    return running.length > 2 && (await told()) >= running.length;
  });
  const before = await told();
  // What a batch says whose probe was blocked again.
  const block = { reason: 'No money.', remedy: 'Pay.', since: new Date().toISOString() };
  for (let probe = 0; probe < 3; probe += 1) await handle.signal('batchBlocked', { batch: 0, block });
  await until(async () => (await harness.progress(handle)).block?.reason === block.reason);
  expect(await told()).toBe(before);
  harness.simulator.setFaults([]);
  await handle.signal('resume');
  expect((await handle.result()).counts).toMatchObject({ answered: 72, failed: 0 });
});

test('of pictures with many questions a run hears before the first is done', async () => {
  harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 20 } } });
  const prompts = Array.from({ length: 50 }, (_, n) => ({
    id: `question-${n}`,
    name: `Question ${n}`,
    text: `Is there anything of kind ${n}?`,
  }));
  const handle = await harness.start({
    source: await harness.pictures(4),
    prompts: { instructions: 'Look.', prompts },
    concurrency: 4,
  });
  await until(async () => harness.simulator.ledger.length > 8);
  await until(async () => {
    const { counts } = await harness.progress(handle);
    return counts.answered > 0 && counts.images === 0;
  });
  expect((await handle.result()).counts).toMatchObject({ answered: 200, images: 4 });
  const { historyLength } = await harness.client.workflow
    .getHandle(`${handle.workflowId}-batch-1`)
    .describe();
  expect(historyLength).toBeLessThan(1_500);
});
