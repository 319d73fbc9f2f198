import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import {
  type Attributes,
  type Context as TraceContext,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, RandomIdGenerator, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Context as ActivityContext } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import type { AskInput } from '../activities/ask-model.ts';
import { type Model, ModelError } from '../activities/ports.ts';
import type { Logger } from '../logger.ts';
import { redact } from '../shared/redact.ts';
import type { TracingSinks } from '../shared/tracing.ts';
import {
  errorAttributes,
  replyAttributes,
  requestAttributes,
  serverAttributes,
} from './tracing-attributes.ts';

/** Spans of what a worker does: workflow, activity, call to the model, HTTP request. */
export interface Tracing {
  /** For every worker of the process. */
  interceptor: ActivityInterceptorsFactory;
  /** For the worker whose workflows come from the bundle with traces. */
  sinks: InjectedSinks<TracingSinks>;
  model(model: Model): Model;
  /** For the model's client. Sends nothing of the trace along: it is nobody else's. */
  fetch: typeof globalThis.fetch;
  /** Sends what is left, for some seconds at most. */
  close(): Promise<void>;
}

/** A collector that is gone must not keep the worker from ending. */
const CLOSE_MS = 5_000;

/**
 * Traces by OpenTelemetry, sent by OTLP over HTTP as JSON. A span holds names, IDs, numbers and statuses: no prompt, no
 * answer, no URL, no picture's name and no error's message, since a message may quote any of these.
 *
 * Each workflow's execution is a trace of its own, for a run of 100,000 pictures would be one of millions of spans; the
 * run's execution is linked from its batches'. The trace's ID is the execution's run ID without dashes, so that whoever
 * has one has the other.
 */
export function createTracing(options: {
  /** `http://collector:4318`. */
  endpoint: string;
  version: string;
  baseUrl: string;
  simulated: boolean;
  logger: Logger;
}): Tracing {
  const ids = createIds();
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': 'image-analysis',
      'service.version': options.version,
    }),
    idGenerator: ids.generator,
    spanProcessors: [
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${options.endpoint}/v1/traces` }) }),
    ],
  });
  const tracer = provider.getTracer('image-analysis', options.version);
  const current = new AsyncLocalStorage<Span>();
  const server = serverAttributes(options.baseUrl);
  const tell = warnOnce(options.logger);

  const parent = (): TraceContext => {
    const span = current.getStore();
    return span === undefined ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, span);
  };

  async function within<T>(span: Span, act: () => Promise<T>): Promise<T> {
    try {
      return await current.run(span, act);
    } catch (err) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      span.setAttributes(attributesOf(err));
      throw err;
    } finally {
      span.end();
    }
  }

  return {
    interceptor: (ctx) => ({
      inbound: {
        execute(input, next) {
          const { activityType, workflowExecution } = ctx.info;
          const above = workflowExecution === undefined ? ROOT_CONTEXT : contextOf(workflowExecution.runId);
          const attributes = {
            ...activityAttributes(ctx),
            ...questionAttributes(activityType, input.args[0]),
          };
          const span = tracer.startSpan(`RunActivity:${activityType}`, { attributes }, above);
          return within(span, () => next(input));
        },
      },
    }),
    sinks: {
      tracing: {
        ended: {
          fn({ workflowId, workflowType, runId, runStartTime, taskQueue, parent: starter }, outcome) {
            const span = ids.as(runId, () =>
              tracer.startSpan(`RunWorkflow:${workflowType}`, {
                root: true,
                startTime: runStartTime,
                attributes: {
                  temporalWorkflowId: workflowId,
                  run_id: runId,
                  temporalTaskQueue: taskQueue,
                  'image_analysis.outcome': outcome,
                },
                links: starter === undefined ? [] : [{ context: spanContextOf(starter.runId) }],
              }),
            );
            if (outcome === 'failed') span.setStatus({ code: SpanStatusCode.ERROR });
            span.end();
          },
        },
      },
    },
    model: (model) => ({
      check: model.check,
      ask(request, signal) {
        const attributes = { ...requestAttributes(request), ...server };
        if (options.simulated) attributes['image_analysis.simulated'] = true;
        const span = tracer.startSpan(
          `chat ${request.model}`,
          { kind: SpanKind.CLIENT, attributes },
          parent(),
        );
        return within(span, async () => {
          const reply = await model.ask(request, signal);
          span.setAttributes(replyAttributes(reply));
          return reply;
        });
      },
    }),
    fetch: (input, init) => {
      const method = init?.method ?? 'GET';
      // Outside an activity nobody asks for a trace of it.
      if (current.getStore() === undefined) return fetch(input, init);
      const attributes = { 'http.request.method': method, ...server };
      const span = tracer.startSpan(method, { kind: SpanKind.CLIENT, attributes }, parent());
      return within(span, async () => {
        const response = await fetch(input, init);
        span.setAttribute('http.response.status_code', response.status);
        if (response.status < 400) return response;
        span.setAttribute('error.type', String(response.status));
        span.setStatus({ code: SpanStatusCode.ERROR });
        return response;
      });
    },
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((done) => (timer = setTimeout(done, CLOSE_MS)));
      await Promise.race([
        // What is sent last is told of by rejecting, and not by the log.
        provider.shutdown().catch((err: unknown) => {
          tell(String(err));
        }),
        late,
      ]);
      clearTimeout(timer);
      diag.disable();
    },
  };
}

/** IDs at random, but those of an execution's span where one is made for it. */
function createIds() {
  const random = new RandomIdGenerator();
  let own: SpanContext | null = null;
  return {
    generator: {
      generateTraceId: () => own?.traceId ?? random.generateTraceId(),
      generateSpanId: () => own?.spanId ?? random.generateSpanId(),
    },
    as<T>(runId: string, make: () => T): T {
      own = spanContextOf(runId);
      try {
        return make();
      } finally {
        own = null;
      }
    },
  };
}

/** The span of a workflow's execution, whoever asks and before it is made. */
export function spanContextOf(runId: string): SpanContext {
  const plain = runId.replaceAll('-', '').toLowerCase();
  // Temporal's run IDs are UUIDs; another server's may be anything.
  const hex = /^[\da-f]{32}$/.test(plain) ? plain : createHash('sha256').update(runId).digest('hex');
  return {
    traceId: hex.slice(0, 32),
    spanId: hex.slice(16, 32),
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  };
}

const contextOf = (runId: string): TraceContext => trace.setSpanContext(ROOT_CONTEXT, spanContextOf(runId));

/** Named as `@temporalio/interceptors-opentelemetry` names them. */
const activityAttributes = ({ info }: ActivityContext): Attributes => ({
  temporalActivityId: info.activityId,
  'image_analysis.attempt': info.attempt,
  ...(info.workflowExecution === undefined
    ? {}
    : {
        temporalWorkflowId: info.workflowExecution.workflowId,
        run_id: info.workflowExecution.runId,
      }),
});

/** Which question it is: by the prompt's id and the picture's place in its page, never by its name. */
function questionAttributes(activityType: string, input: unknown): Attributes {
  if (activityType !== 'askModel') return {};
  const { page, image, prompt } = input as AskInput;
  return {
    'image_analysis.page': page,
    'image_analysis.image': image,
    'image_analysis.prompt': prompt,
  };
}

function attributesOf(err: unknown): Attributes {
  if (err instanceof ModelError) return errorAttributes(err);
  if (err instanceof ApplicationFailure) return { 'error.type': err.type ?? 'ApplicationFailure' };
  return { 'error.type': err instanceof Error ? err.name : 'error' };
}

/** The exporter tells only OpenTelemetry's own log of its failures. A person hears of the first; more add nothing. */
function warnOnce(logger: Logger): (message: string) => void {
  let warned = false;
  const tell = (message: string): void => {
    logger[warned ? 'debug' : 'warn']({ reason: redact(message) }, 'traces cannot be sent');
    warned = true;
  };
  const ignore = (): void => {};
  diag.setLogger(
    { error: tell, warn: tell, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  return tell;
}
