import type { Allowance } from '../activities/question.ts';
import type { InFlightGuard } from './limiter/in-flight.ts';
import type { RateLimiter } from './limiter/rate-limiter.ts';
import type { LimitedSlots } from './slot-supplier.ts';

/** The limiter in the activity's words. */
export function createAllowance(limiter: RateLimiter, slots: LimitedSlots, guard: InFlightGuard): Allowance {
  return {
    claim: slots.claim,
    acquire: limiter.acquire,
    closed: limiter.closed,
    closeFor: limiter.closeFor,
    slowDown: limiter.slowDown,
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
