import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createListImages } from '../../src/activities/list-images.ts';
import { readConfig } from '../../src/config.ts';
import { files } from '../../src/shared/names.ts';
import { MAX_LIMIT } from '../../src/shared/run-input.ts';
import type { Plan, RunInput } from '../../src/shared/types.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createParts, type Parts } from '../../src/worker/parts.ts';
import { plannedRun } from '../helpers/planned-run.ts';

const SAMPLES = resolve('samples');

let simulator: Simulator;
let folder: string;
let parts: Parts;
let planned: (input: Partial<RunInput>) => Promise<{ results: string; plan: string }>;

beforeEach(async () => {
  simulator = await startSimulator();
  folder = await mkdtemp(join(tmpdir(), 'plan-bounds-'));
  const settings = { OPENAI_API_KEY: 'sk-x', OPENAI_BASE_URL: simulator.url, SIMULATED: 'true' };
  const config = readConfig({ ...settings, RESULTS: join(folder, 'results') }, folder);
  parts = createParts(config);
  planned = (input) => plannedRun(config, parts, { source: SAMPLES, include: ['MARKET*.jpg'], ...input });
});

afterEach(async () => {
  await simulator.close();
  await rm(folder, { recursive: true, force: true });
});

const questions = (count: number): NonNullable<RunInput['prompts']> => ({
  instructions: 'Look.',
  prompts: Array.from({ length: count }, (_, n) => ({
    id: `q${n}`,
    name: `Q${n}`,
    text: `Is there a ${n}?`,
  })),
});

test.each([
  { count: 6, batchSize: 4 },
  { count: 50, batchSize: 4 },
  { count: 51, batchSize: 3 },
  { count: 100, batchSize: 2 },
])('of $count questions a batch has $batchSize pictures by itself', async ({ count, batchSize }) => {
  const { results } = await planned({ prompts: questions(count) });
  const plan = JSON.parse(await readFile(join(results, files.run), 'utf8')) as Plan;
  expect(plan.batchSize).toBe(batchSize);
});

test('more questions in a batch than a payload takes are refused, with the number that fits', async () => {
  await expect(planned({ prompts: questions(50), batchSize: 5 })).rejects.toThrow(
    'batchSize: 5 pictures of 50 questions are too many for one batch; use 4 or fewer',
  );
});

test('a source of more pictures than a run may have fails when the page that is too much is listed', async () => {
  const place = await planned({});
  const list = createListImages(parts);
  const page = (found: number) =>
    new MockActivityEnvironment().run(list, { ...place, page: 1, cursor: null, max: 10, found });
  await expect(page(MAX_LIMIT)).rejects.toThrow('has more than 10000000 pictures');
  await expect(page(MAX_LIMIT - 1)).resolves.toMatchObject({ images: 1 });
});
