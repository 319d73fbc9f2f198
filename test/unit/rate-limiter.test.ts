import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Limits } from '../../src/shared/types.ts';
import { createRateLimiter, type RateLimiter, type Spend } from '../../src/worker/rate-limiter.ts';
import { createVirtualClock, type VirtualClock } from '../helpers/virtual-clock.ts';

const MINUTE = 60_000;

function create(limits: Limits, tokensPerCall = 1000): { clock: VirtualClock; limiter: RateLimiter } {
  const clock = createVirtualClock();
  return { clock, limiter: createRateLimiter({ limits, tokensPerCall, clock }) };
}

/** What a caller does with its turn. Times in milliseconds, tokens as parts of a minute's limit. */
interface Caller {
  /** After the caller before it. */
  gap: number;
  estimate: number;
  /** Between turn and spend. */
  held: number;
  /** Between spend and its end; then the call settles at this part of the estimate, or is cancelled. */
  latency: number;
  end: { settle: number } | 'cancel' | 'release';
}

const caller = fc.record<Caller>({
  gap: fc.oneof(
    { arbitrary: fc.constant(0), weight: 5 },
    { arbitrary: fc.integer({ min: 0, max: 3_000 }), weight: 3 },
    fc.integer({ min: 0, max: 150_000 }),
  ),
  estimate: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100 })).map((n) => n / 100),
  held: fc.oneof({ arbitrary: fc.constant(0), weight: 4 }, fc.integer({ min: 0, max: 30_000 })),
  latency: fc.oneof(fc.integer({ min: 0, max: 12_000 }), fc.integer({ min: 0, max: 100_000 })),
  end: fc.oneof(
    { arbitrary: fc.integer({ min: 0, max: 10 }).map((n) => ({ settle: n / 10 })), weight: 3 },
    fc.constantFrom('cancel' as const, 'release' as const),
  ),
});

describe('a minute never holds more than the limit plus one call', () => {
  test.each<Limits>([
    { requestsPerMinute: 480, tokensPerMinute: 28_000 },
    { requestsPerMinute: 12, tokensPerMinute: 1_000_000 },
  ])('%o', async (limits) => {
    await fc.assert(
      fc.asyncProperty(fc.array(caller, { minLength: 20, maxLength: 60 }), async (callers) => {
        const { clock, limiter } = create(limits);
        const calls: { at: number; tokens: number }[] = [];
        let start = 0;
        for (const { gap, estimate, held, latency, end } of callers) {
          start += gap;
          void clock.sleep(start).then(async () => {
            const turn = await limiter.turn();
            if (held > 0) await clock.sleep(held);
            if (end === 'release') return turn.release();
            const spend = turn.spend(estimate * limits.tokensPerMinute);
            const call = { at: clock.now(), tokens: spend.tokens };
            calls.push(call);
            await clock.sleep(latency);
            if (end === 'cancel') {
              spend.cancel();
              return void calls.splice(calls.indexOf(call), 1);
            }
            spend.settle(call.tokens * end.settle);
            call.tokens = spend.tokens;
          });
        }
        await clock.runAll();
        expect(limiter.snapshot().waiting).toBe(0);
        for (const last of calls) {
          const before = calls.slice(0, calls.indexOf(last)).filter((call) => last.at - call.at < MINUTE);
          expect(before.length).toBeLessThanOrEqual(limits.requestsPerMinute);
          const tokens = before.reduce((sum, call) => sum + call.tokens, 0);
          expect(tokens).toBeLessThanOrEqual(limits.tokensPerMinute + 1e-3);
        }
      }),
      { numRuns: 100 },
    );
  });
});
