import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import type { AskInput } from '../../src/activities/ask-model.ts';
import { type Config, readConfig } from '../../src/config.ts';
import type { AskResult } from '../../src/shared/types.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createParts } from '../../src/worker/parts.ts';
import type { Asked } from '../helpers/ask-workflow.ts';
import { distinctPicture } from '../helpers/cli.ts';
import { createModelWorker } from '../helpers/model-worker.ts';
import { plannedRun } from '../helpers/planned-run.ts';
import { until } from '../helpers/until.ts';

const warnings: string[] = [];
Runtime.install({ logger: new DefaultLogger('WARN', ({ message }) => void warnings.push(message)) });

const PICTURES = 4;
const QUEUE = `lost-${Math.random().toString(36).slice(2)}`;
const MODEL_QUEUE = `${QUEUE}-model`;

let simulator: Simulator;
let folder: string;
let env: Record<string, string>;
let config: Config;
let place: { results: string; plan: string };
let client: Client;
/** What is undone after a test, the newest first. */
let undo: (() => Promise<unknown>)[];

beforeEach(async () => {
  undo = [];
  warnings.length = 0;
  simulator = await startSimulator({ latency: { medianMs: 1_000 } });
  undo.push(() => simulator.close());
  folder = await mkdtemp(join(tmpdir(), 'lost-'));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const { address, namespace } = inject('temporal');
  env = {
    OPENAI_API_KEY: 'sk-x',
    OPENAI_BASE_URL: simulator.url,
    SIMULATED: 'true',
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    RESULTS: join(folder, 'results'),
  };
  config = readConfig(env, folder);
  const source = join(folder, 'pictures');
  await mkdir(source);
  for (let n = 0; n < PICTURES; n += 1) await writeFile(join(source, `camera-${n}.jpg`), distinctPicture(n));
  place = await plannedRun(config, createParts(config), { source });
  const connection = await Connection.connect({ address });
  undo.push(() => connection.close());
  client = new Client({ connection, namespace });
  const native = await NativeConnection.connect({ address });
  const workflows = await Worker.create({
    connection: native,
    namespace,
    taskQueue: QUEUE,
    workflowsPath: resolve('test/helpers/ask-workflow.ts'),
  });
  await serve({ worker: workflows, connection: native });
});

afterEach(async () => {
  for (const step of undo.reverse()) await step();
});

async function serve({ worker, connection }: Awaited<ReturnType<typeof createModelWorker>>): Promise<void> {
  const ended = worker.run();
  undo.push(async () => {
    worker.shutdown();
    await ended;
    await connection.close();
  });
}

const ask = (images: number): Promise<WorkflowHandle<() => Promise<Asked[]>>> => {
  const one = (image: number): AskInput => ({ ...place, page: 0, image, prompt: 'crowd-detection' });
  const inputs = Array.from({ length: images }, (_, image) => one(image));
  return client.workflow.start<(inputs: AskInput[], queue: string) => Promise<Asked[]>>('askAll', {
    workflowId: `${QUEUE}-${Math.random().toString(36).slice(2)}`,
    taskQueue: QUEUE,
    args: [inputs, MODEL_QUEUE],
  });
};

test('attempts that failed by themselves are none that were lost: what they say arrives with their failure', async () => {
  await serve(await createModelWorker(config, MODEL_QUEUE));
  simulator.setFaults([{ kind: 'server-error', count: 3 }]);
  const [asked] = await (await ask(1)).result();
  const { tries } = (asked as { result: AskResult }).result;
  expect(tries.map(({ status }) => status)).toEqual([500, 500, 500, 200]);
  expect(warnings.filter((line) => line.includes('asking it alone'))).toEqual([]);
});

test('a call is given up when its workflow was cancelled and has ended', async () => {
  await serve(await createModelWorker(config, MODEL_QUEUE));
  simulator.setFaults([{ kind: 'hang-before', count: 1 }]);
  const handle = await ask(1);
  await until(async () => simulator.ledger.length === 1);
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();
  const ended = performance.now();
  await until(async () => simulator.ledger[0]?.delivered === false);
  expect(performance.now() - ended).toBeLessThan(9_000);
  expect(simulator.ledger).toHaveLength(1);
});

test('a picture that takes its worker down is asked alone after three losses, then set aside; the others are answered', async () => {
  const poison = 'camera-1.jpg';
  const file = join(folder, 'open-calls');
  let stopped = false;
  let child: ChildProcess | undefined;
  const spawnWorker = (): void => {
    const script = resolve('test/helpers/mortal-worker.ts');
    child = spawn(process.execPath, ['--import', 'tsx', script, MODEL_QUEUE, poison, file], {
      env: { PATH: process.env.PATH ?? '', ...env },
      stdio: 'ignore',
    });
    child.once('exit', () => {
      if (!stopped) spawnWorker();
    });
  };
  undo.push(async () => {
    stopped = true;
    child?.kill('SIGKILL');
  });
  spawnWorker();
  const asked = await (await ask(PICTURES)).result();
  expect(asked.map((one) => 'result' in one)).toEqual([true, false, true, true]);
  expect(asked[1]).toMatchObject({ failure: { kind: 'Lost', scope: 'picture', tries: [] } });
  expect((asked[1] as { failure: { message: string } }).failure.message).toMatch(/4 times .* camera-1\.jpg/);
  const openCalls = (await readFile(file, 'utf8')).trim().split('\n').map(Number);
  expect(openCalls).toHaveLength(4);
  expect(openCalls.at(-1)).toBe(0);
}, 180_000);
