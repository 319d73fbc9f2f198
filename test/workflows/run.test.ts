import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, inject, test } from 'vitest';
import type { ResultEntry, ResultsFile } from '../../src/shared/results.ts';
import { distinctPicture } from '../helpers/cli.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { until } from '../helpers/until.ts';
import { decodedHistory, failureOf } from '../helpers/history.ts';

const SAMPLES = resolve('samples');

let harness: Harness;
afterEach(() => harness.close());

const entries = (results: ResultsFile): ResultEntry[] =>
  results.images.flatMap((image) => Object.values(image.answers));

describe('a run', () => {
  test('asks every question of every picture once, and writes what the model said, wrong answers included', async () => {
    harness = await createHarness(inject('temporal'));
    const handle = await harness.start({ source: SAMPLES });
    const result = await handle.result();

    expect(result).toMatchObject({ state: 'complete', images: 14, skipped: 0, simulated: true });
    expect(result.counts).toMatchObject({
      images: 14,
      imagesComplete: 14,
      answered: 84,
      failed: 0,
      tries: 84,
    });
    const { ledger } = harness.simulator;
    expect(ledger).toHaveLength(84);
    expect(ledger.some((entry) => entry.wrong)).toBe(true);
    const results = await harness.results(result.run);
    expect(results.label).toContain('SIMULATED');
    const said = new Map(ledger.map((entry) => [entry.requestId, JSON.parse(entry.answer ?? '') as object]));
    for (const entry of entries(results)) {
      if ('error' in entry) throw new Error(entry.error.message);
      expect({ match: entry.match, count: entry.count, description: entry.description }).toEqual(
        said.get(entry.requestId ?? ''),
      );
    }
    expect(results.performance.model?.samples).toBe(84);
  });

  test('keeps its promises in history: prompts in order, small inputs, no secret, state for people', async () => {
    harness = await createHarness(inject('temporal'));
    const handle = await harness.start({
      source: await harness.pictures(4),
      results: join(harness.folder, 'results'),
    });
    await handle.result();
    const child = await decodedHistory(harness.client, `${handle.workflowId}-batch-1`);
    const asks = child.filter((event) => event.activityType === 'askModel');
    expect(asks).toHaveLength(24);
    for (const ask of asks) expect(Buffer.byteLength(ask.input)).toBeLessThanOrEqual(512);
    const inOrder = asks
      .filter((ask) => ask.input.includes('"image":0'))
      .map((ask) => (JSON.parse(ask.input) as { prompt: string }).prompt);
    expect(inOrder).toEqual([
      'crowd-detection',
      'no-parking-violation',
      'garbage-detection',
      'pothole-detection',
      'traffic-congestion',
      'wrong-way-driving',
    ]);
    const parent = await decodedHistory(harness.client, handle.workflowId);
    const everything = JSON.stringify([parent, child]);
    expect(everything).not.toContain('sk-canary');
    expect(JSON.stringify(parent)).not.toContain('Simulated: ');
    const description = await handle.describe();
    expect(description.searchAttributes).toMatchObject({
      ImageAnalysisState: ['complete'],
      ImageAnalysisSimulated: [true],
    });
    expect(description.memo).toMatchObject({ simulated: true });
  });

  test('gives a question five tries, then records why, and goes on', async () => {
    harness = await createHarness(inject('temporal'), {
      simulator: { faults: [{ kind: 'server-error', count: 1 }] },
    });
    const folder = await harness.pictures(1);
    const once = await harness.start({ source: folder });
    const result = await once.result();
    expect(result.state).toBe('complete');
    const [first] = entries(await harness.results(result.run));
    if (!first || 'error' in first) throw new Error('no answer');
    expect(first.tries.map((t) => t.outcome)).toEqual(['ProviderError', 'ok']);
    expect(first.tries[0]?.waitMs).toBeGreaterThan(700);
  });

  test('waits for a 429 as long as it says and counts it', async () => {
    harness = await createHarness(inject('temporal'), {
      simulator: { faults: [{ kind: 'rate-limit', count: 2 }] },
    });
    const handle = await harness.start({ source: await harness.pictures(2) });
    const result = await handle.result();
    expect(result.state).toBe('complete');
    expect(result.counts.rateLimited).toBe(2);
    expect(result.counts.tries).toBe(14);
  });

  test('records answers that cannot be used, each after one more ask, and keeps the rest', async () => {
    const kinds = [
      'malformed-json',
      'wrong-shape',
      'negative-count',
      'huge-count',
      'empty-description',
      'refusal',
    ] as const;
    harness = await createHarness(inject('temporal'));
    const folder = await harness.pictures(1);
    for (const kind of kinds) {
      harness.simulator.setFaults([{ kind, count: 2 }]);
      const result = await (await harness.start({ source: folder, fresh: true })).result();
      expect(result.counts, kind).toMatchObject({ answered: 5, failed: 1, tries: 7 });
      expect(result.state, kind).toBe('incomplete');
      expect(Object.keys(result.counts.failures), kind).toEqual([
        kind === 'refusal' ? 'Refused' : 'InvalidAnswer',
      ]);
    }
  });

  test('records pictures that are none, once for all their questions, without a call', async () => {
    harness = await createHarness(inject('temporal'));
    const folder = await harness.pictures(1);
    await writeFile(join(folder, 'empty.jpg'), '');
    await writeFile(join(folder, 'page.jpg'), '<!doctype html><title>404</title>');
    await writeFile(join(folder, 'film.gif'), 'GIF89a');
    await writeFile(join(folder, 'notes.txt'), 'x');
    const result = await (await harness.start({ source: folder })).result();
    expect(result).toMatchObject({ state: 'incomplete', images: 3, skipped: 2 });
    expect(result.counts).toMatchObject({ answered: 6, failed: 12, failures: { InvalidImage: 12 } });
    expect(harness.simulator.ledger).toHaveLength(6);
    const results = await harness.results(result.run);
    expect(results.skipped.map((object) => object.name).sort()).toEqual(['film.gif', 'notes.txt']);
  });

  test('pauses: nothing new is asked, what was open is recorded; resumes and ends', async () => {
    harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 300 } } });
    const handle = await harness.start({
      source: await harness.pictures(8, distinctPicture),
      concurrency: 4,
    });
    await until(async () => harness.simulator.ledger.length >= 6);
    await handle.executeUpdate('pause');
    await until(async () => harness.simulator.ledger.every((entry) => entry.delivered !== null));
    await new Promise((done) => setTimeout(done, 1_500));
    const asked = harness.simulator.ledger.length;
    await new Promise((done) => setTimeout(done, 1_000));
    expect(harness.simulator.ledger).toHaveLength(asked);
    const progress = await harness.progress(handle);
    expect(progress.state).toBe('paused');
    expect(asked).toBeLessThan(48);
    await handle.executeUpdate('resume');
    const result = await handle.result();
    expect(result.counts).toMatchObject({ answered: 48, failed: 0, tries: 48 });
    expect(harness.simulator.ledger).toHaveLength(48);
  });

  test('blocks on exhausted quota: stops asking, says why, and goes on when told that it is mended', async () => {
    harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 50 } } });
    const handle = await harness.start({ source: await harness.pictures(8), concurrency: 4 });
    await until(async () => harness.simulator.ledger.length >= 8);
    harness.simulator.setFaults([{ kind: 'insufficient-quota', share: 1 }]);
    const blocked = await until(async () => {
      const progress = await harness.progress(handle);
      return progress.state === 'blocked' && progress;
    });
    expect(blocked.block?.reason).toMatch(/quota/);
    expect(blocked.block?.remedy).not.toBe('');
    await new Promise((done) => setTimeout(done, 1_000));
    const asked = harness.simulator.ledger.length;
    await new Promise((done) => setTimeout(done, 2_000));
    expect(harness.simulator.ledger).toHaveLength(asked);
    harness.simulator.setFaults([]);
    await handle.executeUpdate('resume');
    const result = await handle.result();
    expect(result.counts).toMatchObject({ answered: 48, failed: 0 });
  });

  test.each([
    ['an unknown field', { source: SAMPLES, modle: 'x' }, /modle: .*known are source/],
    ['a missing source', {}, /source: is missing/],
    ['a relative path', { source: './pictures' }, /source: .*relative/],
    ['a wrong type', { source: SAMPLES, batchSize: 'four' }, /batchSize: "four" must be a whole number/],
    ['a folder that is not there', { source: '/nowhere/at/all' }, /\/nowhere\/at\/all/],
    [
      'a results place that cannot be written',
      { source: SAMPLES, results: resolve('package.json') },
      /results.*package\.json/,
    ],
    ['a model that is not served', { source: SAMPLES, model: 'gpt-none' }, /gpt-none/],
  ])('fails at once for %s, before anything is asked', async (_, input, message) => {
    harness = await createHarness(inject('temporal'));
    const handle = await harness.start(input as never);
    expect(await failureOf(handle)).toMatch(message);
    expect(harness.simulator.ledger).toHaveLength(0);
  });
});
