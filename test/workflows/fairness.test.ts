import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import type { WorkflowHandle } from '@temporalio/client';
import type { Priority } from '@temporalio/common';
import type { Server } from '../../src/client/connection.ts';
import { startRun } from '../../src/client/start-run.ts';
import type { RunInput } from '../../src/shared/types.ts';
import { distinctPicture } from '../helpers/cli.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { until } from '../helpers/until.ts';

/** 15 calls a second, far below what the server and the worker carry: the limit alone decides who waits. */
const LIMITS = '900/50000000';

let harness: Harness;
beforeEach(async () => {
  harness = await createHarness(inject('temporal'), { env: { LIMITS } });
});
afterEach(() => harness.close());

const QUESTIONS = {
  instructions: 'Look at the picture.',
  prompts: ['cars', 'people'].map((id) => ({ id, name: id, text: `How many ${id} are there?` })),
};

/** Two runs, each over `pictures` of its own, and whose the calls were that the model was sent. */
async function twoRuns(...pictures: [number, number]): Promise<{
  /** As our own command line starts a run. */
  start(run: 0 | 1, priority?: number): Promise<WorkflowHandle>;
  /** As the plain `temporal` CLI does. */
  startPlainly(run: 0 | 1, priority?: Priority): Promise<WorkflowHandle>;
  /** The run of each call, 0 or 1, in the order of their arrival. */
  calls(): number[];
}> {
  const source = await harness.pictures(pictures[0] + pictures[1], distinctPicture);
  const numbers = ([0, 1] as const).map((run) =>
    Array.from({ length: pictures[run] }, (_, n) => n + run * pictures[0]),
  );
  const owners = new Map(numbers.flatMap((ns, run) => ns.map((n) => [sha256Of(n), run])));
  const inputOf = (run: number): RunInput & { results: string } => ({
    source,
    prompts: QUESTIONS,
    // The second run's 12 pictures all wait at once; of the first as many and a few more, which is all it takes.
    concurrency: 16,
    include: (numbers[run] ?? []).map((n) => `camera-${String(n).padStart(3, '0')}.jpg`),
    results: harness.config.results,
  });
  const server: Server = {
    ...{ client: harness.client, namespace: harness.config.namespace, taskQueue: harness.config.taskQueue },
    ...{ label: '', engine: null, webUi: () => null, close: () => Promise.resolve() },
  };
  return {
    async start(run, priority) {
      const name = `${harness.config.taskQueue}-${run}`;
      const options = {
        simulated: true,
        priority: priority ?? null,
        now: Date.now(),
        calledAs: 'image-analysis',
      };
      const { workflowId } = await startRun(server, { ...inputOf(run), name }, options);
      return harness.client.workflow.getHandle(workflowId);
    },
    startPlainly: (run, priority) => harness.start(inputOf(run), priority),
    calls: () => harness.simulator.ledger.map(({ sha256 }) => owners.get(sha256 ?? '') ?? NaN),
  };
}

const sha256Of = (n: number): string => createHash('sha256').update(distinctPicture(n)).digest('hex');

const callsOf = (run: number, calls: readonly number[]): number => calls.filter((of) => of === run).length;

/** From the second run's first call to its last: the first run is long enough to have some left all the time. */
const overlapOf = (calls: readonly number[]): number[] =>
  calls.slice(calls.indexOf(1), calls.lastIndexOf(1) + 1);

async function endsWell(run: WorkflowHandle): Promise<void> {
  expect(await run.result()).toMatchObject({ state: 'complete' });
}

/** For the long run, of which nothing more is to be seen. */
async function giveUp(run: WorkflowHandle): Promise<void> {
  await run.cancel();
  await expect(run.result()).rejects.toThrow('cancelled');
}

describe('two runs at once', () => {
  test.each(['start', 'startPlainly'] as const)(
    'of the same priority share the limits one to one, whatever the first has queued (%s)',
    async (start) => {
      const runs = await twoRuns(60, 12);
      const first = await runs[start](0);
      await until(async () => runs.calls().length >= 5);
      await endsWell(await runs[start](1));
      await giveUp(first);

      const overlap = overlapOf(runs.calls());
      expect(callsOf(1, overlap)).toBe(24);
      expect(24 / overlap.length).toBeGreaterThan(0.45);
      expect(24 / overlap.length).toBeLessThan(0.55);
    },
  );

  test('an urgent one goes before all that the other has queued', async () => {
    const runs = await twoRuns(60, 12);
    const first = await runs.start(0);
    await until(async () => runs.calls().length >= 5);
    await endsWell(await runs.start(1, 1));
    await giveUp(first);

    const overlap = overlapOf(runs.calls());
    expect(callsOf(1, overlap)).toBe(24);
    expect(callsOf(0, overlap)).toBeLessThanOrEqual(2);
  });

  test('one that is made urgent while it runs goes before the other from then on', async () => {
    const runs = await twoRuns(60, 12);
    const first = await runs.startPlainly(0);
    await until(async () => runs.calls().length >= 5);
    const second = await runs.startPlainly(1);
    await until(async () => runs.calls().includes(1));
    const { running } = await harness.progress(second);
    for (const { workflowId } of [second, ...running]) {
      await harness.client.workflowService.updateWorkflowExecutionOptions({
        namespace: harness.config.namespace,
        workflowExecution: { workflowId },
        workflowExecutionOptions: { priority: { priorityKey: 1 } },
        updateMask: { paths: ['priority.priority_key'] },
      });
    }
    await endsWell(second);
    await giveUp(first);

    // Its first questions were queued by then, one of each picture, and keep their place.
    const overlap = overlapOf(runs.calls());
    const later = overlap.findIndex((_, at) => callsOf(1, overlap.slice(0, at)) === 15);
    expect(callsOf(1, overlap.slice(later))).toBe(9);
    expect(callsOf(0, overlap.slice(later))).toBeLessThanOrEqual(2);
  });
});

test('a key that a person gave holds for the batches too, so that runs can share one turn', async () => {
  const runs = await twoRuns(1, 1);
  const run = await runs.startPlainly(0, { fairnessKey: 'team-a', priorityKey: 4 });
  await endsWell(run);
  const batch = await harness.client.workflow.getHandle(`${run.workflowId}-batch-1`).describe();
  expect(batch.raw.workflowExecutionInfo?.priority).toMatchObject({ fairnessKey: 'team-a', priorityKey: 4 });
});
