import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { readConfig } from '../src/config.ts';
import { workflowIdOf } from '../src/shared/names.ts';
import type { Counts, Progress } from '../src/shared/types.ts';
import type { LedgerEntry } from '../src/simulator/ledger.ts';
import { startTemporal } from '../test/helpers/temporal-server.ts';
import { type Histories, historiesOf } from './many-histories.ts';
import { makePictures } from './pictures.ts';
import { memoryOf } from './workers.ts';
import { type BytesWritten, countWrites } from './written.ts';

/** What is run. */
export interface ManyCase {
  pictures: number;
  /** Questions a picture. */
  prompts: number;
}

/** What one look at the run while it went on showed. */
export interface ManySample {
  atMs: number;
  answers: number;
  /** Resident memory of this moment, in bytes. */
  workerBytes: number;
  serverBytes: number;
  commandBytes: number;
  /** Wall time of `status`, from the process' start to its end. */
  statusMs: number;
  /** Of that, the start of Node and the program alone: what `--version` takes beside it. */
  programMs: number;
  /** Length of the parent's answer to the query `progress`; 0 where none came. */
  progressBytes: number;
  batchesRunning: number;
}

export interface ManyFigures {
  state: string;
  seconds: number;
  counts: Counts;
  /** Calls that the account answered, and how many pairs of picture and question were answered more than once. */
  calls: number;
  askedTwice: number;
  samples: ManySample[];
  /** After the run's end. */
  statusAfterMs: number;
  peakBytes: { worker: number; server: number; command: number; simulator: number };
  histories: Histories;
  written: BytesWritten;
  /** Size of the final `results.json`. */
  resultsBytes: number;
  pages: number;
  largestPageBytes: number;
  largestShardBytes: number;
  databaseBytes: number;
}

const WIDE = { requestsPerMinute: 100_000, tokensPerMinute: 200_000_000 };
const RUN = 'many';
/** Between two looks: often enough for a curve, and seldom enough to cost the run little. */
const LOOK_EVERY_MS = 20_000;

/** Runs it through the whole system, each part a process of its own: server, worker, command, and the simulator. */
export async function runMany(given: ManyCase): Promise<ManyFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'image-analysis-many-'));
  const dbFile = join(folder, 'temporal.db');
  const results = join(folder, 'results');
  const source = makePictures(folder, 'pictures', given.pictures);
  const promptsFile = join(folder, 'prompts.yaml');
  if (given.prompts !== 6) writeFileSync(promptsFile, promptsText(given.prompts));
  const processes: ChildProcess[] = [];
  const server = await startTemporal({ dbFile });
  let settings: Record<string, string> = {};
  const start = (args: string[], out: 'ignore' | 'pipe' = 'ignore'): ChildProcess => {
    const child = spawn(process.execPath, [resolve('dist/cli.js'), ...args], {
      cwd: folder,
      env: { ...process.env, ...settings },
      stdio: ['ignore', out, 'inherit'],
    });
    processes.push(child);
    return child;
  };
  const { requestsPerMinute, tokensPerMinute } = WIDE;
  const limits = ['--rpm', String(requestsPerMinute), '--tpm', String(tokensPerMinute)];
  const simulator = start(['simulator', '--port', '0', '--latency', '1', ...limits], 'pipe');
  const url = await firstLine(simulator);
  settings = {
    OPENAI_API_KEY: 'none',
    OPENAI_BASE_URL: url,
    SIMULATED: 'true',
    TEMPORAL_ADDRESS: server.address,
    LIMITS: `${requestsPerMinute}/${tokensPerMinute}`,
    RESULTS: results,
    // Soon full, so that what grows would be something else.
    PICTURE_MEMORY_MB: '16',
    LOG_LEVEL: 'error',
    ...(given.prompts === 6 ? {} : { PROMPTS_FILE: promptsFile }),
  };
  const config = readConfig(settings, folder);
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection });
  const place = join(results, RUN);
  const writes = countWrites(place, config.answers);
  try {
    const worker = start(['worker']);
    const startedAt = Date.now();
    const command = start(['run', source, '--name', RUN]);
    const pids = { worker: pidOf(worker), server: server.pid, command: pidOf(command) };
    let ended = false;
    const exit = once(command, 'exit').then(() => (ended = true));
    const samples: ManySample[] = [];
    let commandPeak = 0;
    // The command's process is gone when it has ended, so its peak is read while it lives.
    const peak = setInterval(() => {
      if (!ended) commandPeak = Math.max(commandPeak, memoryOf(pids.command)?.peakBytes ?? 0);
    }, 500);
    while (!ended) {
      await Promise.race([sleep(LOOK_EVERY_MS), exit]);
      if (ended) break;
      const programMs = await timeOf(start(['--version']));
      const statusMs = await timeOf(start(['status', RUN]));
      const progress = await progressOf(client);
      const now = (pid: number): number => memoryOf(pid)?.bytes ?? 0;
      samples.push({
        atMs: Date.now() - startedAt,
        answers: progress?.counts.answered ?? 0,
        workerBytes: now(pids.worker),
        serverBytes: now(pids.server),
        commandBytes: now(pids.command),
        statusMs,
        programMs,
        progressBytes: progress === null ? 0 : JSON.stringify(progress).length,
        batchesRunning: progress?.running.length ?? 0,
      });
    }
    clearInterval(peak);
    const seconds = (Date.now() - startedAt) / 1000;
    const statusAfterMs = await timeOf(start(['status', RUN]));
    const progress = JSON.parse(readFileSync(join(place, 'progress.json'), 'utf8')) as Progress;
    const ledger = (await (await fetch(`${new URL(url).origin}/_simulator/ledger`)).json()) as LedgerEntry[];
    const answered = ledger.filter(({ usage }) => usage !== null);
    const pairs = new Set(answered.map(({ sha256, questionSha256 }) => `${sha256} ${questionSha256}`));
    const worst = (pid: number): number => memoryOf(pid)?.peakBytes ?? 0;
    const written = await writes.close();
    return {
      ...{ state: progress.state, seconds, counts: progress.counts, samples, statusAfterMs, written },
      calls: answered.length,
      askedTwice: answered.length - pairs.size,
      peakBytes: {
        worker: worst(pids.worker),
        server: worst(pids.server),
        command: commandPeak,
        simulator: worst(pidOf(simulator)),
      },
      histories: await historiesOf(client, workflowIdOf(RUN), progress.batches),
      resultsBytes: statSync(join(place, 'results.json')).size,
      pages: readdirSync(join(place, 'images')).length,
      largestPageBytes: largestIn(join(place, 'images')),
      largestShardBytes: largestIn(join(place, 'shards')),
      databaseBytes: statSync(dbFile).size,
    };
  } finally {
    await connection.close();
    await Promise.all(processes.map(endOf));
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the parent says of itself; `null` where it is too busy to. */
async function progressOf(client: Client): Promise<Progress | null> {
  try {
    return await client.connection.withDeadline(Date.now() + 5_000, () =>
      client.workflow.getHandle(workflowIdOf(RUN)).query<Progress>('progress'),
    );
  } catch {
    return null;
  }
}

const pidOf = ({ pid }: ChildProcess): number => pid ?? 0;

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('its output is not read');
  for await (const line of createInterface({ input: child.stdout })) {
    child.stdout.resume();
    return line;
  }
  throw new Error('the simulator did not start');
}

async function timeOf(child: ChildProcess): Promise<number> {
  const started = performance.now();
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${child.spawnargs.slice(2).join(' ')} ended with ${String(code)}`);
  return performance.now() - started;
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

const largestIn = (folder: string): number =>
  readdirSync(folder).reduce((most, name) => Math.max(most, statSync(join(folder, name)).size), 0);

/** Questions of the length of our own. */
function promptsText(count: number): string {
  const prompts = Array.from({ length: count }, (_, n) => ({
    id: `question-${n}`,
    name: `Question ${n}`,
    text: `Is there anything of kind ${n} in the picture? ${'Look closely at every part of the road. '.repeat(20)}`,
  }));
  return JSON.stringify({ instructions: 'Answer one question about one picture.', prompts });
}
