import { Context } from '@temporalio/activity';
import type { AccountLimits } from '../shared/types.ts';

/** Where the worker's limiter is asked what holds. */
export interface LimitsInForce {
  now(): AccountLimits;
  /** Is told of every change. Returns a function that ends it. */
  onChange(listener: (limits: AccountLimits) => void): () => void;
  /** The worker takes no new task: who waits for a change must wait elsewhere. */
  stopping(): boolean;
}

/** A watch ends after so long although nothing changed, so that no activity stays open for days. */
const LONGEST_MS = 3_600_000;

/** With a heartbeat comes the news that the run has ended; a worker that stops is held up for no longer. */
const HEARTBEAT_MS = 500;

/** A change by less is not worth another window. */
const MATERIAL = 0.02;

/** Waits until other limits hold than those that the run knows, and returns them. Asks nothing and costs nothing. */
export function createWatchLimits({ limitsInForce }: { limitsInForce: LimitsInForce }) {
  return async function watchLimits({ known }: { known: AccountLimits }): Promise<AccountLimits> {
    const ctx = Context.current();
    const ends: (() => void)[] = [];
    try {
      return await new Promise<AccountLimits>((resolve, reject) => {
        const look = (limits: AccountLimits): void => {
          if (isOther(known, limits)) resolve(limits);
        };
        const beat = setInterval(() => {
          ctx.heartbeat();
          // The run asks again, and another worker goes on with the watch.
          if (limitsInForce.stopping()) resolve(limitsInForce.now());
        }, HEARTBEAT_MS);
        const timer = setTimeout(() => resolve(limitsInForce.now()), LONGEST_MS);
        ends.push(
          limitsInForce.onChange(look),
          () => clearInterval(beat),
          () => clearTimeout(timer),
        );
        ctx.cancelled.catch(reject);
        look(limitsInForce.now());
      });
    } finally {
      for (const end of ends) end();
    }
  };
}

function isOther(a: AccountLimits, b: AccountLimits): boolean {
  const differs = (x: number, y: number): boolean => Math.abs(x - y) > MATERIAL * Math.max(x, y);
  return (
    a.from !== b.from ||
    differs(a.requestsPerMinute, b.requestsPerMinute) ||
    differs(a.tokensPerMinute, b.tokensPerMinute) ||
    a.spareTokens > 0 !== b.spareTokens > 0
  );
}
