import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { readConfig } from '../src/config.ts';
import type { ResultEntry, ResultsFile } from '../src/shared/results.ts';
import type { RunInput, RunResult } from '../src/shared/types.ts';
import type { LedgerEntry } from '../src/simulator/ledger.ts';
import { startSimulator } from '../src/simulator/server.ts';
import { distinctPicture } from '../test/helpers/cli.ts';
import { startTemporal } from '../test/helpers/temporal-server.ts';
import type { Scenario } from './scenarios.ts';

type Answered = Exclude<ResultEntry, { error: unknown }>;

/** What a whole run showed. Times in milliseconds of the bench's clock, that is at the scenario's speed. */
export interface Figures {
  timeMs: number;
  /** The shortest time that the account allows. */
  floorMs: number;
  /** Which of the floor's three parts is the largest. */
  floorBy: 'tokens' | 'requests' | 'chain';
  calls: number;
  rateLimited: number;
  /** Highest sums over a minute at the scenario's speed, beside what was told. */
  highest: { requests: number; tokens: number };
  told: { requests: number; tokens: number };
  firstAnswerMs: number;
  workerPeakBytes: number;
  workerCpuMsPerCall: number;
  /** Shares of the pictures' time: waiting for the limiter and Temporal, and the model. */
  shares: { waiting: number; model: number };
}

/** Runs a scenario end to end: real Temporal server, a worker process as it is built, the simulator as the account. */
export async function wholeRun(scenario: Scenario): Promise<Figures> {
  const { speed } = scenario;
  const faster = (perMinute: number): number => perMinute * speed;
  const folder = mkdtempSync(join(tmpdir(), 'image-analysis-bench-'));
  const pictures = join(folder, 'pictures');
  mkdirSync(pictures);
  for (let n = 0; n < scenario.pictures; n += 1) {
    writeFileSync(join(pictures, `camera-${String(n).padStart(5, '0')}.jpg`), distinctPicture(n));
  }
  const simulator = await startSimulator({
    latency: { medianMs: scenario.latencyMs / speed },
    limits: {
      requestsPerMinute: faster(scenario.account.requestsPerMinute),
      tokensPerMinute: faster(scenario.account.tokensPerMinute),
    },
  });
  const server = await startTemporal();
  const settings = {
    OPENAI_API_KEY: 'none',
    OPENAI_BASE_URL: simulator.url,
    SIMULATED: 'true',
    TEMPORAL_ADDRESS: server.address,
    LIMITS: `${faster(scenario.told.requestsPerMinute)}/${faster(scenario.told.tokensPerMinute)}`,
    RESULTS: join(folder, 'results'),
    LOG_LEVEL: 'warn',
  };
  const config = readConfig(settings, folder);
  const worker = spawn(process.execPath, [resolve('dist/cli.js'), 'worker'], {
    cwd: folder,
    env: { ...process.env, ...settings },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const connection = await Connection.connect({ address: server.address });
  try {
    const client = new Client({ connection });
    await polling(client, config.taskQueue);
    const started = Date.now();
    const input: RunInput = { source: pictures };
    const result = await client.workflow.execute<(input: RunInput) => Promise<RunResult>>('analyzeImages', {
      taskQueue: config.taskQueue,
      workflowId: 'bench',
      args: [input],
    });
    const timeMs = Date.now() - started;
    const usage = processUsage(worker);
    const file = join(config.results, result.run, 'results.json');
    const results = JSON.parse(readFileSync(file, 'utf8')) as ResultsFile;
    return figures(scenario, simulator.ledger, results, { timeMs, started, usage });
  } finally {
    worker.kill('SIGTERM');
    await new Promise((done) => worker.once('close', done));
    await connection.close();
    await server.close();
    await simulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function figures(
  scenario: Scenario,
  ledger: readonly LedgerEntry[],
  results: ResultsFile,
  run: { timeMs: number; started: number; usage: { peakBytes: number; cpuMs: number } },
): Figures {
  const { speed, told } = scenario;
  const minuteMs = 60_000 / speed;
  const admitted = ledger.reduce((sum, call) => sum + call.admitted, 0);
  const entries = results.images.map((image) =>
    Object.values(image.answers).filter((a): a is Answered => !('error' in a)),
  );
  const chains = entries.map((answers) => answers.reduce((sum, a) => sum + a.timings.modelMs, 0));
  const parts = {
    tokens: (admitted / told.tokensPerMinute) * minuteMs,
    requests: (ledger.length / told.requestsPerMinute) * minuteMs,
    chain: Math.max(...chains),
  };
  const longest = Math.max(...Object.values(parts));
  const floorBy =
    (Object.keys(parts) as (keyof typeof parts)[]).find((part) => parts[part] === longest) ?? 'tokens';
  const model = entries.flat().reduce((sum, a) => sum + a.timings.modelMs, 0);
  const inAll = results.images.reduce((sum, i) => sum + Date.parse(i.endedAt) - Date.parse(i.startedAt), 0);
  return {
    timeMs: run.timeMs,
    floorMs: longest + (results.performance.model?.median ?? 0),
    floorBy,
    calls: ledger.length,
    rateLimited: ledger.filter((call) => call.status === 429).length,
    highest: highestMinute(ledger, minuteMs),
    told: { requests: told.requestsPerMinute, tokens: told.tokensPerMinute },
    firstAnswerMs: (ledger[0]?.at ?? 0) + (results.performance.model?.median ?? 0) - run.started,
    workerPeakBytes: run.usage.peakBytes,
    workerCpuMsPerCall: run.usage.cpuMs / ledger.length,
    shares: { model: model / inAll, waiting: 1 - model / inAll },
  };
}

function highestMinute(
  ledger: readonly LedgerEntry[],
  minuteMs: number,
): { requests: number; tokens: number } {
  let requests = 0;
  let tokens = 0;
  for (const first of ledger) {
    const minute = ledger.filter((call) => call.at >= first.at && call.at < first.at + minuteMs);
    requests = Math.max(requests, minute.length);
    tokens = Math.max(
      tokens,
      minute.reduce((sum, call) => sum + call.admitted, 0),
    );
  }
  return { requests, tokens };
}

/** Peak memory and processor time of a process, as Linux tells them. */
function processUsage(child: ChildProcess): { peakBytes: number; cpuMs: number } {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const [, fields = ''] = stat.split(') ');
  const values = fields.split(' ').map(Number);
  // Fields 14 and 15 of proc(5) `stat`, in ticks of a hundredth of a second; the state is field 3.
  const ticks = (values[11] ?? 0) + (values[12] ?? 0);
  return { peakBytes: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024, cpuMs: ticks * 10 };
}

async function polling(client: Client, taskQueue: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    const { pollers } = await client.workflowService.describeTaskQueue({
      namespace: 'default',
      taskQueue: { name: taskQueue },
      taskQueueType: 1,
    });
    if (pollers && pollers.length > 0) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('the worker does not poll');
}
