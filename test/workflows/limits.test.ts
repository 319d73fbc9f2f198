import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { changeLimits, storedLimits } from '../../src/client/limits.ts';
import { ACCOUNT_LIMITS, limitsWorkflowIdOf, modelQueueOf } from '../../src/shared/names.ts';
import type { LimitSettings } from '../../src/shared/types.ts';
import { followStoredLimits } from '../../src/worker/stored-limits.ts';
import { failureOf } from '../helpers/history.ts';
import { runHere } from '../helpers/program.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { startTemporal } from '../helpers/temporal-server.ts';
import { until } from '../helpers/until.ts';

/** What the issue promises of a change. */
const FELT_MS = 5_000;

const OWN: LimitSettings = { requestsPerMinute: 50_000, tokensPerMinute: 50_000_000 };
const TOLD: LimitSettings = { requestsPerMinute: 480, tokensPerMinute: 28_000 };
const AUTO: LimitSettings = { requestsPerMinute: 'auto', tokensPerMinute: 'auto' };

let harness: Harness;
let connection: NativeConnection;
const following: (() => void)[] = [];

beforeEach(async () => {
  harness = await createHarness(inject('temporal'));
  connection = await NativeConnection.connect({ address: inject('temporal').address });
});
afterEach(async () => {
  following.splice(0).forEach((stop) => stop());
  await connection.close();
  await harness.close();
});

const server = () => ({
  client: harness.client,
  namespace: inject('temporal').namespace,
  taskQueue: harness.config.taskQueue,
});
const modelQueue = (): string => modelQueueOf(harness.config.taskQueue, harness.config.account);
const holder = () => harness.client.workflow.getHandle(limitsWorkflowIdOf(modelQueue()));
const set = (asked: Partial<LimitSettings>) => changeLimits(server(), harness.config, asked);
const stored = () => storedLimits(server(), harness.config);

/** A worker's follower, with what it was told and from where. */
async function follower(): Promise<{ settings: LimitSettings; storedAt: string }[]> {
  const told: { settings: LimitSettings; storedAt: string }[] = [];
  following.push(
    await followStoredLimits({
      client: new Client({ connection, namespace: inject('temporal').namespace }),
      modelQueue: modelQueue(),
      own: OWN,
      change: (settings, storedAt) => told.push({ settings, storedAt }),
    }),
  );
  return told;
}

test('a change is felt by every worker within five seconds, and so is auto, and the end of what was stored', async () => {
  const [first, second] = [await follower(), await follower()];
  const told: { settings: LimitSettings; storedAt: string }[] = [];
  const felt = async (settings: LimitSettings, storedAt: string, act: () => Promise<unknown>) => {
    await act();
    const done = Date.now();
    told.push({ settings, storedAt });
    await until(async () => [first, second].every((seen) => seen.length === told.length), FELT_MS);
    expect(Date.now() - done).toBeLessThan(FELT_MS);
    expect([first, second]).toEqual([told, told]);
  };
  expect([first, second]).toEqual([[], []]);
  await felt(TOLD, 'account', () => set(TOLD));
  await felt(AUTO, 'account', () => set(AUTO));
  await felt(OWN, 'worker', () => holder().terminate('by hand'));
});

test('a cancel ends what was stored, and it can be set again', async () => {
  await set(TOLD);
  await holder().cancel();
  await until(async () => (await stored()) === null, FELT_MS);
  await set(AUTO);
  expect(await stored()).toEqual(AUTO);
});

test('a server that does not answer changes nothing', async () => {
  const nobody = new Client({ connection: Connection.lazy({ address: '127.0.0.1:1' }) });
  const told: LimitSettings[] = [];
  const change = (settings: LimitSettings): void => void told.push(settings);
  following.push(await followStoredLimits({ client: nobody, modelQueue: modelQueue(), own: OWN, change }));
  expect(told).toEqual([]);
});

test('what is stored is known before a worker asks for the first time', async () => {
  await set(TOLD);
  expect(await follower()).toEqual([{ settings: TOLD, storedAt: 'account' }]);
});

describe('a change', () => {
  test('tells what was stored before; what is not asked stays, or is as the command has it', async () => {
    expect(await set({ requestsPerMinute: 480 })).toMatchObject({
      before: null,
      after: { requestsPerMinute: 480, tokensPerMinute: 50_000_000 },
    });
    expect(await set({ tokensPerMinute: 28_000 })).toMatchObject({
      before: { requestsPerMinute: 480, tokensPerMinute: 50_000_000 },
      after: TOLD,
    });
    const { runId } = await holder().describe();
    expect(await set(TOLD)).toEqual({ before: TOLD, after: TOLD, workerIsBehind: false });
    expect((await holder().describe()).runId).toBe(runId);
  });

  test('below one call is refused, and nothing is stored', async () => {
    await expect(set({ tokensPerMinute: 300 })).rejects.toThrow('too few for one call, which reserves 300');
    expect(await stored()).toBeNull();
  });

  test('needs no worker, and a worker that starts begins with it', async () => {
    await set(TOLD);
    await harness.stopWorker();
    expect(await stored()).toEqual(TOLD);
    await set({ requestsPerMinute: 'auto' });
    expect(await stored()).toEqual({ ...TOLD, requestsPerMinute: 'auto' });
    await harness.startWorker();
    await set(AUTO);
    expect(await stored()).toEqual(AUTO);
  });
});

test('a signal that tells no limits changes nothing; one by hand does, and the Web UI shows it', async () => {
  await set(TOLD);
  for (const wrong of ['auto', { requestsPerMinute: 0, tokensPerMinute: 5 }, null]) {
    await holder().signal('setLimits', wrong);
  }
  await holder().signal('setLimits');
  await holder().signal('setLimits', AUTO);
  await until(async () => (await stored())?.tokensPerMinute === 'auto', FELT_MS);
  const { status, memo } = await holder().describe();
  expect({ status: status.name, memo }).toEqual({ status: 'RUNNING', memo: { limits: AUTO } });
  const details = await holder().query<string>('__temporal_workflow_metadata');
  expect(JSON.stringify(details)).toContain('auto: what the provider says');
});

test('a start by hand with an input that is none fails and stores nothing', async () => {
  const handle = await harness.client.workflow.start(ACCOUNT_LIMITS, {
    taskQueue: harness.config.taskQueue,
    workflowId: limitsWorkflowIdOf(modelQueue()),
    args: [{ modelQueue: modelQueue(), limits: 480 }],
  });
  expect(await failureOf(handle)).toContain('give { modelQueue, limits:');
  expect(await stored()).toBeNull();
});

describe('the command, against a server of somebody', () => {
  const command = (args: string[], env: Record<string, string> = {}) =>
    runHere(harness.folder, ['limits', ...args, '--address', inject('temporal').address], {
      SIMULATED: 'true',
      TEMPORAL_NAMESPACE: inject('temporal').namespace,
      TASK_QUEUE: harness.config.taskQueue,
      ...env,
    });

  test('shows what is stored and what holds, and sets it while a run goes on', async () => {
    expect((await command([])).out).toMatch(/^Stored +nothing$/m);
    const handle = await harness.start({ source: await harness.pictures(8), concurrency: 1 });
    const name = handle.workflowId.replace(/^image-analysis-/, '');
    await until(async () => (await command([])).out.includes(`Runs       ${name}: under way`));
    // Not before the run has its plan.
    await until(async () =>
      /^Now +50,000 requests and 50,000,000 tokens a minute, as told \(run/m.test((await command([])).out),
    );
    const { status, out } = await command(['--rpm', '900', '--tpm', '9000000']);
    expect(status).toBe(0);
    expect(out).toMatch(
      /^Changed +nothing stored \(a worker's own: auto\) → 900 requests and 9,000,000 tokens/m,
    );
    expect(out).toMatch(/^Felt +by every worker within five seconds$/m);
    expect(JSON.parse((await command(['auto', '--json'])).out)).toMatchObject({
      modelQueue: modelQueue(),
      before: { requestsPerMinute: 900, tokensPerMinute: 9_000_000 },
      stored: AUTO,
      own: AUTO,
      holds: AUTO,
      workers: true,
    });
    await handle.terminate();
  });

  test('says when it will be felt where no worker runs', async () => {
    const { out } = await command(['--rpm', '900'], { TASK_QUEUE: `${harness.config.taskQueue}-idle` });
    expect(out).toMatch(/^Stored +900 requests a minute, tokens auto$/m);
    expect(out).toMatch(/^Felt +as soon as a worker starts; none runs now$/m);
  });
});

test('what is stored outlives a history that has grown long', async () => {
  const own = await startTemporal({ dynamicConfig: ['limit.historyCount.suggestContinueAsNew=20'] });
  const there = await createHarness(own);
  try {
    const place = { ...own, client: there.client, taskQueue: there.config.taskQueue };
    const id = limitsWorkflowIdOf(modelQueueOf(there.config.taskQueue, there.config.account));
    const describe = () => there.client.workflow.getHandle(id).describe();
    await changeLimits(place, there.config, TOLD);
    const first = (await describe()).runId;
    for (let tokensPerMinute = 1_001; tokensPerMinute <= 1_010; tokensPerMinute += 1) {
      await changeLimits(place, there.config, { tokensPerMinute });
    }
    const { runId, status, memo } = await describe();
    expect(runId).not.toBe(first);
    expect(status.name).toBe('RUNNING');
    expect(memo).toEqual({ limits: { ...TOLD, tokensPerMinute: 1_010 } });
  } finally {
    await there.close();
    await own.close();
  }
});
