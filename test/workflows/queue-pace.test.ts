import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import pino from 'pino';
import { afterEach, expect, inject, test, vi } from 'vitest';
import type { AccountPace, Refusal } from '../../src/worker/queue-decision.ts';
import { paceQueue } from '../../src/worker/queue-pace.ts';
import { startTemporal } from '../helpers/temporal-server.ts';
import { until } from '../helpers/until.ts';

Runtime.install({ logger: new DefaultLogger('ERROR', () => {}) });

/** 8 calls a second: far more requests are allowed than the tokens are enough for. */
const EIGHT: AccountPace = { perMinute: { requests: 6_000, tokens: 672_000 }, tokensPerCall: 1_400 };
const FOUR: AccountPace = { ...EIGHT, tokensPerCall: 2_800 };

/** gRPC's status of a call that was aborted. */
const CANCELLED = 1;

type Pace = Parameters<typeof paceQueue>[0];
type Connected = Pace['connection'];

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const { address } = inject('temporal');

async function connect(at = address): Promise<NativeConnection> {
  const connection = await NativeConnection.connect({ address: at });
  cleanups.push(() => connection.close());
  return connection;
}

const newQueue = (): string => `pace-${Math.random().toString(36).slice(2)}`;

/** The queue as `temporal task-queue config get` shows it. */
async function queueRate(
  { workflowService }: Connected,
  queue: string,
): Promise<{ rate: number | null; reason: string }> {
  const { config } = await workflowService.describeTaskQueue({
    namespace: 'default',
    taskQueue: { name: queue },
    taskQueueType: 2,
    reportConfig: true,
  });
  const { rateLimit, metadata } = config?.queueRateLimit ?? {};
  return { rate: rateLimit?.requestsPerSecond ?? null, reason: metadata?.reason ?? '' };
}

/** A poll that ends with its caller: the server then counts `identity` among those that poll, although it is gone. */
async function poll(address: string, queue: string, identity: string): Promise<void> {
  const connection = await Connection.connect({ address });
  const ending = new AbortController();
  const { workflowService } = connection;
  const request = { namespace: 'default', taskQueue: { name: queue }, identity };
  const polling = connection.withDeadline(Date.now() + 60_000, () =>
    connection.withAbortSignal(ending.signal, () => workflowService.pollActivityTaskQueue(request)),
  );
  setTimeout(() => {
    ending.abort();
  }, 200);
  await expect(polling).rejects.toMatchObject({ code: CANCELLED });
  await connection.close();
}

/** Paces for a worker named `identity`, and tells what it said and shared. */
async function pace(
  connection: Connected,
  queue: string,
  identity: string,
  options: Partial<Pace> = {},
): Promise<{ shares: number[]; warnings: string[] } & Awaited<ReturnType<typeof paceQueue>>> {
  const shares: number[] = [];
  const warnings: string[] = [];
  const logger = pino(
    { level: 'warn' },
    { write: (line) => warnings.push((JSON.parse(line) as { msg: string }).msg) },
  );
  const { tell, stop } = await paceQueue({
    connection,
    namespace: 'default',
    modelQueue: queue,
    identity,
    read: () => EIGHT,
    share: (workers) => shares.push(workers),
    count: () => {},
    hear: () => {},
    logger,
    everyMs: 50,
    ...options,
  });
  cleanups.push(stop);
  return { shares, warnings, tell, stop };
}

/** The connection, with some calls of the server answered otherwise. */
const altered = (connection: Connected, calls: object): Connected => ({
  workflowService: Object.assign(
    Object.create(connection.workflowService) as Connected['workflowService'],
    calls,
  ),
  withDeadline: connection.withDeadline.bind(connection),
});
const failing = (code: number, details: string) => () =>
  Promise.reject(Object.assign(new Error(details), { code, details, metadata: {} }));

test('two workers, then four, then one: all calls together keep the pace, evenly', async () => {
  const queue = newQueue();
  const client = new Client({ connection: await connect() });
  const starts: number[] = [];
  let account = EIGHT;
  const start = async (identity: string): Promise<() => Promise<void>> => {
    const connection = await connect();
    const worker = await Worker.create({
      connection,
      taskQueue: queue,
      identity,
      activities: { call: () => Promise.resolve(void starts.push(performance.now())) },
      maxConcurrentActivityTaskPolls: 1,
    });
    const { stop } = await pace(connection, queue, identity, { read: () => account, everyMs: 2_000 });
    const running = worker.run();
    const end = async (): Promise<void> => {
      await stop();
      worker.shutdown();
      await running;
    };
    cleanups.push(async () => worker.getState() === 'RUNNING' && (await end()));
    return end;
  };
  const callsIn = async (ms: number): Promise<number> => {
    const since = performance.now();
    await sleep(ms);
    return starts.filter((at) => at >= since).length;
  };

  const ids = Array.from({ length: 160 }, (_, n) => `${queue}-${n}`);
  await Promise.all(
    ids.map((id) => client.activity.start('call', { id, taskQueue: queue, startToCloseTimeout: '1 minute' })),
  );
  const end = [await start('a'), await start('b')];
  // What an idle queue has saved up, a second's calls, goes first.
  await sleep(1_500);
  const two = await callsIn(5_000);
  end.push(await start('c'), await start('d'));
  const four = await callsIn(5_000);
  account = FOUR;
  await sleep(3_000);
  const slower = await callsIn(4_000);
  expect([two, four, slower]).toEqual([
    expect.closeTo(40, -0.5),
    expect.closeTo(40, -0.5),
    expect.closeTo(16, -0.5),
  ]);
  const gaps = starts.slice(20, 80).map((at, n) => at - (starts[n + 19] ?? 0));
  expect(gaps.filter((gap) => gap > 250)).toEqual([]);

  await Promise.all(end.slice(1).map((each) => each()));
  const alone = await until(async () => {
    const now = await queueRate(client.connection, queue);
    return now.rate === null && now;
  }, 5_000);
  expect(alone.reason).toBe('image-analysis: one worker, which paces itself');
});

test('a rate that is left from earlier is set right before the first worker polls; alone it then removes it', async () => {
  const [queue, connection] = [newQueue(), await connect()];
  await connection.workflowService.updateTaskQueueConfig({
    namespace: 'default',
    identity: 'gone',
    taskQueue: queue,
    taskQueueType: 2,
    updateQueueRateLimit: { rateLimit: { requestsPerSecond: 100 }, reason: 'earlier' },
  });
  const { shares } = await pace(connection, queue, 'a');
  expect(await queueRate(connection, queue)).toEqual({
    rate: 8,
    reason:
      'image-analysis: 6000 requests and 672000 tokens a minute, 1400 tokens a call, for all workers together (1)',
  });
  await poll(address, queue, 'a');
  await until(async () => (await queueRate(connection, queue)).rate === null, 5_000);
  expect(shares).toEqual([1]);
});

test('a worker that was killed counts until it has not polled for 75 seconds', async () => {
  const [queue, connection] = [newQueue(), await connect()];
  let time = 0;
  await poll(address, queue, 'killed');
  await poll(address, queue, 'a');
  await pace(connection, queue, 'a', { now: () => time });
  time = 74_000;
  await poll(address, queue, 'a');
  await sleep(500);
  expect((await queueRate(connection, queue)).rate).toBe(8);
  time = 76_000;
  await until(async () => (await queueRate(connection, queue)).rate === null, 5_000);
});

test('one that has learned nothing yet leaves the rate to those that have', async () => {
  const [queue, connection] = [newQueue(), await connect()];
  await poll(address, queue, 'a');
  await pace(connection, queue, 'a');
  await poll(address, queue, 'b');
  await until(async () => (await queueRate(connection, queue)).rate === 8, 5_000);
  let guessed = true;
  await pace(connection, queue, 'b', { read: () => ({ ...FOUR, guessed }) });
  await sleep(300);
  expect((await queueRate(connection, queue)).rate).toBe(8);
  guessed = false;
  await until(async () => (await queueRate(connection, queue)).rate === 4, 5_000);
});

test('where the queue has several partitions, each worker takes its part', async () => {
  const server = await startTemporal({
    dynamicConfig: ['matching.numTaskqueueReadPartitions=4', 'matching.numTaskqueueWritePartitions=4'],
  });
  cleanups.push(() => server.close());
  const [queue, connection] = [newQueue(), await connect(server.address)];
  const { shares, warnings } = await pace(connection, queue, 'a');
  for (const identity of ['b', 'c']) {
    await poll(server.address, queue, identity);
    await until(async () => Promise.resolve(shares.at(-1) === (identity === 'b' ? 2 : 3)), 5_000);
  }
  expect(shares).toEqual([1, 2, 3]);
  expect(warnings).toEqual([
    expect.stringMatching(/4 partitions.*numTaskqueueReadPartitions=1.*WritePartitions=1/),
  ]);
  expect((await queueRate(connection, queue)).rate).toBeNull();
});

test.each([
  ['does not know how', 12, 'unknown method UpdateTaskQueueConfig'],
  ['does not permit it', 7, 'Request unauthorized.'],
])('where the server %s to set a rate, each worker takes its part', async (_how, code, details) => {
  const [queue, connection] = [newQueue(), await connect()];
  await poll(address, queue, 'b');
  const server = altered(connection, { updateTaskQueueConfig: failing(code, details) });
  const { shares, warnings } = await pace(server, queue, 'a');
  await sleep(200);
  expect(shares).toEqual([1, 2]);
  expect(warnings).toEqual([expect.stringContaining(`${details}. Each worker takes its part`)]);
});

test('where the server tells nothing of the queue, that is said once, and each worker keeps the whole', async () => {
  const connection = altered(await connect(), { describeTaskQueue: failing(7, 'Request unauthorized.') });
  const { shares, warnings } = await pace(connection, newQueue(), 'a');
  await sleep(200);
  expect(shares).toEqual([]);
  expect(warnings).toEqual([expect.stringContaining("each follows the provider's headers")]);
});

test('a look that fails changes nothing, and the next one mends it without a word', async () => {
  const [queue, connection] = [newQueue(), await connect()];
  await poll(address, queue, 'b');
  const real = connection.workflowService;
  let looks = 0;
  const server = altered(connection, {
    listTaskQueuePartitions: (request: object) =>
      (looks += 1) < 4 ? failing(14, 'tcp connect error')() : real.listTaskQueuePartitions(request),
  });
  const { shares, warnings } = await pace(server, queue, 'a');
  expect([looks, shares]).toEqual([1, []]);
  await until(async () => (await queueRate(connection, queue)).rate === 8, 5_000);
  expect([shares, warnings]).toEqual([[1], []]);
});

test('a worker that stopped its pace looks no more', async () => {
  const [queue, connection] = [newQueue(), await connect()];
  let reads = 0;
  const { stop } = await pace(connection, queue, 'a', { read: () => ((reads += 1), EIGHT) });
  await until(async () => Promise.resolve(reads > 2), 5_000);
  await stop();
  const before = reads;
  await sleep(200);
  expect(reads).toBe(before);
});

/** Waits until the queue has that rate. */
const rateOf = (connection: Connected, queue: string) => (perSecond: number) =>
  vi.waitFor(
    async () => {
      expect((await queueRate(connection, queue)).rate).toBe(perSecond);
    },
    { timeout: 20_000, interval: 20 },
  );

test('a refused call closes the queue for all workers until it is over, and slows each of them down once', async () => {
  const queue = newQueue();
  const connection = await connect();
  await poll(address, queue, 'a');
  await poll(address, queue, 'b');
  const rateIs = rateOf(connection, queue);
  const heard: Refusal[] = [];
  const a = await pace(connection, queue, 'a');
  await pace(connection, queue, 'b', { hear: (refusal) => heard.push(refusal) });
  await rateIs(8);

  a.tell({ closeMs: 600, slowDown: false });
  await rateIs(0);
  expect((await queueRate(connection, queue)).reason).toContain('closed for 600 ms');
  await rateIs(8);
  expect(heard).toEqual([{ closeMs: 600, slowDown: false }]);

  a.tell({ closeMs: 0, slowDown: true });
  await vi.waitFor(() => {
    expect(heard).toHaveLength(2);
  }, 10_000);
  expect(heard[1]).toMatchObject({ slowDown: true });
  await rateIs(8);
});

test('a worker that closed the queue and was killed leaves it to the others to open it', async () => {
  const queue = newQueue();
  const connection = await connect();
  await poll(address, queue, 'a');
  await poll(address, queue, 'b');
  const rateIs = rateOf(connection, queue);
  const a = await pace(connection, queue, 'a');
  await pace(connection, queue, 'b');
  a.tell({ closeMs: 800, slowDown: false });
  await rateIs(0);
  await a.stop();
  await rateIs(8);
});
