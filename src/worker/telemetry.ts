import { Context } from '@temporalio/activity';
import { ApplicationFailure, type MetricMeter, type MetricTags } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Allowance } from '../activities/allowance.ts';
import type { AskInput } from '../activities/ask-model.ts';
import { decisionFor } from '../activities/failure-table.ts';
import type { BatchImage } from '../activities/index.ts';
import { type Model, ModelError, type ModelReply } from '../activities/ports.ts';
import type { AccountLimits, AskResult, BlockCause } from '../shared/types.ts';
import { OWN_METRICS, type OwnMetric } from './metric-names.ts';

/** Counts what a worker does. It stands around the parts and inside none: they work the same without it. */
export interface Telemetry {
  /** The model, each of whose calls is counted. */
  model(model: Model): Model;
  /** The allowance, each of whose shares is timed. */
  allowance(allowance: Allowance): Allowance;
  /** For every worker of the process: counts what its activities end with. */
  interceptor: ActivityInterceptorsFactory;
  limits(limits: Pick<AccountLimits, 'requestsPerMinute' | 'tokensPerMinute'>): void;
  backlog(queue: string, tasks: number): void;
}

const OUTCOMES = ['answered', 'rate_limited', 'timeout', 'refused', 'failed', 'aborted'] as const;
type Outcome = (typeof OUTCOMES)[number];

const CAUSES: readonly BlockCause[] = ['key', 'quota', 'permission', 'place', 'disk'];

/** Upper bounds of the histograms' buckets, in seconds: a call may take two minutes, a wait as long as a run. */
export const BUCKETS: Record<string, number[]> = {
  image_analysis_call_duration_seconds: [0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 20, 30, 60, 120],
  image_analysis_allowance_wait_seconds: [0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600],
} satisfies Partial<Record<OwnMetric, number[]>>;

/**
 * Our metrics (`metric-names.ts`) on the SDK's meter, which serves them beside its own. `model`: the one that the worker
 * asks unless a run names another; its rows are there from the start, at nought, for a rate has no value before the
 * second sample. No label holds a word of a picture, its name or an answer.
 */
export function createTelemetry(
  meter: MetricMeter,
  options: { model: string; now?: () => number },
): Telemetry {
  const { now = () => Date.now() } = options;
  const metrics = metricsOf(meter);
  const requests = metrics.counter('image_analysis_requests_total');
  const tokens = metrics.counter('image_analysis_tokens_total');
  const answers = metrics.counter('image_analysis_answers_total');
  const recalled = metrics.counter('image_analysis_recalled_answers_total');
  const errors = metrics.counter('image_analysis_errors_total');
  const outages = metrics.counter('image_analysis_outages_total');
  const duration = metrics.histogram('image_analysis_call_duration_seconds');
  const wait = metrics.histogram('image_analysis_allowance_wait_seconds');
  const requestLimit = metrics.gauge('image_analysis_limit_requests_per_minute');
  const tokenLimit = metrics.gauge('image_analysis_limit_tokens_per_minute');
  const backlog = metrics.gauge('image_analysis_backlog');

  for (const outcome of OUTCOMES) requests(0, { model: options.model, outcome });
  for (const kind of ['input', 'output']) tokens(0, { model: options.model, kind });
  for (const cause of CAUSES) outages(0, { cause });
  recalled(0);

  function called(model: string, outcome: Outcome, startedAt: number): void {
    requests(1, { model, outcome });
    duration((performance.now() - startedAt) / 1_000, { model });
  }

  function succeeded(type: string, args: readonly unknown[], result: unknown, startedAt: number): void {
    if (type === 'askModel') {
      const { prompt } = args[0] as AskInput;
      const { match, recalledFrom, sentAt } = result as AskResult;
      // An answer that was sent for before this attempt began was found.
      if (recalledFrom !== undefined || Date.parse(sentAt) < startedAt) recalled(1);
      else answers(1, { prompt, match: String(match) });
    }
    if (type === 'openBatch') {
      const known = (result as BatchImage[]).map((image) => Object.keys(image.recalled ?? {}).length);
      const sum = known.reduce((total, n) => total + n, 0);
      if (sum > 0) recalled(sum);
    }
  }

  function failed(type: string, err: unknown): void {
    if (!(err instanceof ApplicationFailure) || err.nonRetryable !== true) return;
    if (err.type === 'Blocked') {
      const cause = (err.details?.[0] as { cause?: BlockCause } | undefined)?.cause;
      outages(1, { cause: cause ?? 'place' });
    } else if (type === 'askModel') errors(1, { kind: err.type ?? 'Unclassified' });
  }

  return {
    model: (model) => ({
      check: model.check,
      async ask(request, signal) {
        const startedAt = performance.now();
        try {
          const reply = await model.ask(request, signal);
          called(request.model, outcomeOf(reply), startedAt);
          if (reply.usage !== null) {
            tokens(reply.usage.inputTokens, { model: request.model, kind: 'input' });
            tokens(reply.usage.outputTokens, { model: request.model, kind: 'output' });
          }
          return reply;
        } catch (err) {
          called(request.model, outcomeOfError(err), startedAt);
          throw err;
        }
      },
    }),
    allowance: (allowance) => ({
      ...allowance,
      claim() {
        const share = allowance.claim();
        // It came with the task, which waited in the queue until the limiter let the worker take it.
        if (share !== null) wait(Math.max(0, now() - scheduledAt()) / 1_000);
        return share;
      },
      async acquire(cost, signal) {
        const startedAt = performance.now();
        const share = await allowance.acquire(cost, signal);
        wait((performance.now() - startedAt) / 1_000);
        return share;
      },
    }),
    interceptor: ({ info }) => ({
      inbound: {
        async execute(input, next) {
          const startedAt = now();
          try {
            const result = await next(input);
            succeeded(info.activityType, input.args, result, startedAt);
            return result;
          } catch (err) {
            failed(info.activityType, err);
            throw err;
          }
        },
      },
    }),
    limits({ requestsPerMinute, tokensPerMinute }) {
      requestLimit(Math.round(requestsPerMinute));
      tokenLimit(Math.round(tokensPerMinute));
    },
    backlog: (queue, tasks) => backlog(tasks, { queue }),
  };
}

const scheduledAt = (): number => Context.current().info.currentAttemptScheduledTimestampMs;

const outcomeOf = (reply: ModelReply): Outcome =>
  reply.refusal !== null || reply.finish === 'filter' ? 'refused' : 'answered';

/** As the table of failures reads it: a quota that is used up is no rate, whatever its status. */
function outcomeOfError(err: unknown): Outcome {
  if (!(err instanceof ModelError)) return 'failed';
  if (err.origin === 'aborted' || err.origin === 'timeout') return err.origin;
  const decision = decisionFor(err);
  if (decision.do === 'wait' || decision.do === 'slow-down') return 'rate_limited';
  return decision.do === 'reask' && decision.kind === 'Refused' ? 'refused' : 'failed';
}

/** The meter in the names of the list, which also holds what each metric is. */
function metricsOf(meter: MetricMeter) {
  const what = (name: OwnMetric): string =>
    (OWN_METRICS.find((metric) => metric.name === name)?.what ?? '').replaceAll('`', '');
  return {
    counter(name: OwnMetric) {
      const counter = meter.createCounter(name, undefined, what(name));
      return (n: number, tags: MetricTags = {}): void => counter.add(n, tags);
    },
    histogram(name: OwnMetric) {
      const histogram = meter.createHistogram(name, 'float', undefined, what(name));
      return (seconds: number, tags: MetricTags = {}): void => histogram.record(seconds, tags);
    },
    gauge(name: OwnMetric) {
      const gauge = meter.createGauge(name, 'int', undefined, what(name));
      return (value: number, tags: MetricTags = {}): void => gauge.set(value, tags);
    },
  };
}
