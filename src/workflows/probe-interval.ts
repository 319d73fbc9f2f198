/** A blocked run tries one call after 30 seconds. */
export const FIRST_PROBE_MS = 30_000;

/** The longest wait of a block that began today. */
const SOON_MS = 600_000;

/**
 * The longest wait of an older one. A blocked run cannot continue as new while batches wait with it, a probe and its
 * answer are some 14 events of its history, and the server ends a workflow of 51,200: at 10 minutes after 25 days, at an
 * hour after five months.
 */
const LATER_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** Pure: how long a blocked run waits before its next try, after a wait of `waitMs`: twice as long, within bounds. */
export const nextWaitMs = (waitMs: number, blockedMs: number): number =>
  Math.min(waitMs * 2, blockedMs < DAY_MS ? SOON_MS : LATER_MS);
