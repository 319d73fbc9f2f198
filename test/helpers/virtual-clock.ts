import type { Clock } from '../../src/worker/limiter/clock.ts';

export interface VirtualClock extends Clock {
  /** Lives through `ms`: runs what is due, in the order of its time, and lets promises settle in between. */
  advance(ms: number): Promise<void>;
  /** Lives on until no timer is left; how long that takes is bounded by what the test asks for. */
  runAll(): Promise<void>;
  /** Resolves after `ms`. */
  sleep(ms: number): Promise<void>;
  /** Timers that have not gone off. */
  timers(): number;
}

/** A clock whose time passes only when a test says so. `lateness`: how much later than asked each timer goes off. */
export function createVirtualClock(lateness: () => number = () => 0): VirtualClock {
  let now = 1_000_000;
  const timers = new Set<{ at: number; run: () => void }>();

  const earliest = (): { at: number; run: () => void } | undefined =>
    [...timers].reduce<{ at: number; run: () => void } | undefined>(
      (first, timer) => (first === undefined || timer.at < first.at ? timer : first),
      undefined,
    );

  const runUntil = async (end: number): Promise<void> => {
    await settle();
    for (let next = earliest(); next !== undefined && next.at <= end; next = earliest()) {
      timers.delete(next);
      now = Math.max(now, next.at);
      next.run();
      await settle();
    }
    if (Number.isFinite(end)) now = end;
  };

  const clock: VirtualClock = {
    now: () => now,
    after(ms, run) {
      const timer = { at: now + ms + lateness(), run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance: (ms) => runUntil(now + ms),
    runAll: () => runUntil(Infinity),
    sleep: (ms) => new Promise((resolve) => clock.after(ms, resolve)),
    timers: () => timers.size,
  };
  return clock;
}

/** Lets every promise settle that needs no further time. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
