import type { ActivitySlotInfo, CustomSlotSupplier } from '@temporalio/worker';
import type { RateLimiter, Spend, Turn } from './limiter/rate-limiter.ts';

/** A slot of the model worker: the right to take one task. */
interface Permit {
  turn: Turn;
  /** What was counted for the task, once it started. */
  spend?: Spend;
}

export interface LimitedSlots {
  /** For the tuner of the worker that polls the model queue, which must poll with one poller. */
  supplier: CustomSlotSupplier<ActivitySlotInfo>;
  /**
   * What was counted for a task that has just started. `null` when every started task has claimed its own, and when
   * the gate has closed or another call went ahead since the slot was given: it then waits for a turn of its own.
   */
  claim(): Spend | null;
  /** Slots in use: the tasks that run, and the one that a poll holds. */
  inUse(): number;
  /** The most slots that may be in use has changed; without this, more of them are noticed when a task ends. */
  roomChanged(): void;
}

/**
 * The limiter as Temporal sees it: the worker asks for a slot before it polls, and gets one only when a call may go.
 * A task that may not run yet stays in the server's queue, where other workers can take it.
 *
 * Nothing is counted while a poll waits for work: the share is taken when a task arrives, so that an idle worker
 * does not start with a burst. All shares are alike (the mean call), so it does not matter which task claims which;
 * the activity settles its own.
 *
 * `maxInUse` may change at any time. When it falls no slot is taken back: none is given until enough have come back.
 */
export function createLimitedSlots(limiter: RateLimiter, maxInUse: number | (() => number)): LimitedSlots {
  const most = typeof maxInUse === 'number' ? () => maxInUse : maxInUse;
  const unclaimed: Spend[] = [];
  const waiting: (() => void)[] = [];
  let inUse = 0;

  const room = async (signal: AbortSignal): Promise<void> => {
    while (inUse >= most()) {
      signal.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const wake = (): void => {
          signal.removeEventListener('abort', giveUp);
          resolve();
        };
        const giveUp = (): void => {
          waiting.splice(waiting.indexOf(wake), 1);
          reject(signal.reason as Error);
        };
        waiting.push(wake);
        signal.addEventListener('abort', giveUp, { once: true });
      });
    }
    inUse += 1;
  };

  const leave = (): void => {
    inUse -= 1;
    waiting.shift()?.();
  };

  return {
    supplier: {
      type: 'custom',
      async reserveSlot(_ctx, signal): Promise<Permit> {
        await room(signal);
        try {
          return { turn: await limiter.turn(signal) };
        } catch (err) {
          leave();
          throw err;
        }
      },
      tryReserveSlot: () => null,
      markSlotUsed({ permit }) {
        const held = permit as Permit;
        held.spend = held.turn.spend();
        unclaimed.push(held.spend);
      },
      releaseSlot({ permit }) {
        const { turn, spend } = permit as Permit;
        turn.release();
        // A task that ended before it could claim (an unknown activity type, a broken input) made no call.
        const left = spend === undefined ? -1 : unclaimed.indexOf(spend);
        if (left >= 0) unclaimed.splice(left, 1)[0]?.cancel();
        leave();
      },
    },
    claim() {
      const spend = unclaimed.shift() ?? null;
      if (spend === null || !(spend.early || limiter.closed())) return spend;
      spend.cancel();
      return null;
    },
    inUse: () => inUse,
    roomChanged() {
      for (const wake of waiting.splice(0)) wake();
    },
  };
}
