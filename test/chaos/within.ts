import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until `check` holds; false when it does not within the time. */
export async function within(ms: number, check: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(100)) if (await check()) return true;
  return false;
}
