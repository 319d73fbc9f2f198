import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type {
  AccountLimits,
  BatchProgress,
  Block,
  Counts,
  FailureLine,
  ImageResult,
  LimitSettings,
  Progress,
  Retry,
} from '../shared/types.ts';

/** What a person or a program asks of a run or a batch. */
export const progressQuery = defineQuery<Progress | BatchProgress>('progress');

/** Failed questions of the run that were last seen, newest last; at most 50. */
export const failuresQuery = defineQuery<FailureLine[]>('failures');

/** The batch's pictures with what is answered so far. */
export const answersQuery = defineQuery<ImageResult[]>('answers');

/** Stops asking: calls in flight end and are recorded. As update and as signal, for the plain `temporal` CLI. */
export const pauseUpdate = defineUpdate<string>('pause');
export const pauseSignal = defineSignal<[Order?]>('pause');

/** Goes on after a pause or a block. */
export const resumeUpdate = defineUpdate<string>('resume');
export const resumeSignal = defineSignal<[Order?]>('resume');

/**
 * Which of two words of a run to a batch was said last: Temporal may deliver two signals of one workflow task in the
 * other order (measured). A person's signal has none, and counts when it arrives.
 */
export type Order = number;

/** Asks again what failed of the batches that have ended so far. Says how many batches that is. */
export const retryFailedUpdate = defineUpdate<string, [Retry?]>('retryFailed');

/** Parent to child while the run is blocked: let one call go, to see whether the cause is gone. */
export const probeSignal = defineSignal('probe');

/** Worker to run: the limits that hold now. */
export const limitsSignal = defineSignal<[AccountLimits]>('limits');

/** Child to parent: where the batch stands. Counts are the batch's sums, not differences. */
export const batchReportSignal = defineSignal<[BatchReport]>('batchReport');

/** Child to parent: a call says that the whole run must wait. */
export const batchBlockedSignal = defineSignal<[{ batch: number; block: Block }]>('batchBlocked');

/** Child to parent: the probe went through. */
export const batchClearedSignal = defineSignal<[{ batch: number }]>('batchCleared');

export interface BatchReport {
  batch: number;
  counts: Counts;
  failures: FailureLine[];
}

/** To `accountLimits`: both limits of the account, from now on. */
export const setLimitsSignal = defineSignal<[LimitSettings]>('setLimits');
