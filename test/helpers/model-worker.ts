import { Context } from '@temporalio/activity';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { Share } from '../../src/activities/allowance.ts';
import { createModelActivities } from '../../src/activities/index.ts';
import { createTextTokens } from '../../src/activities/text-tokens.ts';
import { createUrlHealth } from '../../src/activities/url-health.ts';
import type { Config } from '../../src/config.ts';
import { createParts, type Parts } from '../../src/worker/parts.ts';

const share: Share = {
  weigh: (_kind, formula) => formula,
  admitted: (_rate, billed = 0) => billed,
  refused: () => {},
  cancel: () => {},
};

/** A worker for the model's calls alone, without limits; `change` puts other parts in place of the real ones. */
export async function createModelWorker(
  config: Config,
  taskQueue: string,
  change: (parts: Parts) => Partial<Parts> = () => ({}),
): Promise<{ worker: Worker; connection: NativeConnection }> {
  const connection = await NativeConnection.connect({ address: config.address ?? '' });
  const real = createParts(config);
  const worker = await Worker.create({
    connection,
    namespace: config.namespace,
    taskQueue,
    // As in src/worker/main.ts.
    maxHeartbeatThrottleInterval: '2 seconds',
    defaultHeartbeatThrottleInterval: '2 seconds',
    activities: createModelActivities({
      ...real,
      ...change(real),
      allowance: {
        claim: () => share,
        acquire: () => Promise.resolve(share),
        closed: () => false,
        refused: () => {},
        called: () => () => {},
        left: () => ({ requestsLeft: 1, tokensLeft: 1, waiting: 0 }),
      },
      urlHealth: createUrlHealth(() => performance.now()),
      textTokens: createTextTokens(),
      pictureTokens: createTextTokens(),
      tellLimits: () => {},
      async workflowIsOpen(workflowId, runId) {
        const { status } = await Context.current().client.workflow.getHandle(workflowId, runId).describe();
        return status.name === 'RUNNING';
      },
      now: Date.now,
      random: () => 0,
    }),
  });
  return { worker, connection };
}
