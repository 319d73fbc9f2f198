import { DefaultLogger, type LogLevel, Runtime } from '@temporalio/worker';
import type { Logger } from '../logger.ts';

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

/** Sends everything that workflows, activities and the SDK log to our log. Once a process, before any worker. */
export function installRuntime(logger: Logger): void {
  Runtime.install({
    logger: new DefaultLogger('DEBUG', ({ level, message, meta }) => {
      const fields = Object.entries(meta ?? {}).filter(([key]) => !NOISE.has(key));
      const bySdk = meta?.['sdkComponent'] === 'worker' || meta?.['sdkComponent'] === 'core';
      // The SDK's own talk is of interest to one who debugs the SDK.
      const at = bySdk && LEVELS[level] === 'info' ? 'debug' : LEVELS[level];
      logger[at](Object.fromEntries(fields), message);
    }),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
  });
}
