// `npm run histories [-- LABEL]`: runs the code of src/ through telling runs, on a Temporal server of its own and the
// simulator, and writes their histories to test/histories/LABEL/ (by default the program's version), where the tests
// replay them. Record once a release (docs/deploys.md); never to make a replay green that a change has made red.
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { argv, cwd } from 'node:process';
import {
  type Client,
  type WorkflowExecutionInfo,
  WorkflowFailedError,
  type WorkflowHandle,
} from '@temporalio/client';
import type { ResumeInput, RunInput, RunResult } from '../src/shared/types.ts';
import { distinctPicture } from '../test/helpers/cli.ts';
import { createHarness, type Harness } from '../test/helpers/run-harness.ts';
import { startTemporal, type TemporalServer } from '../test/helpers/temporal-server.ts';
import { until } from '../test/helpers/until.ts';

type Run = WorkflowHandle<() => Promise<RunResult>>;

interface Stage {
  harness: Harness;
  run: Run;
  /** Waits until so many calls were made. */
  asked(calls: number): Promise<unknown>;
  /** Starts the run again after it has ended. */
  resume(retry?: Omit<ResumeInput, 'resumeOf'>): Promise<Run>;
}

/** A run that is worth replaying: it takes its own way through the workflows. */
interface Scenario {
  simulator?: NonNullable<NonNullable<Parameters<typeof createHarness>[1]>['simulator']>;
  pictures?: number;
  input?: Partial<RunInput>;
  /** Events after which the run continues as new. */
  continueAsNewAt?: number;
  /** What is done to it until it has ended. */
  act(stage: Stage): Promise<unknown>;
}

/** Slow enough to be caught in the middle. */
const SLOW = { latency: { medianMs: 300 } };

const SCENARIOS: Record<string, Scenario> = {
  complete: { act: ({ run }) => run.result() },
  failures: {
    input: { concurrency: 1 },
    simulator: {
      faults: [
        { kind: 'refusal', from: 2, count: 2 },
        { kind: 'malformed-json', from: 5, count: 4 },
      ],
    },
    act: ({ run }) => run.result(),
  },
  // Several calls end in one task of the workflow: the order of what follows is part of the history.
  crowded: {
    pictures: 16,
    input: { batchSize: 16, concurrency: 10 },
    simulator: {
      latency: { medianMs: 5 },
      faults: [
        { kind: 'malformed-json', share: 0.2 },
        { kind: 'refusal', share: 0.1 },
      ],
    },
    act: ({ run }) => run.result(),
  },
  paused: {
    simulator: SLOW,
    async act({ run, asked }) {
      await asked(3);
      await run.executeUpdate('pause');
      await new Promise((done) => setTimeout(done, 1_000));
      await run.executeUpdate('resume');
      await run.result();
    },
  },
  blocked: {
    simulator: SLOW,
    async act({ harness, run, asked }) {
      await asked(3);
      harness.simulator.setKeys(['sk-another']);
      await until(async () => (await harness.progress(run)).state === 'blocked');
      harness.simulator.setKeys(null);
      await run.executeUpdate('resume');
      await run.result();
    },
  },
  'blocked-at-once': {
    simulator: { faults: [{ kind: 'insufficient-quota', share: 1 }] },
    act: ({ run }) => ended(run),
  },
  cancelled: {
    simulator: SLOW,
    async act({ run, asked }) {
      await asked(3);
      await run.cancel();
      await ended(run);
    },
  },
  'cancelled-with-a-call-that-hangs': {
    simulator: { ...SLOW, faults: [{ kind: 'hang-before', from: 3, count: 1 }] },
    async act({ run, asked }) {
      await asked(4);
      await run.cancel();
      await ended(run);
    },
  },
  'batch-terminated': {
    simulator: SLOW,
    async act({ harness, run, asked }) {
      await asked(3);
      await batchOf(harness, run).terminate('by hand');
      await run.result();
    },
  },
  'batch-cancelled': {
    simulator: SLOW,
    async act({ harness, run, asked }) {
      await asked(3);
      await batchOf(harness, run).cancel();
      await run.result();
    },
  },
  'continued-as-new': {
    pictures: 6,
    input: { batchSize: 1, concurrency: 2 },
    continueAsNewAt: 50,
    act: ({ run }) => run.result(),
  },
  resumed: {
    simulator: SLOW,
    async act({ run, asked, resume }) {
      await asked(3);
      await run.terminate('by hand');
      await new Promise((done) => setTimeout(done, 1_500));
      await (await resume()).result();
    },
  },
  'failures-retried': {
    input: { batchSize: 1, concurrency: 1 },
    simulator: { latency: { medianMs: 200 }, faults: [{ kind: 'malformed-json', from: 2, count: 2 }] },
    async act({ harness, run, asked }) {
      await asked(3);
      await until(async () => (await harness.progress(run)).batchesDone >= 1);
      await run.executeUpdate('retryFailed');
      await run.result();
    },
  },
  reset: {
    simulator: SLOW,
    async act({ harness, run, asked }) {
      await asked(3);
      const { events } = await run.fetchHistory();
      const tasks = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
      await harness.client.workflowService.resetWorkflowExecution({
        namespace: harness.config.namespace,
        workflowExecution: { workflowId: run.workflowId },
        reason: 'by hand',
        requestId: randomUUID(),
        workflowTaskFinishEventId: tasks.at(-1)?.eventId ?? null,
      });
      await harness.client.workflow.getHandle(run.workflowId).result();
    },
  },
};

const PROMPTS: NonNullable<RunInput['prompts']> = {
  instructions: 'Look at the picture.',
  prompts: [
    { id: 'pothole-detection', name: 'Pothole Detection', text: 'Are there potholes in the road?' },
    { id: 'crowd-detection', name: 'Crowd Detection', text: 'Is there a crowd of people?' },
  ],
};

/** Plays a scenario and gives every history that it left, by file name. */
async function play(name: string, scenario: Scenario): Promise<Map<string, string>> {
  const { continueAsNewAt: at, pictures = 3, simulator } = scenario;
  const dynamicConfig = at === undefined ? [] : [`limit.historyCount.suggestContinueAsNew=${at}`];
  const server = await startTemporal({ dynamicConfig });
  const harness = await createHarness(server, {
    simulator: { latency: { medianMs: 20 }, ...simulator },
    env: { TASK_QUEUE: 'histories' },
  });
  const start = (input: RunInput | ResumeInput): Promise<Run> =>
    harness.client.workflow.start<(input: RunInput | ResumeInput) => Promise<RunResult>>('analyzeImages', {
      workflowId: `image-analysis-${name}`,
      taskQueue: harness.config.taskQueue,
      args: [input],
    });
  try {
    const source = await harness.pictures(pictures, distinctPicture);
    await scenario.act({
      harness,
      run: await start({ source, name, prompts: PROMPTS, batchSize: 2, ...scenario.input }),
      asked: (calls) => until(async () => harness.simulator.ledger.length >= calls),
      resume: (retry) => start({ resumeOf: name, ...retry }),
    });
    return await historiesOf(name, server, harness);
  } finally {
    await harness.close();
    await server.close();
  }
}

async function historiesOf(
  name: string,
  server: TemporalServer,
  { client, folder }: Harness,
): Promise<Map<string, string>> {
  const histories = new Map<string, string>();
  for (const { workflowId, runId } of await executions(client)) {
    const of = workflowId.replace(`image-analysis-${name}`, '').slice(1) || 'run';
    // The other batches go the same way.
    if (!['run', 'batch-1'].includes(of)) continue;
    let file = `${name}.${of}.json`;
    for (let n = 2; histories.has(file); n += 1) file = `${name}.${of}.${n}.json`;
    const shown = await server.temporal(
      'workflow',
      'show',
      '-w',
      workflowId,
      '-r',
      runId,
      '--output',
      'json',
    );
    histories.set(file, textOf(neutral(JSON.parse(shown), [folder, hostname(), cwd()])));
  }
  return histories;
}

/** Of all that ran at the server, in the order of their starts; all of it has ended. */
async function executions(client: Client): Promise<{ workflowId: string; runId: string }[]> {
  return until(async () => {
    const found: WorkflowExecutionInfo[] = [];
    for await (const execution of client.workflow.list()) found.push(execution);
    if (found.length === 0 || found.some(({ status }) => status.name === 'RUNNING')) return null;
    return found.sort((a, b) => a.startTime.getTime() - b.startTime.getTime());
  });
}

/** What replaying an event does not need: most of it is this machine's. */
const LEFT_OUT =
  /^(attempt|header|heartbeatTimeout|historySizeBytes|identity|kind|meteringMetadata|namespaceId|normalName|requestId|retryPolicy|schedule\w+Timeout|stackTrace|startToCloseTimeout|taskId|userMetadata|workerVersion)$/;

/** Without what is this machine's: in texts, and in payloads, which are texts in base64. */
function neutral(value: unknown, names: string[], key = ''): unknown {
  const plain = (text: string): string =>
    names.reduce((all, name) => all.replaceAll(name, '/recorded'), text);
  if (typeof value === 'string') {
    if (key !== 'data') return plain(value);
    return Buffer.from(plain(Buffer.from(value, 'base64').toString())).toString('base64');
  }
  if (Array.isArray(value)) return value.map((item) => neutral(item, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !LEFT_OUT.test(name))
      .map(([name, item]) => [name, neutral(item, names, name)]),
  );
}

/** One event a line. */
function textOf(history: unknown): string {
  const { events } = history as { events: unknown[] };
  return `{"events":[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]}\n`;
}

const ended = (run: Run): Promise<unknown> =>
  run.result().catch((err: unknown) => {
    if (!(err instanceof WorkflowFailedError)) throw err;
  });

const batchOf = ({ client }: Harness, { workflowId }: Run): WorkflowHandle =>
  client.workflow.getHandle(`${workflowId}-batch-1`);

const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
const into = join('test', 'histories', argv[2] ?? version);
await rm(into, { recursive: true, force: true });
await mkdir(into, { recursive: true });
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  const histories = await play(name, scenario);
  for (const [file, text] of histories) await writeFile(join(into, file), text);
  console.log(`${name}: ${[...histories.keys()].join(' ')}`);
}
