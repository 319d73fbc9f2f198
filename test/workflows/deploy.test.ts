import { fileURLToPath } from 'node:url';
import type { WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from '@temporalio/worker';
import { afterEach, beforeAll, expect, inject, test } from 'vitest';
import type { RunResult } from '../../src/shared/types.ts';
import { distinctPicture } from '../helpers/cli.ts';
import { WORKFLOWS } from '../helpers/replay.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { until } from '../helpers/until.ts';

type Run = WorkflowHandle<() => Promise<RunResult>>;

const PICTURES = 8;
const QUESTIONS = 6 * PICTURES;

const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

let older: WorkflowBundle;
beforeAll(async () => {
  older = await bundleWorkflowCode({
    workflowsPath: WORKFLOWS,
    logger: new DefaultLogger('ERROR', () => {}),
    webpackConfigHook: (config) => ({
      ...config,
      resolve: {
        ...config.resolve,
        alias: {
          ...config.resolve?.alias,
          [pathOf('../../src/workflows/changes.ts')]: pathOf('../helpers/older-changes.ts'),
        },
      },
    }),
  });
});

let harness: Harness;
afterEach(() => harness.close());

/** Starts a run of four batches, and stops its worker when a third is answered: calls in flight end and are recorded. */
async function interrupted(workflows?: WorkflowBundle): Promise<Run> {
  harness = await createHarness(inject('temporal'), {
    simulator: { latency: { medianMs: 200 } },
    ...(workflows === undefined ? {} : { workflows }),
  });
  const source = await harness.pictures(PICTURES, distinctPicture);
  const run = await harness.start({ source, batchSize: 2, concurrency: 4 });
  await until(async () => harness.simulator.ledger.length >= QUESTIONS / 3);
  await harness.stopWorker();
  return run;
}

async function eventsOf(run: Run): Promise<{ changes: number; refusals: string[] }> {
  const events = (await run.fetchHistory()).events ?? [];
  return {
    changes: events.filter((event) => event.markerRecordedEventAttributes).length,
    refusals: events.flatMap((event) => event.workflowTaskFailedEventAttributes?.failure?.message ?? []),
  };
}

async function expectEachAskedOnce(run: Run): Promise<void> {
  const result = await run.result();
  expect(result).toMatchObject({ state: 'complete', images: PICTURES });
  expect(result.counts).toMatchObject({ answered: QUESTIONS, failed: 0, tries: QUESTIONS });
  expect(harness.simulator.ledger).toHaveLength(QUESTIONS);
}

test('this build finishes what the older one began, as the older one would', async () => {
  const run = await interrupted(older);
  await harness.startWorker();
  await expectEachAskedOnce(run);
  expect(await eventsOf(run)).toEqual({ changes: 0, refusals: [] });
});

test('the older build refuses a run of this one and loses nothing; it goes on when this one is back', async () => {
  const run = await interrupted();
  const before = await eventsOf(run);
  expect(before.changes).toBeGreaterThan(0);
  expect(before.refusals).toEqual([]);
  await harness.startWorker(older);
  const [refusal] = await until(async () => {
    const { refusals } = await eventsOf(run);
    return refusals.length > 0 && refusals;
  });
  expect(refusal).toMatch(/\[TMPRL1100\].*watch-window/);
  expect((await run.describe()).status.name).toBe('RUNNING');
  await harness.stopWorker();
  await harness.startWorker();
  await expectEachAskedOnce(run);
});
