import { afterEach, expect, inject, test } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';
import { distinctPicture } from '../helpers/cli.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { until } from '../helpers/until.ts';

let harness: Harness;
afterEach(() => harness.close());

test('while the model’s server cannot be reached the run is blocked and loses nothing; then it goes on', async () => {
  harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 200 } } });
  const handle = await harness.start({ source: await harness.pictures(4, distinctPicture) });
  await until(async () => harness.simulator.ledger.length >= 6);
  const port = Number(new URL(harness.simulator.url).port);
  await harness.simulator.close();
  const blocked = await until(async () => {
    const progress = await harness.progress(handle);
    return progress.state === 'blocked' && progress;
  });
  expect(blocked.block?.reason).toMatch(/^The model's server cannot be reached\..*ECONNREFUSED/);
  expect(blocked.block?.remedy).toMatch(/goes on by itself/);
  expect(blocked.counts.failed).toBe(0);
  const back = await startSimulator({
    port,
    latency: { medianMs: 20 },
    limits: { requestsPerMinute: 60_000, tokensPerMinute: 60_000_000 },
  });
  try {
    await handle.signal('resume');
    expect((await handle.result()).counts).toMatchObject({ answered: 24, failed: 0 });
  } finally {
    await back.close();
  }
}, 90_000);
