import type { NativeConnection, Worker, WorkerOptions } from '@temporalio/worker';
import { Runtime } from '@temporalio/worker';
import type { Allowance } from '../activities/allowance.ts';
import type { Model } from '../activities/ports.ts';
import { type Config, program } from '../config.ts';
import type { Logger } from '../logger.ts';
import type { AccountLimits } from '../shared/types.ts';
import { serveHealth } from './health.ts';
import { createReadiness } from './readiness.ts';
import { createTelemetry } from './telemetry.ts';
import { watchGauges } from './telemetry-gauges.ts';

/** What looks on while a worker works: metrics, traces, health. What is not wished for is not there. */
export interface Watch {
  model(model: Model): Model;
  allowance(allowance: Allowance): Allowance;
  /** For the model's client, in place of the global one. */
  fetch?: typeof globalThis.fetch;
  options: Pick<WorkerOptions, 'interceptors' | 'sinks'>;
  /** The workers exist and are about to poll. */
  begin(about: {
    connection: NativeConnection;
    workers: readonly Worker[];
    queues: readonly string[];
    limits: () => AccountLimits;
  }): void;
  /** Stops looking, sends what is left of the traces. */
  stop(): Promise<void>;
}

/** Throws where an address cannot be listened at. */
export async function createWatch(config: Config, logger: Logger): Promise<Watch> {
  const { metricsAddress, healthAddress, tracesEndpoint } = config;
  const readiness = createReadiness();
  const health =
    healthAddress === null ? null : await serveHealth({ address: healthAddress, ready: readiness.problem });
  const telemetry =
    metricsAddress === null ? null : createTelemetry(Runtime.instance().metricMeter, { model: config.model });
  const tracing =
    tracesEndpoint === null
      ? null
      : // OpenTelemetry is loaded for those who want it.
        (await import('./tracing.ts')).createTracing({
          endpoint: tracesEndpoint,
          version: program().version,
          baseUrl: config.baseUrl,
          simulated: config.account.simulated,
          logger,
        });
  const activity = [tracing, telemetry].flatMap((watcher) => (watcher === null ? [] : [watcher.interceptor]));
  let gauges: { stop(): Promise<void> } | null = null;
  return {
    model: (model) => {
      const counted = telemetry?.model(model) ?? model;
      return tracing?.model(counted) ?? counted;
    },
    allowance: (allowance) => telemetry?.allowance(allowance) ?? allowance,
    ...(tracing === null ? {} : { fetch: tracing.fetch }),
    options: {
      ...(activity.length === 0 ? {} : { interceptors: { activity } }),
      ...(tracing === null ? {} : { sinks: tracing.sinks }),
    },
    begin({ connection, workers, queues, limits }) {
      readiness.working(connection, workers);
      if (telemetry === null) return;
      const { namespace } = config;
      gauges = watchGauges({ connection, namespace, queues, limits, telemetry, logger });
    },
    async stop() {
      await gauges?.stop();
      await tracing?.close();
      await health?.close();
    },
  };
}
