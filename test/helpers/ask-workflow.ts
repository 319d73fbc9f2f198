import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  proxyActivities,
} from '@temporalio/workflow';
import type { AskInput } from '../../src/activities/ask-model.ts';
import type { ModelActivities } from '../../src/activities/index.ts';
import type { AskFailure, AskResult } from '../../src/shared/types.ts';

export type Asked = { result: AskResult } | { failure: AskFailure & { scope: string } };

/** Asks all at once, with a shorter patience for lost workers than a run has, and says what came of each. */
export async function askAll(inputs: AskInput[], taskQueue: string): Promise<Asked[]> {
  const { askModel } = proxyActivities<ModelActivities>({
    taskQueue,
    startToCloseTimeout: '1 minute',
    heartbeatTimeout: '6 seconds',
    // A cancelled workflow ends at once and leaves its calls behind.
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { initialInterval: '1 second', backoffCoefficient: 1 },
  });
  return Promise.all(
    inputs.map(async (input) => {
      try {
        return { result: await askModel(input) };
      } catch (err) {
        const cause = err instanceof ActivityFailure ? err.cause : err;
        if (!(cause instanceof ApplicationFailure)) throw err;
        return { failure: cause.details?.[0] as AskFailure & { scope: string } };
      }
    }),
  );
}
