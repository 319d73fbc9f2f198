import { readFileSync } from 'node:fs';
import { ApplicationFailure, type MetricMeter } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { describe, expect, test } from 'vitest';
import type { Allowance, Share } from '../../src/activities/allowance.ts';
import { type Model, ModelError, type ModelReply, type ModelRequest } from '../../src/activities/ports.ts';
import { OWN_METRICS, SDK_METRICS } from '../../src/worker/metric-names.ts';
import { BUCKETS, createTelemetry } from '../../src/worker/telemetry.ts';

type Tags = Record<string, string | number | boolean>;

/** A meter that keeps what it is told: `name{label="value"}` to the sum of a counter, the last of a gauge, all of a histogram. */
function createMeter() {
  const made = new Map<string, string>();
  const seen = new Map<string, number[]>();
  const key = (name: string, tags: Tags = {}): string => {
    const labels = Object.entries(tags).map(([label, value]) => `${label}="${value}"`);
    return labels.length === 0 ? name : `${name}{${labels.sort().join(',')}}`;
  };
  const keep =
    (name: string) =>
    (value: number, tags?: Tags): void => {
      seen.set(key(name, tags), [...(seen.get(key(name, tags)) ?? []), value]);
    };
  const of = (name: string, kind: string, description = '') => {
    made.set(name, kind);
    const record = keep(name);
    return { name, kind, description, add: record, record, set: record };
  };
  const meter = {
    createCounter: (name: string, _unit?: string, what?: string) => of(name, 'counter', what),
    createHistogram: (name: string, _type?: string, _unit?: string, what?: string) =>
      of(name, 'histogram', what),
    createGauge: (name: string, _type?: string, _unit?: string, what?: string) => of(name, 'gauge', what),
  };
  return {
    meter: meter as unknown as MetricMeter,
    made,
    sum: (name: string) => seen.get(name)?.reduce((total, value) => total + value, 0),
    values: (name: string) => seen.get(name) ?? [],
    keys: () => [...seen.keys()],
  };
}

const NOW = Date.parse('2026-11-24T10:00:00Z');

function setUp() {
  const metrics = createMeter();
  return { ...metrics, telemetry: createTelemetry(metrics.meter, { model: 'gpt-4o', now: () => NOW }) };
}

const request = { model: 'gpt-4o' } as ModelRequest;

const reply = (change: Partial<ModelReply> = {}): ModelReply => ({
  text: '{}',
  refusal: null,
  finish: 'stop',
  usage: { inputTokens: 1_400, cachedTokens: 0, outputTokens: 40, totalTokens: 1_440 },
  model: 'gpt-4o-2026',
  requestId: 'req_1',
  rate: { limits: {} },
  ...change,
});

const api = (status: number, code: string | null): ModelError =>
  new ModelError('no', { origin: 'api', status, code });

async function ask(model: Model): Promise<unknown> {
  return model.ask(request, new AbortController().signal).catch((err: unknown) => err);
}

const modelOf = (outcome: ModelReply | Error): Model => ({
  ask: () => (outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome)),
  check: () => Promise.resolve(),
});

describe('a call to the model', () => {
  test.each<[string, string, ModelReply | Error]>([
    ['an answer', 'answered', reply()],
    ['an answer that was cut off', 'answered', reply({ finish: 'length' })],
    ['a refusal', 'refused', reply({ refusal: 'no' })],
    ['a filtered answer', 'refused', reply({ finish: 'filter' })],
    ['a refusal by status', 'refused', api(400, 'content_policy_violation')],
    ['a limit', 'rate_limited', api(429, 'rate_limit_exceeded')],
    ['a request to slow down', 'rate_limited', api(503, 'slow_down')],
    ['a quota, which is no rate', 'failed', api(429, 'insufficient_quota')],
    ['a wrong key', 'failed', api(401, 'invalid_api_key')],
    ['an error of the server', 'failed', api(500, null)],
    ['no connection', 'failed', new ModelError('reset', { origin: 'connection' })],
    ['a time-out', 'timeout', new ModelError('late', { origin: 'timeout' })],
    ['one that was given up', 'aborted', new ModelError('off', { origin: 'aborted' })],
    ['a fault of ours', 'failed', new Error('bug')],
  ])('%s counts as %s, with its time', async (_name, outcome, what) => {
    const { telemetry, sum, values, keys } = setUp();
    expect(await ask(telemetry.model(modelOf(what)))).toBe(what);
    expect(sum(`image_analysis_requests_total{model="gpt-4o",outcome="${outcome}"}`)).toBe(1);
    const counted = keys().filter((key) => key.startsWith('image_analysis_requests_total'));
    expect(counted.map((key) => sum(key)).reduce((a = 0, b = 0) => a + b, 0)).toBe(1);
    expect(values('image_analysis_call_duration_seconds{model="gpt-4o"}')).toHaveLength(1);
  });

  test('counts the tokens of the bill, and none where there is no bill', async () => {
    const { telemetry, sum } = setUp();
    await ask(telemetry.model(modelOf(reply())));
    await ask(telemetry.model(modelOf(reply({ usage: null }))));
    await ask(telemetry.model(modelOf(api(500, null))));
    expect(sum('image_analysis_tokens_total{kind="input",model="gpt-4o"}')).toBe(1_400);
    expect(sum('image_analysis_tokens_total{kind="output",model="gpt-4o"}')).toBe(40);
  });

  test('that costs nothing is not counted', async () => {
    const { telemetry, sum } = setUp();
    await telemetry.model(modelOf(reply())).check('gpt-4o');
    expect(sum('image_analysis_requests_total{model="gpt-4o",outcome="answered"}')).toBe(0);
  });
});

/** Runs an activity under the interceptor, as a worker does. */
async function activity(
  factory: ActivityInterceptorsFactory,
  activityType: string,
  outcome: unknown,
  args: unknown[] = [{ page: 0, image: 3, prompt: 'people' }],
): Promise<unknown> {
  const ctx = { info: { activityType } } as Parameters<ActivityInterceptorsFactory>[0];
  const run = factory(ctx).inbound?.execute;
  if (run === undefined) throw new Error('nothing is intercepted');
  return run({ args, headers: {} }, () =>
    outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome),
  );
}

describe('what an activity ends with', () => {
  const now = new Date(NOW).toISOString();
  const before = new Date(NOW - 60_000).toISOString();

  test('an answer that the model gave, by prompt and match', async () => {
    const { telemetry, sum } = setUp();
    const answer = { match: true, sentAt: now };
    expect(await activity(telemetry.interceptor, 'askModel', answer)).toBe(answer);
    await activity(telemetry.interceptor, 'askModel', { match: false, sentAt: now });
    expect(sum('image_analysis_answers_total{match="true",prompt="people"}')).toBe(1);
    expect(sum('image_analysis_answers_total{match="false",prompt="people"}')).toBe(1);
    expect(sum('image_analysis_recalled_answers_total')).toBe(0);
  });

  test('answers that were found: of another run, of an attempt that was lost, of a whole batch', async () => {
    const { telemetry, sum, keys } = setUp();
    await activity(telemetry.interceptor, 'askModel', { match: true, sentAt: now, recalledFrom: 'other' });
    await activity(telemetry.interceptor, 'askModel', { match: true, sentAt: before });
    await activity(telemetry.interceptor, 'openBatch', [
      { index: 0, name: 'a', recalled: { people: {}, cars: {} } },
      { index: 1, name: 'b' },
    ]);
    expect(sum('image_analysis_recalled_answers_total')).toBe(4);
    expect(keys().filter((key) => key.startsWith('image_analysis_answers_total'))).toEqual([]);
  });

  test('a question that is given up counts, one that is asked again does not', async () => {
    const { telemetry, sum, keys } = setUp();
    const given = ApplicationFailure.create({ type: 'InvalidImage', nonRetryable: true });
    await expect(activity(telemetry.interceptor, 'askModel', given)).rejects.toBe(given);
    const again = ApplicationFailure.create({ type: 'RateLimited' });
    await expect(activity(telemetry.interceptor, 'askModel', again)).rejects.toBe(again);
    await expect(activity(telemetry.interceptor, 'askModel', new Error('bug'))).rejects.toThrow('bug');
    await expect(activity(telemetry.interceptor, 'planRun', given)).rejects.toBe(given);
    expect(sum('image_analysis_errors_total{kind="InvalidImage"}')).toBe(1);
    expect(keys().filter((key) => key.startsWith('image_analysis_errors_total'))).toHaveLength(1);
  });

  test.each(['key', 'quota', 'permission', 'place', 'disk'])('a block because of %s', async (cause) => {
    const { telemetry, sum } = setUp();
    expect(sum(`image_analysis_outages_total{cause="${cause}"}`)).toBe(0);
    const blocked = ApplicationFailure.create({ type: 'Blocked', nonRetryable: true, details: [{ cause }] });
    await expect(activity(telemetry.interceptor, 'saveBatch', blocked)).rejects.toBe(blocked);
    expect(sum(`image_analysis_outages_total{cause="${cause}"}`)).toBe(1);
    expect(sum('image_analysis_errors_total{kind="Blocked"}')).toBeUndefined();
  });
});

test('a share that had to be waited for is timed, and handed on as it is', async () => {
  const { telemetry, values } = setUp();
  const share = {} as Share;
  const allowance = telemetry.allowance({
    acquire: () => new Promise((resolve) => setTimeout(() => resolve(share), 30)),
    closed: () => true,
  } as unknown as Allowance);
  expect(await allowance.acquire(1_500, new AbortController().signal)).toBe(share);
  expect(allowance.closed()).toBe(true);
  const [seconds = 0] = values('image_analysis_allowance_wait_seconds');
  expect(seconds).toBeGreaterThan(0.02);
  expect(seconds).toBeLessThan(10);
});

test('the gauges hold the last value', () => {
  const { telemetry, values } = setUp();
  telemetry.limits({ requestsPerMinute: 480, tokensPerMinute: 28_000.4 });
  telemetry.backlog('image-analysis', 17);
  expect(values('image_analysis_limit_requests_per_minute')).toEqual([480]);
  expect(values('image_analysis_limit_tokens_per_minute')).toEqual([28_000]);
  expect(values('image_analysis_backlog{queue="image-analysis"}')).toEqual([17]);
});

describe('the list of names', () => {
  test('has each metric that is made, as it is made', () => {
    const { made } = setUp();
    expect(Object.fromEntries(made)).toEqual(
      Object.fromEntries(OWN_METRICS.map(({ name, type }) => [name, type])),
    );
    expect(Object.keys(BUCKETS).every((name) => made.get(name) === 'histogram')).toBe(true);
  });

  test('is that of the document', () => {
    const document = readFileSync('docs/observability.md', 'utf8');
    for (const { name, type, labels, what } of [...OWN_METRICS, ...SDK_METRICS]) {
      const row = document.split('\n').find((line) => line.startsWith(`| \`${name}\``));
      const cells = (row ?? '').split('|').map((cell) => cell.trim());
      expect(cells.slice(2, 5)).toEqual([type, labels.map((label) => `\`${label}\``).join(', '), what]);
    }
  });
});
