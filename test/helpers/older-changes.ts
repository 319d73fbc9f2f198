import type * as changes from '../../src/workflows/changes.ts';

/** In place of `src/workflows/changes.ts` this makes the workflows of a build from before the changes. */
export const {
  watchesWindow,
  leavesOpenCalls,
  tellsOfBlockOnce,
  reportsAnswers,
  waitsAfterSave,
  goesByTimer,
}: typeof changes = {
  watchesWindow: () => false,
  leavesOpenCalls: () => false,
  tellsOfBlockOnce: () => false,
  reportsAnswers: () => false,
  waitsAfterSave: () => false,
  goesByTimer: () => false,
};
