import { patched } from '@temporalio/workflow';

/**
 * Changes of the workflows that a run which was started before them must not see when its history is replayed. Each is
 * asked by its own name, at the place where old and new part; it goes when no history from before it is left.
 */
export const watchesWindow = (): boolean => patched('watch-window');
