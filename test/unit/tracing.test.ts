import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ModelError, type ModelReply, type ModelRequest } from '../../src/activities/ports.ts';
import { serverAttributes } from '../../src/worker/tracing-attributes.ts';
import { createTracing, spanContextOf, type Tracing } from '../../src/worker/tracing.ts';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../helpers/otlp-receiver.ts';

const RUN_ID = '0199f3a2-7c11-7d3e-9a55-0123456789ab';
const TRACE_ID = '0199f3a27c117d3e9a550123456789ab';
const STARTER = '0199f3a2-0000-7d3e-9a55-aaaaaaaaaaaa';

/** Where each text of a call stands, and must not come out. */
const CANARY = 'canary-9f8e7d6c';
const request: ModelRequest = {
  model: 'gpt-4o',
  api: 'responses',
  instructions: `${CANARY}-instructions`,
  question: `${CANARY}-question`,
  schema: { name: 'answer', schema: { title: `${CANARY}-schema` } },
  imageUrl: `https://storage.googleapis.com/b/${CANARY}.jpg?X-Goog-Signature=${CANARY}`,
  detail: 'high',
  maxOutputTokens: 300,
  cacheKey: `${CANARY}-cache`,
};
const reply: ModelReply = {
  text: `{"description":"${CANARY}-description"}`,
  refusal: null,
  finish: 'stop',
  usage: { inputTokens: 1_400, cachedTokens: 1_024, outputTokens: 40, totalTokens: 1_440 },
  model: 'gpt-4o-2026-08-06',
  requestId: 'req_123',
  responseId: 'resp_123',
  rate: { limits: {} },
};

let receiver: OtlpReceiver;
let tracing: Tracing;

const create = (endpoint: string, logger = pino({ level: 'silent' })): Tracing =>
  createTracing({
    endpoint,
    version: '1.2.3',
    baseUrl: 'https://api.openai.com/v1',
    simulated: true,
    logger,
  });

beforeEach(async () => {
  receiver = await startOtlpReceiver();
  tracing = create(receiver.url);
});
afterEach(async () => {
  await tracing.close();
  await receiver.close();
});

/** What came to the collector, by name. */
async function spans(): Promise<Map<string, ReceivedSpan>> {
  await tracing.close();
  return new Map(receiver.spans().map((span) => [span.name, span]));
}

function activity(act: () => Promise<unknown>, activityType = 'askModel'): Promise<unknown> {
  const ctx = {
    info: {
      activityType,
      activityId: '17',
      attempt: 2,
      workflowExecution: { workflowId: 'image-analysis-x-batch-1', runId: RUN_ID },
    },
  } as Parameters<ActivityInterceptorsFactory>[0];
  const run = tracing.interceptor(ctx).inbound?.execute;
  if (run === undefined) throw new Error('nothing is intercepted');
  const input = { run: CANARY, results: CANARY, page: 3, image: 5, prompt: 'people' };
  return run({ args: [input], headers: {} }, act);
}

function workflowEnds(outcome: 'completed' | 'failed', parent?: { runId: string }): void {
  const info = {
    workflowId: 'image-analysis-x-batch-1',
    workflowType: 'analyzeBatch',
    runId: RUN_ID,
    runStartTime: new Date('2026-11-24T10:00:00Z'),
    taskQueue: 'image-analysis',
    memo: { secret: `${CANARY}-memo` },
    parent,
  };
  void tracing.sinks.tracing.ended.fn(
    info as unknown as Parameters<typeof tracing.sinks.tracing.ended.fn>[0],
    outcome,
  );
}

describe('spans', () => {
  test('of HTTP request, call, activity and workflow hang together, under IDs that follow from the run ID', async () => {
    const api = createServer((_request, response) => response.writeHead(200).end('{}')).listen(
      0,
      '127.0.0.1',
    );
    await once(api, 'listening');
    const model = tracing.model({
      check: () => Promise.resolve(),
      async ask() {
        await tracing.fetch(`http://127.0.0.1:${(api.address() as AddressInfo).port}/${CANARY}`, {
          method: 'POST',
          body: CANARY,
        });
        return reply;
      },
    });
    await activity(() => model.ask(request, new AbortController().signal));
    workflowEnds('completed', { runId: STARTER });
    api.close();
    const found = await spans();
    const [workflow, run, chat, http] = [
      'RunWorkflow:analyzeBatch',
      'RunActivity:askModel',
      'chat gpt-4o',
      'POST',
    ].map((name) => found.get(name));
    expect(found.size).toBe(4);
    for (const span of found.values()) expect(span.traceId).toBe(TRACE_ID);
    expect(workflow?.spanId).toBe(TRACE_ID.slice(16));
    expect(workflow?.parentSpanId).toBeUndefined();
    expect(run?.parentSpanId).toBe(workflow?.spanId);
    expect(chat?.parentSpanId).toBe(run?.spanId);
    expect(http?.parentSpanId).toBe(chat?.spanId);
    expect(workflow?.links).toMatchObject([{ traceId: STARTER.replaceAll('-', '') }]);
    expect(workflow?.startTimeUnixNano).toBe('1795514400000000000');
    expect(run?.attributes).toEqual({
      temporalActivityId: '17',
      temporalWorkflowId: 'image-analysis-x-batch-1',
      run_id: RUN_ID,
      'image_analysis.attempt': 2,
      'image_analysis.page': 3,
      'image_analysis.image': 5,
      'image_analysis.prompt': 'people',
    });
    expect(chat?.kind).toBe(3);
    expect(chat?.attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.request.max_tokens': 300,
      'gen_ai.output.type': 'json',
      'openai.api.type': 'responses',
      'server.address': 'api.openai.com',
      'server.port': 443,
      'image_analysis.simulated': true,
      'gen_ai.response.model': 'gpt-4o-2026-08-06',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.response.id': 'resp_123',
      'http.response.header.x-request-id': ['req_123'],
      'gen_ai.usage.input_tokens': 1_400,
      'gen_ai.usage.output_tokens': 40,
      'gen_ai.usage.cache_read.input_tokens': 1_024,
    });
    expect(http?.attributes).toEqual({
      'http.request.method': 'POST',
      'server.address': 'api.openai.com',
      'server.port': 443,
      'http.response.status_code': 200,
    });
    expect(receiver.raw()).not.toContain(CANARY);
  });

  test('of what failed say of which kind, and quote no message', async () => {
    const error = new ModelError(`Incorrect API key ${CANARY}`, {
      origin: 'api',
      status: 401,
      code: 'invalid_api_key',
      requestId: 'req_9',
    });
    const model = tracing.model({ check: () => Promise.resolve(), ask: () => Promise.reject(error) });
    const failure = ApplicationFailure.create({ type: 'Blocked', message: CANARY, details: [CANARY] });
    await expect(
      activity(async () => {
        await expect(model.ask(request, new AbortController().signal)).rejects.toBe(error);
        throw failure;
      }),
    ).rejects.toBe(failure);
    workflowEnds('failed');
    const found = await spans();
    expect(found.get('chat gpt-4o')?.attributes).toMatchObject({
      'error.type': 'invalid_api_key',
      'http.response.status_code': 401,
      'http.response.header.x-request-id': ['req_9'],
    });
    expect(found.get('RunActivity:askModel')?.attributes).toMatchObject({ 'error.type': 'Blocked' });
    expect([...found.values()].map(({ status }) => status.code)).toEqual([2, 2, 2]);
    expect(receiver.raw()).not.toContain(CANARY);
  });

  test('of other activities know nothing of their input', async () => {
    await activity(() => Promise.resolve(), 'planRun');
    const found = await spans();
    expect(Object.keys(found.get('RunActivity:planRun')?.attributes ?? {}).sort()).toEqual(
      ['image_analysis.attempt', 'run_id', 'temporalActivityId', 'temporalWorkflowId'].sort(),
    );
  });
});

test('a collector that takes no traces is told once, and the work goes on', async () => {
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  await tracing.close();
  tracing = create(`${receiver.url}/nowhere`, logger);
  expect(await activity(() => Promise.resolve('done'))).toBe('done');
  await tracing.close();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('traces cannot be sent');
});

test('a collector that is gone does not keep the worker from ending', async () => {
  await tracing.close();
  tracing = create('http://127.0.0.1:9');
  await activity(() => Promise.resolve('done'));
  const started = performance.now();
  await tracing.close();
  expect(performance.now() - started).toBeLessThan(6_000);
}, 20_000);

test.each([
  [RUN_ID, TRACE_ID],
  [RUN_ID.toUpperCase(), TRACE_ID],
])('the trace of the run %s has its ID', (runId, traceId) => {
  expect(spanContextOf(runId)).toMatchObject({ traceId, spanId: traceId.slice(16), traceFlags: 1 });
});

test('a run ID that is no UUID gives IDs all the same', () => {
  expect(spanContextOf('run-1').traceId).toMatch(/^[\da-f]{32}$/);
  expect(spanContextOf('run-1')).toEqual(spanContextOf('run-1'));
  expect(spanContextOf('run-1').traceId).not.toBe(spanContextOf('run-2').traceId);
});

test.each([
  ['https://api.openai.com/v1', 'api.openai.com', 443],
  ['http://127.0.0.1:8080/v1', '127.0.0.1', 8080],
  ['http://[::1]/v1', '::1', 80],
])('%s is told as host and port', (url, host, port) => {
  expect(serverAttributes(url)).toEqual({ 'server.address': host, 'server.port': port });
});
