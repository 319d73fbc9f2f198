import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { afterEach, expect, inject, test } from 'vitest';
import type { ResumeInput, RunInput, RunResult } from '../../src/shared/types.ts';
import { distinctPicture } from '../helpers/cli.ts';
import { failureOf } from '../helpers/history.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { until } from '../helpers/until.ts';

type Run = WorkflowHandle<() => Promise<RunResult>>;

const PICTURES = 6;
const QUESTIONS = 6 * PICTURES;

const QUESTION = {
  id: 'pothole-detection',
  name: 'Pothole Detection',
  text: 'Are there potholes in the road?',
};

let harness: Harness;
afterEach(() => harness.close());

const create = (simulator: Parameters<typeof createHarness>[1] = {}): Promise<void> =>
  createHarness(inject('temporal'), simulator).then((made) => {
    harness = made;
  });

const begin = async (input: Partial<RunInput> = {}): Promise<Run> =>
  harness.start({ source: await harness.pictures(PICTURES, distinctPicture), name: 'first', ...input });

/** As `temporal workflow start --workflow-id … --input '{"resumeOf":"first"}'` does. */
const resume = ({ workflowId }: Run, retry: Omit<ResumeInput, 'resumeOf'> = {}): Promise<Run> =>
  harness.client.workflow.start<(input: ResumeInput) => Promise<RunResult>>('analyzeImages', {
    workflowId,
    taskQueue: harness.config.taskQueue,
    args: [{ resumeOf: 'first', ...retry }],
  });

const asked = (n: number) => until(async () => harness.simulator.ledger.length >= n);
const calls = (): number => harness.simulator.ledger.length;
const undelivered = (): number =>
  harness.simulator.ledger.filter(({ delivered }) => delivered !== true).length;

async function expectWhole(run: Run): Promise<void> {
  const result = await run.result();
  expect(result).toMatchObject({ run: 'first', state: 'complete', images: PICTURES });
  expect(result.counts).toMatchObject({ answered: QUESTIONS, failed: 0, images: PICTURES, recalled: 0 });
  const results = await harness.results('first');
  expect(results.state).toBe('complete');
  expect(results.images).toHaveLength(PICTURES);
  const answers = results.images.flatMap((image) => Object.values(image.answers));
  expect(answers.filter((answer) => 'description' in answer)).toHaveLength(QUESTIONS);
  // What it cost is what the provider has billed for answers that arrived.
  const billed = harness.simulator.ledger
    .filter(({ delivered }) => delivered === true)
    .reduce((sum, { usage }) => sum + (usage?.totalTokens ?? 0), 0);
  const { inputTokens, outputTokens, discardedTokens } = result.counts;
  expect(inputTokens + outputTokens + discardedTokens).toBe(billed);
}

test('a run that was terminated goes on under its own ID, and pays for nothing twice', async () => {
  await create({ simulator: { latency: { medianMs: 250 } } });
  const run = await begin({ concurrency: 8 });
  await asked(QUESTIONS / 2);
  await run.terminate('by hand');
  await new Promise((done) => setTimeout(done, 1_500));
  await expectWhole(await resume(run));
  expect(calls()).toBe(QUESTIONS + undelivered());
});

test('without the answer store its history is enough: only calls that were open are asked again', async () => {
  await create({ simulator: { latency: { medianMs: 250 } } });
  const run = await begin({ concurrency: 8 });
  await asked(QUESTIONS / 2);
  const open = undelivered();
  await run.terminate('by hand');
  await new Promise((done) => setTimeout(done, 1_500));
  const before = calls();
  await rm(harness.config.answers, { recursive: true });
  const result = await (await resume(run)).result();
  expect(result).toMatchObject({ state: 'complete', counts: { answered: QUESTIONS, recalled: 0 } });
  expect(calls()).toBeLessThanOrEqual(QUESTIONS + Math.max(open, 6));
  expect(calls() - before).toBeLessThanOrEqual(QUESTIONS / 2 + 6);
});

test('a run that was terminated before its batches had begun, with its store and server gone, goes on all the same', async () => {
  await create({ simulator: { latency: { medianMs: 250 } } });
  const run = await begin({ concurrency: 8 });
  await asked(1);
  await harness.stopWorker();
  await run.terminate('by hand');
  await new Promise((done) => setTimeout(done, 1_500));
  await harness.client.workflowService.deleteWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: `${run.workflowId}-batch-1` },
  });
  await harness.startWorker();
  await rm(harness.config.answers, { recursive: true });
  const result = await (await resume(run)).result();
  expect(result).toMatchObject({ state: 'complete', counts: { answered: QUESTIONS, failed: 0 } });
});

test('a cancelled run is closed within 15 seconds although a call hangs, and goes on later', async () => {
  await create({
    simulator: { latency: { medianMs: 200 }, faults: [{ kind: 'hang-before', from: 18, count: 1 }] },
  });
  const run = await begin({ concurrency: 8 });
  await asked(QUESTIONS / 2);
  const cancelledAt = Date.now();
  await run.cancel();
  await new Promise((done) => setTimeout(done, 2_000));
  const soon = calls();
  await expect(run.result()).rejects.toThrow(WorkflowFailedError);
  expect(Date.now() - cancelledAt).toBeLessThan(15_000);
  expect((await run.describe()).status.name).toBe('CANCELLED');
  expect(calls()).toBe(soon);
  const results = await harness.results('first');
  expect(results).toMatchObject({ state: 'cancelled', totals: { possiblyPaid: 1 } });
  expect(results.totals.answered).toBe(soon - 1);
  await expectWhole(await resume(run));
  expect(calls()).toBe(QUESTIONS + 1);
});

test('answers that failed are asked again, refused ones only when that is wanted, of some pictures only where named', async () => {
  // One after the other: the refused question is asked twice.
  await create({
    simulator: {
      latency: { medianMs: 20 },
      faults: [
        { kind: 'refusal', from: 2, count: 2 },
        { kind: 'content-filter', from: 9, count: 2 },
        { kind: 'malformed-json', from: 20, count: 4 },
      ],
    },
  });
  const run = await begin({ batchSize: 1, concurrency: 1 });
  const first = await run.result();
  expect(first).toMatchObject({ state: 'incomplete', counts: { answered: QUESTIONS - 4 } });
  expect(first.counts.failures).toEqual({ Refused: 2, InvalidAnswer: 2 });
  const failed = (await harness.results('first')).images
    .filter((image) => Object.values(image.answers).some((a) => 'error' in a && a.error.kind !== 'Refused'))
    .map(({ name }) => name);
  let before = calls();

  const one = await (await resume(run, { only: failed.slice(0, 1) })).result();
  expect(calls()).toBeGreaterThan(before);
  expect(one.counts.failures).toMatchObject({ Refused: 2 });
  before = calls();
  const rest = await (await resume(run)).result();
  expect(rest.counts.failures).toEqual({ Refused: 2 });
  expect(calls() - before).toBe(one.counts.failed - 2);

  before = calls();
  await expectWhole(await resume(run, { refused: true }));
  expect(calls()).toBe(before + 2);

  before = calls();
  await expectWhole(await resume(run));
  expect(calls()).toBe(before);
});

test('a running run asks again what failed when it is told to, and says why when it cannot', async () => {
  await create({
    simulator: {
      latency: { medianMs: 400 },
      faults: [{ kind: 'malformed-json', from: 3, count: 2 }],
    },
  });
  const run = await begin({ batchSize: 1, concurrency: 1 });
  await asked(2);
  const retry = (which: object): Promise<string> =>
    run.executeUpdate<string, [object]>('retryFailed', { args: [which] });
  const refusal = async (which: object): Promise<string> =>
    retry(which).catch((err: unknown) => String((err as Error).cause));
  expect(await refusal({ refuse: true })).toContain('known are refused, only');
  expect(await refusal({})).toContain('no question that failed');
  await until(async () => (await harness.progress(run)).batchesDone >= 1);
  expect(await retry({})).toMatch(/1 batch starts again/);
  const result = await run.result();
  expect(result).toMatchObject({ state: 'complete', counts: { images: PICTURES, failed: 0 } });
  expect(result.counts).toMatchObject({ answered: QUESTIONS, imagesComplete: PICTURES, failures: {} });
  expect((await harness.results('first')).totals).toMatchObject({ answered: QUESTIONS, found: PICTURES });
});

test('the same pictures cost nothing the second time, a changed question its share, and all of it when asked afresh', async () => {
  await create();
  const source = await harness.pictures(PICTURES, distinctPicture);
  const prompts = (text: string): NonNullable<RunInput['prompts']> => ({
    instructions: 'Look at the picture.',
    prompts: [QUESTION, { id: 'crowd-detection', name: 'Crowd Detection', text }],
  });
  const ask = async (name: string, more: Partial<RunInput> = {}): Promise<RunResult> =>
    (await harness.start({ source, name, prompts: prompts('Is there a crowd?'), ...more })).result();

  expect((await ask('first')).counts).toMatchObject({ answered: 12, recalled: 0 });
  expect(calls()).toBe(12);
  const second = await ask('second');
  expect(second.counts).toMatchObject({ answered: 12, recalled: 12, charged: 0, inputTokens: 0, tries: 0 });
  expect(calls()).toBe(12);
  const [image] = (await harness.results('second')).images;
  expect(image?.answers['crowd-detection']).toMatchObject({ recalledFrom: 'first' });
  const third = await ask('third', { prompts: prompts('Is there a crowd of people?') });
  expect(third.counts).toMatchObject({ answered: 12, recalled: 6 });
  expect(calls()).toBe(18);
  expect((await ask('fourth', { fresh: true })).counts).toMatchObject({ answered: 12, recalled: 0 });
  expect(calls()).toBe(30);
});

test('what cannot go on says why, before anything is asked', async () => {
  await create();
  const run = await begin();
  await run.result();
  const asked = calls();
  const elsewhere = { workflowId: `${run.workflowId}-2` } as Run;
  expect(await failureOf(await resume(elsewhere))).toContain(`--workflow-id ${run.workflowId}`);
  expect(await failureOf(await resume(run, { only: ['camera-999.jpg'] }))).toContain(
    'no picture "camera-999.jpg"',
  );
  expect(await failureOf(await resume(run, { results: '/nowhere/results' }))).toContain('holds no run');
  const unknown = { ...run, results: harness.config.results, source: '/pictures' };
  expect(await failureOf(await resume(run, { source: unknown.source } as object))).toContain('source');
  expect(calls()).toBe(asked);
});

test('somebody is told once when a run blocks, ends, or cannot begin', async () => {
  const told: { event: string; reason: string | null; answered: number }[] = [];
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      told.push(JSON.parse(Buffer.concat(chunks).toString()) as (typeof told)[number]);
      response.end();
    });
  });
  await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done));
  const notify = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/told`;
  await create({ simulator: { latency: { medianMs: 100 } } });
  const run = await begin({ notify });
  await asked(8);
  harness.simulator.setKeys(['sk-another']);
  await until(async () => told.length > 0);
  expect((await harness.progress(run)).state).toBe('blocked');
  harness.simulator.setKeys(null);
  await run.executeUpdate('resume');
  await expectWhole(run);
  expect(await failureOf(await begin({ notify, name: 'second', source: '/nowhere' }))).toContain('/nowhere');
  expect(told.map(({ event }) => event)).toEqual(['blocked', 'complete', 'failed']);
  expect(told[0]?.reason).toMatch(/API key/);
  expect(told[1]?.answered).toBe(QUESTIONS);
  expect(told[2]?.reason).toContain('/nowhere');
  receiver.close();
});
