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

/*
 * The next two have one cause (SDK 1.24, measured). A query may reach another worker while a killed worker's workflow
 * task is still open: that worker handles the task's events for the query, and the events that came meanwhile
 * afterwards, with the next task. A replay handles them all together, signals first. What is done when a timer has fired
 * or an activity has ended must therefore not hang on what may have come since.
 */

/** After each save a run waits before it looks whether anything has changed. */
export const waitsAfterSave = (): boolean => patched('waits-after-save');

/** A timer that has fired counts as fired, and the server is asked after the batches, whatever has come with it. */
export const goesByTimer = (): boolean => patched('goes-by-timer');

/** A batch tells its run of answers before a picture is done, where a picture has many questions. */
export const reportsAnswers = (): boolean => patched('reports-answers');
