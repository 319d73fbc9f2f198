import type { Allowance } from '../activities/allowance.ts';
import type { InFlightGuard } from './limiter/in-flight.ts';
import type { RateLimiter } from './limiter/rate-limiter.ts';
import type { Refusal } from './queue-decision.ts';
import type { LimitedSlots } from './slot-supplier.ts';

/** The limiter in the activity's words. `tell`: what the other workers of the account must know. */
export function createAllowance(
  limiter: RateLimiter,
  slots: LimitedSlots,
  guard: InFlightGuard,
  tell: (refusal: Refusal) => void,
): Allowance {
  return {
    claim: slots.claim,
    acquire: limiter.acquire,
    closed: limiter.closed,
    refused(refusal) {
      heed(limiter, refusal);
      tell(refusal);
    },
    called: () => guard.started(slots.inUse()),
    left() {
      const { lastMinute, waiting, limits } = limiter.snapshot();
      return {
        requestsLeft: Math.max(0, limits.requestsPerMinute - lastMinute.requests),
        tokensLeft: Math.max(0, limits.tokensPerMinute - lastMinute.tokens),
        waiting,
      };
    },
  };
}

/** Does what the provider asked for, of this worker or of another one. */
export function heed(limiter: RateLimiter, { closeMs, slowDown }: Refusal): void {
  if (closeMs > 0) limiter.closeFor(closeMs);
  if (slowDown) limiter.slowDown();
}
