import { patched } from '@temporalio/workflow';
import type { BatchInput } from '../shared/types.ts';

/*
 * Changes of the workflows that a run which was started before them must not see when its history is replayed. Each has
 * its own name here, and is asked at the place where old and new part. It goes when no history from before it is left.
 */

/** The parent looks after children of which nothing is heard, and starts those again that are gone. */
export const watchesWindow = (): boolean => patched('watch-window');

/**
 * A batch that is cancelled gives up calls that stay open and saves what it has, and its report of a pause does not wait
 * for them once it goes on. Told from the input, which costs a batch no event: one from before has no `retry`.
 */
export const leavesOpenCalls = (input: BatchInput): boolean => input.retry !== undefined;

/** A run that is blocked tells its batches so once, and not after every probe. */
export const tellsOfBlockOnce = (): boolean => patched('block-told-once');

/**
 * After each save a run waits before it looks whether anything has changed. A replay may see two events of one workflow
 * task in the other order (measured), so that what a save has caught is no ground for starting a timer or not.
 */
export const waitsAfterSave = (): boolean => patched('waits-after-save');

/** A batch tells its run of answers before a picture is done, where a picture has many questions. */
export const reportsAnswers = (): boolean => patched('reports-answers');
