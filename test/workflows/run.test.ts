import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { createHarness, type Harness } from '../helpers/run-harness.ts';

const SAMPLES = resolve('samples');

describe('a run', () => {
  let harness: Harness;
  afterEach(() => harness.close());

  test('asks every question of every picture once and writes what was answered', async () => {
    harness = await createHarness(inject('temporal'));
    const handle = await harness.start({ source: SAMPLES });
    const result = await handle.result();
    expect(result).toMatchObject({ state: 'complete', images: 14, skipped: 0 });
    expect(result.counts).toMatchObject({ images: 14, answered: 84, failed: 0 });
    const results = await harness.results(result.run);
    expect(results.images).toHaveLength(14);
    const ledger = harness.simulator.ledger;
    console.log(results.performance, ledger);
  });
});
