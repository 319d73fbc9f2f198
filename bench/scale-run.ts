import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { readConfig } from '../src/config.ts';
import { ANALYZE_IMAGES } from '../src/shared/names.ts';
import type { RunInput, RunResult } from '../src/shared/types.ts';
import { startSimulator } from '../src/simulator/server.ts';
import { startTemporal } from '../test/helpers/temporal-server.ts';
import { emptyUse, type HistoryEvent, useOf, type Use } from './scale-history.ts';
import { createWorkers } from './workers.ts';
import { makePictures } from './pictures.ts';

/** What is run, and how much of it. */
export interface ScaleCase {
  pictures: number;
  /** Of `prompts.yaml`; 6 by default, and 2 where calls take their real time. */
  prompts?: number;
  latencyMs: number;
  /** Calls in flight. */
  concurrency: number;
  /** The run is ended when so many batches have; by default it runs to its end. */
  stopAfterBatches?: number;
}

/** What a run left behind. */
export interface ScaleFigures {
  pictures: number;
  /** Calls that were answered. */
  calls: number;
  seconds: number;
  parent: Use;
  /** Sum over the batches that ended. */
  children: Use;
  batches: number;
  /** The server's own count of what Temporal Cloud would bill, by kind. */
  actions: Record<string, number>;
  /** The SQLite file before the run and after it, when the server has closed it. */
  databaseBytes: { before: number; after: number };
  /** Files of the run by kind: `shards`, `images`, `index`, `results.json` … */
  files: Record<string, number>;
}

const WIDE = { requestsPerMinute: 100_000, tokensPerMinute: 200_000_000 };
const WORKFLOW = 'scale';

/** Runs one case on a real server with a database of its own and the simulator as the account. */
export async function measure(given: ScaleCase): Promise<ScaleFigures> {
  const folder = mkdtempSync(join(tmpdir(), 'image-analysis-scale-'));
  const dbFile = join(folder, 'temporal.db');
  const simulator = await startSimulator({ latency: { medianMs: given.latencyMs }, limits: WIDE });
  const server = await startTemporal({ dbFile });
  const settings = {
    OPENAI_API_KEY: 'none',
    OPENAI_BASE_URL: simulator.url,
    SIMULATED: 'true',
    TEMPORAL_ADDRESS: server.address,
    LIMITS: `${WIDE.requestsPerMinute}/${WIDE.tokensPerMinute}`,
    RESULTS: join(folder, 'results'),
    LOG_LEVEL: 'error',
    ...(given.prompts === undefined ? {} : { PROMPTS_FILE: join(folder, 'prompts.yaml') }),
  };
  if (given.prompts !== undefined) writeFileSync(join(folder, 'prompts.yaml'), promptsFile(given.prompts));
  const config = readConfig(settings, folder);
  const workers = createWorkers(folder, settings);
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection });
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await workers.close();
    await connection.close();
    await server.close();
    await simulator.close();
  };
  try {
    const before = databaseBytes(dbFile);
    workers.add();
    const startedAt = Date.now();
    const handle = await client.workflow.start<(input: RunInput) => Promise<RunResult>>(ANALYZE_IMAGES, {
      taskQueue: config.taskQueue,
      workflowId: WORKFLOW,
      args: [{ source: makePictures(folder, 'pictures', given.pictures), concurrency: given.concurrency }],
    });
    const { stopAfterBatches } = given;
    if (stopAfterBatches === undefined) await handle.result();
    else await until(async () => (await endedBatches(client)) >= stopAfterBatches);
    const seconds = (Date.now() - startedAt) / 1000;
    const metrics = await metricsOf(server.pid);
    const parent = await useOfWorkflow(client, WORKFLOW);
    const children = emptyUse();
    let batches = 0;
    for await (const { workflowId } of client.workflow.list({ query: ENDED_BATCHES })) {
      add(children, await useOfWorkflow(client, workflowId));
      batches += 1;
    }
    const calls = simulator.ledger.filter(({ usage }) => usage !== null).length;
    if (stopAfterBatches !== undefined) await handle.terminate();
    await close();
    return {
      ...{ pictures: given.pictures, calls, seconds, parent, children, batches },
      actions: actionsIn(metrics),
      databaseBytes: { before, after: databaseBytes(dbFile) },
      files: filesOf(config.results),
    };
  } finally {
    await close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const ENDED_BATCHES = "WorkflowType = 'analyzeBatch' AND ExecutionStatus = 'Completed'";

const endedBatches = async (client: Client): Promise<number> =>
  (await client.workflow.count(ENDED_BATCHES)).count;

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((done) => setTimeout(done, 500));
}

async function useOfWorkflow(client: Client, workflowId: string): Promise<Use> {
  const handle = client.workflow.getHandle(workflowId);
  const { events } = await handle.fetchHistory();
  const { historySize } = await handle.describe();
  return useOf((events ?? []) as HistoryEvent[], historySize ?? 0);
}

/** Adds the second to the first. */
function add(total: Use, use: Use): void {
  for (const kind of ['events', 'bytes', 'counts'] as const) {
    for (const [name, n] of Object.entries(use[kind])) total[kind][name] = (total[kind][name] ?? 0) + n;
  }
}

/** The SQLite file and what is not yet in it. */
function databaseBytes(file: string): number {
  return ['', '-wal'].reduce(
    (bytes, suffix) => bytes + (statSync(file + suffix, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

function filesOf(results: string): Record<string, number> {
  const run = readdirSync(results).find((name) => !name.startsWith('.')) ?? '';
  const bytes: Record<string, number> = {};
  for (const entry of readdirSync(join(results, run), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const kind = path.slice(join(results, run).length + 1).split('/')[0] ?? '';
    bytes[kind] = (bytes[kind] ?? 0) + statSync(path).size;
  }
  return bytes;
}

/** The server's own metrics, name with labels → value. The development server serves them at a port of its choice. */
async function metricsOf(pid: number): Promise<Map<string, number>> {
  for (const port of listeningPorts(pid)) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`, {
        signal: AbortSignal.timeout(2_000),
      });
      const text = await response.text();
      if (!text.includes('\nservice_requests{')) continue;
      const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      return new Map(lines.map((line) => split(line)));
    } catch {
      // A port of another protocol.
    }
  }
  throw new Error('the server serves no metrics');
}

function split(line: string): [string, number] {
  const space = line.lastIndexOf(' ');
  return [line.slice(0, space), Number(line.slice(space + 1))];
}

/** Ports on which a process listens, as Linux tells them. */
function listeningPorts(pid: number): number[] {
  const own = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      own.add(/socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? '');
    } catch {
      // Closed meanwhile.
    }
  }
  const lines = ['tcp', 'tcp6'].flatMap((file) =>
    readFileSync(`/proc/${pid}/net/${file}`, 'utf8').split('\n'),
  );
  // Fields of proc(5) `net/tcp`: 1 the local address, 3 the state (0A: listening), 9 the inode.
  const sockets = lines.map((line) => line.trim().split(/\s+/));
  return sockets
    .filter((fields) => fields[3] === '0A' && own.has(fields[9] ?? ''))
    .map((fields) => parseInt(fields[1]?.split(':')[1] ?? '', 16));
}

function actionsIn(metrics: Map<string, number>): Record<string, number> {
  const actions: Record<string, number> = {};
  for (const [name, value] of metrics) {
    if (!name.startsWith('action{') || !name.includes('namespace="default"') || value === 0) continue;
    const kind = /action_type="([^"]*)"/.exec(name)?.[1] ?? name;
    actions[kind] = (actions[kind] ?? 0) + value;
  }
  return actions;
}

function promptsFile(count: number): string {
  const prompts = Array.from({ length: count }, (_, n) => ({
    id: `question-${n}`,
    name: `Question ${n}`,
    text: `Is there anything of kind ${n}?`,
  }));
  return JSON.stringify({ instructions: 'Answer one question about one picture.', prompts });
}
