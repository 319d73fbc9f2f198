import type { Try } from './types.ts';

/** Tries that are kept of a question: twice as many as a call may make, so that those of two can be read. */
export const TRIES_KEPT = 10;

/**
 * The last tries of a question that was asked again after pauses, blocks and resumes without end. Those that were paid
 * for stay longest, because the sums of a run are made of them.
 */
export function lastTries(tries: readonly Try[]): Try[] {
  let spare = Math.max(0, tries.length - TRIES_KEPT);
  const kept = tries.filter((one) => {
    if (spare === 0 || one.billed !== undefined || one.outcome === 'ok') return true;
    spare -= 1;
    return false;
  });
  return kept.slice(-TRIES_KEPT);
}
