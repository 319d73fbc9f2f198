import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { expect, inject, test, vi } from 'vitest';
import type { RunResult } from '../../src/shared/types.ts';
import { distinctPicture } from '../helpers/cli.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { until } from '../helpers/until.ts';

// A quiet batch is looked up after a minute; side by side on a busy machine that takes its time.
vi.setConfig({ testTimeout: 420_000 });

const PICTURES = 12;
const QUESTIONS = 6 * PICTURES;

type Run = WorkflowHandle<() => Promise<RunResult>>;
type Point = 'FirstWorkflowTask' | 'an event in the middle' | 'LastWorkflowTask';

/** As `temporal workflow reset` does. Returns a handle of the new execution. */
async function reset(harness: Harness, workflowId: string, point: Point): Promise<Run> {
  const { events } = await harness.client.workflow.getHandle(workflowId).fetchHistory();
  const completed = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
  const at = { FirstWorkflowTask: 0, LastWorkflowTask: -1 }[point as string] ?? completed.length >> 1;
  const { runId } = await harness.client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId },
    reason: 'by hand',
    requestId: randomUUID(),
    workflowTaskFinishEventId: completed.at(at)?.eventId ?? null,
  });
  return harness.client.workflow.getHandle<() => Promise<RunResult>>(workflowId, runId);
}

/** Starts a run of 12 pictures in three batches, and waits until about a third is answered. */
async function begun(): Promise<{ harness: Harness; run: Run }> {
  const harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 250 } } });
  const source = await harness.pictures(PICTURES, distinctPicture);
  const run = await harness.start({ source, concurrency: 8, name: 'run' });
  await until(async () => harness.simulator.ledger.length >= QUESTIONS / 3);
  return { harness, run };
}

/** The run is complete, and no answer that reached a worker was asked again. */
async function expectComplete(harness: Harness, run: Run): Promise<void> {
  const result = await run.result();
  expect(result).toMatchObject({ state: 'complete', images: PICTURES });
  expect(result.counts).toMatchObject({ answered: QUESTIONS, failed: 0, images: PICTURES });
  const { images } = await harness.results(result.run);
  const answers = images.flatMap((image) => Object.values(image.answers));
  expect(answers).toHaveLength(QUESTIONS);
  expect(answers.every((answer) => 'description' in answer)).toBe(true);
  const given = harness.simulator.ledger
    .filter(({ delivered, status }) => delivered === true && status === 200)
    .map(({ sha256, questionSha256 }) => `${sha256} ${questionSha256}`);
  expect(new Set(given).size).toBe(QUESTIONS);
  expect(given).toHaveLength(QUESTIONS);
}

const POINTS: Point[] = ['FirstWorkflowTask', 'an event in the middle', 'LastWorkflowTask'];

test.concurrent.for(POINTS)('a running run that is reset to %s', async (point) => {
  const { harness, run } = await begun();
  await expectComplete(harness, await reset(harness, run.workflowId, point));
  await harness.close();
});

test.concurrent.for(POINTS)('a run that has ended is reset to %s', async (point) => {
  const { harness, run } = await begun();
  await run.result();
  await expectComplete(harness, await reset(harness, run.workflowId, point));
  await harness.close();
});

test.concurrent.for(POINTS)('a run that was terminated with its batches is reset to %s', async (point) => {
  const { harness, run } = await begun();
  await run.terminate('by hand');
  await new Promise((done) => setTimeout(done, 2_000));
  await expectComplete(harness, await reset(harness, run.workflowId, point));
  await harness.close();
});

test.concurrent('a run whose workers were away while it was terminated and reset', async () => {
  const { harness, run } = await begun();
  await harness.stopWorker();
  await run.terminate('by hand');
  const again = await reset(harness, run.workflowId, 'LastWorkflowTask');
  await harness.startWorker();
  await expectComplete(harness, again);
  await harness.close();
});

test.concurrent(
  'without the answer store history is enough: a reset run asks again only what was open',
  async () => {
    const { harness, run } = await begun();
    const again = await reset(harness, run.workflowId, 'FirstWorkflowTask');
    await rm(harness.config.answers, { recursive: true });
    expect(await again.result()).toMatchObject({ state: 'complete', counts: { answered: QUESTIONS } });
    expect(harness.simulator.ledger.length).toBeLessThanOrEqual(QUESTIONS + 8);
    await harness.close();
  },
);

test.concurrent(
  'a batch that was reset by hand, while its run is resumed, hears what the run hears',
  async () => {
    const { harness, run } = await begun();
    await run.terminate('by hand');
    await new Promise((done) => setTimeout(done, 2_000));
    harness.simulator.setKeys(['sk-another']);
    await reset(harness, `${run.workflowId}-batch-1`, 'FirstWorkflowTask');
    harness.simulator.setKeys(null);
    const resumed = await harness.client.workflow.start<(input: object) => Promise<RunResult>>(
      'analyzeImages',
      {
        workflowId: run.workflowId,
        taskQueue: harness.config.taskQueue,
        args: [{ resumeOf: 'run' }],
      },
    );
    await expectComplete(harness, resumed);
    await harness.close();
  },
);

test.concurrent.for(POINTS)('a batch that runs is reset to %s', async (point) => {
  const { harness, run } = await begun();
  await reset(harness, `${run.workflowId}-batch-1`, point);
  await expectComplete(harness, run);
  await harness.close();
});

test.concurrent('a batch is reset when its run has ended', async () => {
  const { harness, run } = await begun();
  await run.result();
  const batch = await reset(harness, `${run.workflowId}-batch-2`, 'FirstWorkflowTask');
  await batch.result();
  await expectComplete(harness, run);
  await harness.close();
});
