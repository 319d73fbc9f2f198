/** What was admitted within the last `windowMs`, oldest first. */
export interface Window {
  add(at: number, amount: number): void;
  /** Time until `amount` fits into the window's share of `perMinute`; 0 when it does, or when the window is empty. */
  waitMs(now: number, amount: number, perMinute: number): number;
}

/** A sliding window: at no moment does the last `windowMs` hold more than its share of the minute, or one call. */
export function createWindow(windowMs: number): Window {
  const taken: { at: number; amount: number }[] = [];

  const forget = (now: number): void => {
    while (taken[0] !== undefined && taken[0].at + windowMs <= now) taken.shift();
  };
  return {
    add(at, amount) {
      forget(at);
      taken.push({ at, amount });
    },
    waitMs(now, amount, perMinute) {
      forget(now);
      let excess = taken.reduce((sum, one) => sum + one.amount, amount) - (perMinute * windowMs) / 60_000;
      let wait = 0;
      for (const one of taken) {
        if (excess <= 0) break;
        excess -= one.amount;
        wait = one.at + windowMs - now;
      }
      return wait;
    },
  };
}
