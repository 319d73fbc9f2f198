import { DefaultLogger, type LogLevel, Runtime } from '@temporalio/worker';
import type { Logger } from '../logger.ts';
import { redact } from '../shared/redact.ts';

/** Fields that Temporal adds to each line and that a person reading the story has no use for. */
const NOISE = new Set([
  'sdkComponent',
  'namespace',
  'taskQueue',
  'taskToken',
  'workflowRunId',
  'workflowType',
  'activityId',
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

/** Sends everything that workflows, activities and the SDK log to our log. Once a process, before any worker. */
export function installRuntime(logger: Logger): void {
  Runtime.install({
    logger: new DefaultLogger('DEBUG', ({ level, message, meta }) => {
      const bySdk = meta?.['sdkComponent'] === 'worker' || meta?.['sdkComponent'] === 'core';
      // The SDK's own talk is of interest to one who debugs the SDK.
      const quiet = (bySdk && LEVELS[level] === 'info') || EXPECTED.test(message);
      logger[quiet ? 'debug' : LEVELS[level]](fieldsOf(meta), message);
    }),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
  });
}

/** What is worth a line in the log. An error is shown as its message: the log has no other use of it. */
function fieldsOf(meta: Record<string, unknown> | undefined): Record<string, unknown> {
  const kept = Object.entries(meta ?? {}).filter(([key]) => !NOISE.has(key));
  return Object.fromEntries(
    kept.map(([key, value]) => [key, value instanceof Error ? redact(value.message) : value]),
  );
}
