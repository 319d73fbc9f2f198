import {
  DefaultLogger,
  type LogLevel,
  type MetricsExporterConfig as MetricsOptions,
  Runtime,
  type RuntimeOptions,
} from '@temporalio/worker';
import type { Logger } from '../logger.ts';
import { redact } from '../shared/redact.ts';
import { BUCKETS } from './telemetry.ts';

/** Fields that Temporal adds to each line and that a person reading the story has no use for. */
const NOISE = new Set([
  'sdkComponent',
  'namespace',
  'taskQueue',
  'taskToken',
  'workflowRunId',
  'workflowType',
  'activityType',
  'isLocal',
]);

const LEVELS: Record<LogLevel, 'debug' | 'info' | 'warn' | 'error'> = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
};

/** The model's worker has no workflows on purpose; the SDK warns of it at each start. */
const EXPECTED = /^No workflows registered/;

/**
 * Sends everything that workflows, activities and the SDK log to our log, and serves the SDK's metrics and ours where an
 * address is given. Once a process, before any worker. Throws where the address cannot be listened at.
 */
export function installRuntime(logger: Logger, metricsAddress: string | null): void {
  try {
    Runtime.install(runtimeOptions(logger, metricsAddress));
  } catch (err) {
    if (metricsAddress === null) throw err;
    const why = err instanceof Error ? err.message : String(err);
    throw new Error(
      `METRICS_ADDRESS ${metricsAddress} cannot be listened at (${redact(why)}): choose a free address.`,
      { cause: err },
    );
  }
}

function runtimeOptions(logger: Logger, metricsAddress: string | null): RuntimeOptions {
  return {
    logger: new DefaultLogger('DEBUG', ({ level, message, meta }) => {
      const bySdk = meta?.['sdkComponent'] === 'worker' || meta?.['sdkComponent'] === 'core';
      // The SDK's own talk is of interest to one who debugs the SDK.
      const quiet = (bySdk && LEVELS[level] === 'info') || EXPECTED.test(message);
      logger[quiet ? 'debug' : LEVELS[level]](fieldsOf(meta), message);
    }),
    telemetryOptions: {
      logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } },
      ...(metricsAddress === null ? {} : { metrics: metricsAt(metricsAddress) }),
    },
  };
}

/** The names stand as they are in `metric-names.ts`, so the SDK adds no suffix of its own. Durations are in seconds. */
const metricsAt = (bindAddress: string): MetricsOptions => ({
  attachServiceName: false,
  prometheus: {
    bindAddress,
    countersTotalSuffix: false,
    unitSuffix: false,
    useSecondsForDurations: true,
    histogramBucketOverrides: BUCKETS,
  },
});

/** What is worth a line in the log. An error is shown as its message: the log has no other use of it. */
function fieldsOf(meta: Record<string, unknown> | undefined): Record<string, unknown> {
  const kept = Object.entries(meta ?? {}).filter(([key]) => !NOISE.has(key));
  return Object.fromEntries(
    kept.map(([key, value]) => [key, value instanceof Error ? redact(value.message) : value]),
  );
}
