import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import type { ModelActivities, RunActivities } from '../activities/index.ts';

/** The longest that one attempt of `askModel` may take: five calls of two minutes, and the picture's download. */
const ASK_TIMEOUT = '12 minutes';

/** How soon the server notices that a worker is gone. A call heartbeats every four seconds. */
const HEARTBEAT_TIMEOUT = '12 seconds';

/**
 * Everything but the model's calls. A failure that a person must mend comes as `Blocked` or as a non-retryable
 * failure; what is left is the network's, and is tried until it works.
 */
const run: ActivityOptions = {
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
};

export const { openBatch, saveBatch, saveSegment } = proxyActivities<RunActivities>(run);

/** These take as long as the run is large or the network slow, so they heartbeat. */
const long: ActivityOptions = { ...run, startToCloseTimeout: '1 hour', heartbeatTimeout: '30 seconds' };

export const { listImages, findMissing, findClosed, saveResults, salvageBatch } =
  proxyActivities<RunActivities>(long);

/** The plan is tried for some minutes only: a person waits for it, and nothing is lost when it fails. */
export const { planRun } = proxyActivities<RunActivities>({
  ...long,
  retry: {
    initialInterval: '1 second',
    backoffCoefficient: 2,
    maximumInterval: '10 seconds',
    maximumAttempts: 6,
  },
});

/** A receiver that is not there is tried for a while; nobody waits longer for it, and nothing fails for its sake. */
export const { notify } = proxyActivities<RunActivities>({
  startToCloseTimeout: '30 seconds',
  scheduleToCloseTimeout: '5 minutes',
  retry: { initialInterval: '5 seconds', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/**
 * The model's calls, on the account's own queue. The wait before a retry comes with the failure (`nextRetryDelay`):
 * what `retry-after-ms` said for a 429, 1, 2, 4 … 60 seconds with jitter for the rest. How often the API may be tried
 * is counted by the activity in its heartbeat details and not by `maximumAttempts`, which would count a killed
 * worker's attempt as one.
 */
export function askModelActivity(modelQueue: string, summary: string): ModelActivities['askModel'] {
  return proxyActivities<ModelActivities>({
    taskQueue: modelQueue,
    startToCloseTimeout: ASK_TIMEOUT,
    heartbeatTimeout: HEARTBEAT_TIMEOUT,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
    summary,
  }).askModel;
}
