import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { RunInput, RunResult } from '../../src/shared/types.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { OWN_METRICS, SDK_METRICS } from '../../src/worker/metric-names.ts';
import { loadPrompts } from '../../src/worker/prompts-file.ts';
import { CANARY_KEY, distinctPicture } from '../helpers/cli.ts';
import { freePort } from '../helpers/free-port.ts';
import { decodedHistory } from '../helpers/history.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../helpers/otlp-receiver.ts';
import { until } from '../helpers/until.ts';

const PICTURES = 6;
const QUEUE = `observed-${Math.random().toString(36).slice(2)}`;
const WORKFLOW = `image-analysis-${QUEUE}`;

let folder: string;
let simulator: Simulator;
let receiver: OtlpReceiver;
let connection: Connection;
let client: Client;
let worker: ChildProcess;
let log = '';
let metrics: string;
let health: string;
let result: RunResult;

const get = async (url: string): Promise<{ status: number; text: string }> => {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
};

/** One run by a worker of its own process, with everything on; what the tests look at is there afterwards. */
beforeAll(async () => {
  const { address, namespace } = inject('temporal');
  folder = await mkdtemp(join(tmpdir(), 'observed-'));
  for (let i = 0; i < PICTURES; i += 1)
    await writeFile(join(folder, `canary-picture-${i}.jpg`), distinctPicture(i));
  simulator = await startSimulator({
    latency: { medianMs: 20 },
    limits: { requestsPerMinute: 60_000, tokensPerMinute: 60_000_000 },
    faults: [
      { kind: 'rate-limit', count: 1, from: 3 },
      { kind: 'server-error', count: 1, from: 5 },
      // Twice in a row is given up.
      { kind: 'refusal', count: 40, from: 31 },
    ],
  });
  receiver = await startOtlpReceiver();
  const [metricsPort, healthPort] = [await freePort(), await freePort()];
  metrics = `http://127.0.0.1:${metricsPort}/metrics`;
  health = `http://127.0.0.1:${healthPort}`;
  worker = spawn(process.execPath, ['--import', 'tsx', resolve('src/cli.ts'), 'worker'], {
    env: {
      PATH: process.env.PATH ?? '',
      OPENAI_API_KEY: CANARY_KEY,
      OPENAI_BASE_URL: simulator.url,
      SIMULATED: 'true',
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      TASK_QUEUE: QUEUE,
      LIMITS: '3000/5000000',
      RESULTS: join(folder, 'results'),
      METRICS_ADDRESS: `127.0.0.1:${metricsPort}`,
      HEALTH_ADDRESS: `127.0.0.1:${healthPort}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [worker.stdout, worker.stderr])
    stream?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await until(async () => (await get(`${health}/readyz`).catch(() => null))?.status === 200, 50_000).catch(
    () => {
      throw new Error(`the worker does not become ready: ${log}`);
    },
  );
  connection = await Connection.connect({ address });
  client = new Client({ connection, namespace });
  result = await client.workflow.execute<(input: RunInput) => Promise<RunResult>>('analyzeImages', {
    workflowId: WORKFLOW,
    taskQueue: QUEUE,
    args: [{ source: folder, include: ['*.jpg'] }],
  });
}, 120_000);

afterAll(async () => {
  worker.kill('SIGKILL');
  await connection.close();
  await receiver.close();
  await simulator.close();
  await rm(folder, { recursive: true, force: true });
});

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const samplesOf = (text: string): Sample[] =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
      const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
      return {
        name,
        labels: Object.fromEntries(pairs.map(([, k = '', v = '']) => [k, v])),
        value: Number(value),
      };
    });

describe('/metrics after a run', () => {
  let text: string;
  let samples: Sample[];
  beforeAll(async () => {
    ({ text } = await get(metrics));
    samples = samplesOf(text);
  });
  const sum = (name: string, labels: Record<string, string> = {}): number =>
    samples
      .filter((sample) => sample.name === name)
      .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
      .reduce((total, { value }) => total + value, 0);

  test('the run was as it was meant to be', () => {
    expect(result.counts.answered).toBeGreaterThan(20);
    expect(result.counts.failed).toBeGreaterThan(0);
  });

  test.each(OWN_METRICS.map((metric) => [metric.name, metric] as const))(
    '%s is there, with its type and its labels',
    (name, { type, labels }) => {
      expect(text).toContain(`# TYPE ${name} ${type}\n`);
      const found = samples.filter(
        (sample) => sample.name === (type === 'histogram' ? `${name}_count` : name),
      );
      expect(found.length).toBeGreaterThan(0);
      for (const sample of found) expect(Object.keys(sample.labels).sort()).toEqual([...labels].sort());
    },
  );

  /** What needs a worse day than this one: a workflow task or a request to the server that fails. */
  const WORSE = ['temporal_workflow_task_execution_failed', 'temporal_request_failure'];

  test.each(
    SDK_METRICS.filter(({ name }) => !WORSE.includes(name)).map((metric) => [metric.name, metric] as const),
  )('%s of the SDK is there, with its type and its labels', (name, { type, labels }) => {
    expect(text).toContain(`# TYPE ${name} ${type}\n`);
    const found = samples.filter((sample) => sample.name === (type === 'histogram' ? `${name}_count` : name));
    expect(found.length).toBeGreaterThan(0);
    for (const sample of found)
      expect(Object.keys(sample.labels)).toEqual(expect.arrayContaining([...labels]));
  });

  test('the counters count what the provider saw and the run recorded', () => {
    const { ledger } = simulator;
    const of = (outcome: string): number => sum('image_analysis_requests_total', { outcome });
    expect(sum('image_analysis_requests_total')).toBe(ledger.length);
    expect(of('rate_limited')).toBe(1);
    expect(of('failed')).toBe(1);
    expect(of('answered')).toBe(result.counts.answered);
    expect(of('refused')).toBe(2 * result.counts.failed);
    expect(sum('image_analysis_call_duration_seconds_count')).toBe(ledger.length);
    expect(sum('image_analysis_call_duration_seconds_sum')).toBeGreaterThan(0.01 * ledger.length);
    expect(sum('image_analysis_call_duration_seconds_sum')).toBeLessThan(5 * ledger.length);
    const billed = ledger.map(({ usage }) => usage?.inputTokens ?? 0).reduce((a, b) => a + b, 0);
    expect(sum('image_analysis_tokens_total', { kind: 'input' })).toBe(billed);
    expect(sum('image_analysis_tokens_total', { kind: 'output' })).toBeGreaterThan(0);
    expect(sum('image_analysis_answers_total')).toBe(result.counts.answered);
    expect(sum('image_analysis_errors_total', { kind: 'Refused' })).toBe(result.counts.failed);
    expect(sum('image_analysis_recalled_answers_total')).toBe(0);
    expect(sum('image_analysis_outages_total')).toBe(0);
    expect(sum('image_analysis_limit_requests_per_minute')).toBe(3_000);
    expect(sum('image_analysis_limit_tokens_per_minute')).toBe(5_000_000);
    expect(sum('image_analysis_allowance_wait_seconds_count')).toBeGreaterThanOrEqual(ledger.length);
    expect(sum('temporal_activity_execution_failed', { activity_type: 'askModel' })).toBeGreaterThanOrEqual(
      3,
    );
  });

  test('slots of the model queue are told as used only: the limiter gives them', () => {
    const ofModel = (name: string): Sample[] =>
      samples.filter(
        ({ name: other, labels }) =>
          other === name &&
          labels['worker_type'] === 'ActivityWorker' &&
          labels['task_queue']?.startsWith(`${QUEUE}-model-`),
      );
    expect(ofModel('temporal_worker_task_slots_used')).toHaveLength(1);
    expect(ofModel('temporal_worker_task_slots_available')).toHaveLength(0);
  });

  test('durations are in seconds', () => {
    const seconds = sum('temporal_activity_execution_latency_sum', { activity_type: 'askModel' });
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(120);
  });

  test('a backlog is told of both queues', () => {
    const queues = samples
      .filter(({ name }) => name === 'image_analysis_backlog')
      .map(({ labels }) => labels['queue']);
    expect(queues).toHaveLength(2);
    expect(queues).toContain(QUEUE);
  });

  test('no key and no name of a picture is in it', () => {
    expect(text).not.toContain(CANARY_KEY);
    expect(text).not.toContain('canary');
  });
});

test('answers that are recalled are counted', async () => {
  await client.workflow.execute<(input: RunInput) => Promise<RunResult>>('analyzeImages', {
    workflowId: `${WORKFLOW}-again`,
    taskQueue: QUEUE,
    args: [{ source: folder, include: ['*.jpg'], results: join(folder, 'more') }],
  });
  const samples = samplesOf((await get(metrics)).text);
  const recalled = samples.find(({ name }) => name === 'image_analysis_recalled_answers_total');
  expect(recalled?.value).toBeGreaterThanOrEqual(result.counts.answered);
});

describe('traces of a run', () => {
  let spans: ReceivedSpan[];
  const named = (name: string): ReceivedSpan[] => spans.filter((span) => span.name === name);
  const above = (span: ReceivedSpan): ReceivedSpan | undefined =>
    spans.find(({ spanId, traceId }) => spanId === span.parentSpanId && traceId === span.traceId);

  beforeAll(async () => {
    await until(
      async () => receiver.spans().filter(({ name }) => name === 'RunWorkflow:analyzeImages').length >= 2,
    );
    spans = receiver.spans();
  });

  test('lead from the HTTP request over call and activity to the workflow', () => {
    const requests = named('POST').filter(
      (span) => above(span)?.attributes['gen_ai.response.id'] !== undefined,
    );
    expect(requests.length).toBeGreaterThanOrEqual(result.counts.answered);
    for (const http of requests) {
      const chat = above(http);
      expect(chat?.name).toBe('chat gpt-4o');
      const activity = chat && above(chat);
      expect(activity?.name).toBe('RunActivity:askModel');
      const workflow = activity && above(activity);
      expect(workflow?.name).toBe('RunWorkflow:analyzeBatch');
      expect(activity?.attributes['temporalWorkflowId']).toBe(workflow?.attributes['temporalWorkflowId']);
      expect(workflow?.traceId).toBe(String(workflow?.attributes['run_id']).replaceAll('-', ''));
    }
  });

  test('link each batch to its run', () => {
    const runs = new Set(named('RunWorkflow:analyzeImages').map(({ traceId }) => traceId));
    const batches = named('RunWorkflow:analyzeBatch');
    expect(batches.length).toBeGreaterThan(0);
    for (const { links } of batches) expect(runs).toContain(links[0]?.traceId);
  });

  test('hold the names of the conventions, with the tokens of the bill', () => {
    const answered = named('chat gpt-4o').filter(({ attributes }) => attributes['gen_ai.usage.input_tokens']);
    const byRequest = new Map(simulator.ledger.map((entry) => [entry.requestId, entry]));
    expect(answered.length).toBeGreaterThanOrEqual(result.counts.answered);
    for (const { attributes, kind } of answered) {
      expect(kind).toBe(3);
      expect(attributes).toMatchObject({
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.response.id': expect.stringMatching(/^resp_/),
        'server.address': '127.0.0.1',
      });
      const [requestId] = attributes['http.response.header.x-request-id'] as [string];
      expect(attributes['gen_ai.usage.input_tokens']).toBe(byRequest.get(requestId)?.usage?.inputTokens);
    }
  });

  test('hold no key, no picture, no prompt and no answer', async () => {
    const raw = receiver.raw();
    expect(raw).not.toContain(CANARY_KEY);
    expect(raw).not.toContain('canary-picture');
    expect(raw).not.toContain('base64');
    const { description } = JSON.parse(simulator.ledger[0]?.answer ?? '{}') as { description: string };
    expect(description.length).toBeGreaterThan(10);
    expect(raw).not.toContain(description.slice(0, 40));
    const { instructions, prompts } = await loadPrompts(resolve('prompts.yaml'));
    for (const text of [instructions, ...prompts.map((prompt) => prompt.text)])
      expect(raw.includes(text.trim().slice(0, 30))).toBe(false);
  });

  test('leave history as it is without them: nothing is carried in headers', async () => {
    const history = await client.workflow.getHandle(WORKFLOW).fetchHistory();
    const scheduled = (history.events ?? []).flatMap(
      ({
        activityTaskScheduledEventAttributes: activity,
        startChildWorkflowExecutionInitiatedEventAttributes: child,
      }) => [activity, child].flatMap((one) => (one ? [one] : [])),
    );
    expect(scheduled.length).toBeGreaterThan(3);
    for (const { header } of scheduled) expect(Object.keys(header?.fields ?? {})).toEqual([]);
  });
});

test('one id leads from the log over history to the request at the provider', async () => {
  const lines = log.split('\n').filter((line) => line.includes('answered in'));
  const { requestId, activityId, workflowId } = JSON.parse(lines[0] ?? '{}') as Record<string, string>;
  expect(simulator.ledger.map((entry) => entry.requestId)).toContain(requestId);
  const events = await decodedHistory(client, workflowId ?? '');
  expect(JSON.stringify(events)).toContain(requestId);
  const span = receiver
    .spans()
    .find(
      ({ attributes }) =>
        attributes['temporalActivityId'] === activityId && attributes['temporalWorkflowId'] === workflowId,
    );
  expect(span?.name).toBe('RunActivity:askModel');
});

test('at its end the worker is no longer ready, and sends what is left of its traces', async () => {
  expect((await get(`${health}/healthz`)).status).toBe(200);
  const ended = once(worker, 'exit') as Promise<[number | null]>;
  worker.kill('SIGTERM');
  const seen: (number | null)[] = [];
  const looking = setInterval(() => {
    get(`${health}/readyz`).then(
      ({ status }) => seen.push(status),
      () => seen.push(null),
    );
  }, 20);
  const [code] = await ended;
  clearInterval(looking);
  expect(code).toBe(0);
  expect(seen.at(-1)).not.toBe(200);
  expect(log).not.toContain(CANARY_KEY);
  expect(log).not.toContain('traces cannot be sent');
});
