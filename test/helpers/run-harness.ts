import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { Priority } from '@temporalio/common';
import { Runtime, DefaultLogger, type WorkflowBundleOption } from '@temporalio/worker';
import pino from 'pino';
import { type Config, readConfig } from '../../src/config.ts';
import type { ResultsFile } from '../../src/shared/results.ts';
import type { Progress, RunInput, RunResult } from '../../src/shared/types.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { type RunningWorkers, startWorkers } from '../../src/worker/main.ts';

/** A simulator, a worker in this process and a client, on a server that is already there. */
export interface Harness {
  simulator: Simulator;
  config: Config;
  client: Client;
  /** A folder of its own, below which results go. */
  folder: string;
  /** A folder of pictures `camera-000.jpg` …; samples, unless `make` gives others. */
  pictures(n: number, make?: (n: number) => Buffer): Promise<string>;
  /** Starts a run as the plain `temporal` CLI does, or with the priority that ours gives it. */
  start(input: RunInput, priority?: Priority): Promise<WorkflowHandle<() => Promise<RunResult>>>;
  progress(handle: WorkflowHandle): Promise<Progress>;
  results(run: string): Promise<ResultsFile>;
  stopWorker(): Promise<void>;
  /** `workflows`: those of another build. */
  startWorker(workflows?: WorkflowBundleOption): Promise<void>;
  close(): Promise<void>;
}

Runtime.install({ logger: new DefaultLogger('ERROR', () => {}) });

export async function createHarness(
  server: { address: string; namespace: string },
  options: {
    simulator?: Parameters<typeof startSimulator>[0];
    env?: Record<string, string>;
    workflows?: WorkflowBundleOption;
  } = {},
): Promise<Harness> {
  const simulator = await startSimulator({
    latency: { medianMs: 20 },
    limits: { requestsPerMinute: 60_000, tokensPerMinute: 60_000_000 },
    ...options.simulator,
  });
  const folder = await mkdtemp(join(tmpdir(), 'image-analysis-'));
  const config = readConfig(
    {
      OPENAI_API_KEY: 'sk-canary-0123456789abcdefghij',
      OPENAI_BASE_URL: simulator.url,
      SIMULATED: 'true',
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_NAMESPACE: server.namespace,
      TASK_QUEUE: `test-${Math.random().toString(36).slice(2)}`,
      LIMITS: '50000/50000000',
      RESULTS: join(folder, 'results'),
      ...options.env,
    },
    folder,
  );
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection, namespace: server.namespace });
  const logger = pino({ level: 'silent' });
  let workers: RunningWorkers | null = null;

  const harness: Harness = {
    simulator,
    config,
    client,
    folder,
    async pictures(n, make = sample) {
      const pictures = join(folder, 'pictures');
      await mkdir(pictures, { recursive: true });
      for (let i = 0; i < n; i += 1) {
        await writeFile(join(pictures, `camera-${String(i).padStart(3, '0')}.jpg`), make(i));
      }
      return pictures;
    },
    start: (input, priority) =>
      client.workflow.start<(input: RunInput) => Promise<RunResult>>('analyzeImages', {
        workflowId: `image-analysis-${config.taskQueue}-${Math.random().toString(36).slice(2)}`,
        taskQueue: config.taskQueue,
        args: [input],
        ...(priority === undefined ? {} : { priority }),
      }),
    progress: (handle) => handle.query<Progress>('progress'),
    async results(run) {
      return JSON.parse(await readFile(join(config.results, run, 'results.json'), 'utf8')) as ResultsFile;
    },
    async startWorker(workflows) {
      workers = await startWorkers(config, { logger, workflows });
    },
    async stopWorker() {
      workers?.shutdown();
      await workers?.ended;
      workers = null;
    },
    async close() {
      await harness.stopWorker();
      await connection.close();
      await simulator.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await harness.startWorker(options.workflows);
  return harness;
}

const JPEGS = readdirSync('samples').filter((name) => name.endsWith('.jpg'));

const sample = (n: number): Buffer => readFileSync(join('samples', JPEGS[n % JPEGS.length] ?? ''));
