import type * as changes from '../../src/workflows/changes.ts';

/** In place of `src/workflows/changes.ts` this makes the workflows of a build from before the changes. */
export const { watchesWindow, leavesOpenCalls }: typeof changes = {
  watchesWindow: () => false,
  leavesOpenCalls: () => false,
};
