import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { environmentOf } from '../../src/config.ts';
import { modelQueueOf } from '../../src/shared/names.ts';
import { type Diagnosis, doctor, expectOnlyWrong, inState } from '../helpers/doctor.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { startTemporal } from '../helpers/temporal-server.ts';
import { until } from '../helpers/until.ts';

const server = inject('temporal');

let harness: Harness;
beforeEach(async () => {
  harness = await createHarness(server);
});
afterEach(() => harness.close());

const examine = async (env: Record<string, string> = {}): Promise<Diagnosis> =>
  doctor(harness.folder, { ...environmentOf(harness.config), ...env }, [await harness.pictures(1)]);

/** The server notes a worker's poll at its start, which may be a moment away. */
const polled = () => until(async () => (await examine()).checks.get('workers')?.state === 'ok');

test('a server with its worker is in order, and is left as it was', async () => {
  await polled();
  const diagnosis = await examine();
  expect(inState(diagnosis, 'wrong')).toEqual([]);
  expect(inState(diagnosis, 'ok')).toEqual(
    expect.arrayContaining(['temporal', 'namespace', 'search-attributes', 'model-queue', 'workers']),
  );
  expect(diagnosis.checks.get('workers')?.found).toMatch(/^1 worker polled test-/);
  expect(diagnosis.status).toBe(0);

  const { workflowService } = harness.client;
  const queue = modelQueueOf(harness.config.taskQueue, harness.config.account);
  for (const taskQueueType of [1, 2]) {
    const { config } = await workflowService.describeTaskQueue({
      namespace: server.namespace,
      taskQueue: { name: queue },
      taskQueueType,
      reportConfig: true,
    });
    // Of the activities' queue its worker sets and removes one.
    if (taskQueueType === 1) expect(config?.queueRateLimit?.rateLimit ?? null).toBeNull();
    expect(config?.queueRateLimit?.metadata?.reason ?? '').not.toMatch(/doctor/);
  }
});

test('a namespace that is not there', async () => {
  const diagnosis = await examine({ TEMPORAL_NAMESPACE: 'nowhere' });
  expectOnlyWrong(
    diagnosis,
    'namespace',
    /no namespace "nowhere"/,
    /TEMPORAL_NAMESPACE.*temporal operator namespace create --namespace nowhere .*--address 127/,
  );
  expect(diagnosis.checks.get('workers')?.state).toBe('skipped');
});

test('a namespace without our search attributes, and without a worker', async () => {
  const namespace = `bare-${Math.random().toString(36).slice(2)}`;
  await harness.client.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  const env = { TEMPORAL_NAMESPACE: namespace };
  // A new namespace is known everywhere within some seconds.
  await until(async () => (await examine(env)).checks.get('search-attributes')?.state === 'wrong');
  const diagnosis = await examine(env);
  expect(inState(diagnosis, 'wrong')).toEqual(['search-attributes', 'workers']);
  expect(diagnosis.checks.get('search-attributes')?.remedy).toMatch(
    /search-attribute create --namespace bare-\w+ --name ImageAnalysisRun --type Keyword .*--type Bool/,
  );
});

test('no worker', async () => {
  const diagnosis = await examine({ TASK_QUEUE: `idle-${Math.random().toString(36).slice(2)}` });
  expectOnlyWrong(
    diagnosis,
    'workers',
    /^No worker polls idle-/,
    /same TASK_QUEUE: `TEMPORAL_ADDRESS=127\S+ image-analysis worker`/,
  );
});

test('workers of another account', async () => {
  await polled();
  const diagnosis = await examine({ ACCOUNT: 'another' });
  expectOnlyWrong(diagnosis, 'workers', /none polls .*another/, /same ACCOUNT and OPENAI_BASE_URL/);
});

test('a model queue of several partitions is told of', async () => {
  const four = ['matching.numTaskqueueReadPartitions=4', 'matching.numTaskqueueWritePartitions=4'];
  const other = await startTemporal({ dynamicConfig: four });
  try {
    const diagnosis = await examine({ TEMPORAL_ADDRESS: other.address });
    expect(diagnosis.checks.get('model-queue')).toMatchObject({ state: 'warn' });
    expect(diagnosis.checks.get('model-queue')?.found).toMatch(/has 4 partitions/);
    expect(diagnosis.checks.get('model-queue')?.remedy).toMatch(/numTaskqueueReadPartitions=1/);
  } finally {
    await other.close();
  }
});

test('what the check of the rate sends is refused, whatever the queue', async () => {
  const connection = await Connection.connect({ address: server.address });
  try {
    const sent = connection.workflowService.updateTaskQueueConfig({
      namespace: server.namespace,
      taskQueue: `refused-${Math.random().toString(36).slice(2)}`,
      taskQueueType: 1,
      updateQueueRateLimit: { rateLimit: { requestsPerSecond: -1 }, reason: 'a test' },
    });
    // INVALID_ARGUMENT
    await expect(sent).rejects.toMatchObject({ code: 3 });
  } finally {
    await connection.close();
  }
});
