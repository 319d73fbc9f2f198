/** The workflows by the names under which Temporal knows them. */
export { analyzeImages } from './analyze-images.ts';
export { analyzeBatch } from './analyze-batch.ts';
export { accountLimits } from './account-limits.ts';
