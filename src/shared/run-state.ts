import type { RunState } from './types.ts';

const ENDED: readonly RunState[] = ['complete', 'incomplete', 'cancelled', 'failed'];

/** Whether a run does not go on by itself from this state. */
export const isEnd = (state: RunState): boolean => ENDED.includes(state);
