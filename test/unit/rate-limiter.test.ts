import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Limits } from '../../src/shared/types.ts';
import { createRateLimiter, type RateLimiter, type Spend } from '../../src/worker/limiter/rate-limiter.ts';
import { createVirtualClock, type VirtualClock } from '../helpers/virtual-clock.ts';

const MINUTE = 60_000;

/** One call of the mean's size a second, whichever limit one looks at. */
const EVEN: Limits = { requestsPerMinute: 60, tokensPerMinute: 60_000 };

function create(
  limits: Limits = EVEN,
  clock: VirtualClock = createVirtualClock(),
): { clock: VirtualClock; limiter: RateLimiter } {
  return { clock, limiter: createRateLimiter({ limits, tokensPerCall: 1000, clock }) };
}

/** Calls that go one after the other whenever they may; their times, from the first one's. */
function saturate(clock: VirtualClock, limiter: RateLimiter, each?: (spend: Spend) => void): number[] {
  const times: number[] = [];
  const start = clock.now();
  void (async () => {
    for (;;) {
      const turn = await limiter.turn();
      times.push(clock.now() - start);
      const spend = turn.spend();
      each?.(spend);
    }
  })();
  return times;
}

/** Number of times in [from, to). */
const within = (times: number[], from: number, to: number): number =>
  times.filter((time) => time >= from && time < to).length;

/** What a caller does with its turn. Times in milliseconds, tokens as parts of a minute's limit. */
interface Caller {
  /** After the caller before it. */
  gap: number;
  estimate: number;
  /** Between turn and spend. */
  held: number;
  /** It acquires its call, and holds no turn. */
  ahead: boolean;
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
  ahead: fc.boolean(),
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
        for (const { gap, estimate, held, ahead, latency, end } of callers) {
          start += gap;
          void clock.sleep(start).then(async () => {
            const cost = estimate * limits.tokensPerMinute;
            let spend: Spend;
            if (ahead) spend = await limiter.acquire(cost);
            else {
              const turn = await limiter.turn();
              if (held > 0) await clock.sleep(held);
              if (end === 'release') return turn.release();
              spend = turn.spend(cost);
              if (spend.early) return spend.cancel();
            }
            const call = { at: clock.now(), tokens: spend.tokens };
            calls.push(call);
            await clock.sleep(latency);
            if (end === 'cancel' || end === 'release') {
              spend.cancel();
              return void calls.splice(calls.indexOf(call), 1);
            }
            spend.weigh('any', call.tokens * end.settle);
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

describe('never idle while a call fits', () => {
  const arrivals = fc.array(
    fc.record({ gap: fc.integer({ min: 0, max: 4_000 }), tokens: fc.integer({ min: 1, max: 5_000 }) }),
    {
      minLength: 1,
      maxLength: 40,
    },
  );

  test('each call goes when it comes or when the last one is paid off, whichever is later', async () => {
    await fc.assert(
      fc.asyncProperty(arrivals, async (calls) => {
        const { clock, limiter } = create({ requestsPerMinute: 40, tokensPerMinute: 60_000 });
        const start = clock.now();
        const went: number[] = [];
        let came = 0;
        let free = 0;
        const due = calls.map(({ gap, tokens }) => {
          came += gap;
          void clock.sleep(came).then(async () => {
            const turn = await limiter.turn();
            went.push(clock.now() - start);
            turn.spend(tokens);
          });
          const at = Math.max(came, free);
          free = at + Math.max(MINUTE / 40, tokens);
          return at;
        });
        await clock.runAll();
        expect(went).toHaveLength(calls.length);
        went.forEach((at, i) => expect(at).toBeCloseTo(due[i] ?? NaN, 3));
      }),
      { numRuns: 100 },
    );
  });

  test.each([
    { what: 'timers that go off late', late: 7, held: 0 },
    { what: 'polls that bring their task late', late: 0, held: 40 },
  ])('nothing is lost by $what', async ({ late, held }) => {
    const { clock, limiter } = create(
      { requestsPerMinute: 600, tokensPerMinute: 1e9 },
      createVirtualClock(() => late),
    );
    let calls = 0;
    void (async () => {
      for (;;) {
        const turn = await limiter.turn();
        if (held > 0) await clock.sleep(held);
        turn.spend();
        calls += 1;
      }
    })();
    await clock.advance(2 * MINUTE);
    expect(calls).toBeGreaterThanOrEqual(1_199);
  });

  test('nothing is saved up while idle', async () => {
    const { clock, limiter } = create();
    await clock.advance(60 * MINUTE);
    const times = saturate(clock, limiter);
    await clock.advance(5_000);
    expect(times).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000]);
  });

  test('an hour at the limit spends it to within a call', async () => {
    const { clock, limiter } = create({ requestsPerMinute: 480, tokensPerMinute: 28_000 });
    let tokens = 0;
    const costs = [1_437, 1_105, 1_699];
    saturate(clock, limiter, (spend) => {
      spend.weigh('any', costs[Math.round(tokens) % 3] ?? 0);
      tokens += spend.tokens;
    });
    await clock.advance(60 * MINUTE);
    expect(tokens).toBeGreaterThan(60 * 28_000 - 1_700);
    expect(tokens).toBeLessThanOrEqual(60 * 28_000 + 1_700);
  });
});

describe('what is reserved and not used comes back', () => {
  test.each([
    { what: 'cancel', after: (spend: Spend) => spend.cancel(), next: 0 },
    { what: 'settle to a tenth', after: (spend: Spend) => spend.weigh('any', 100), next: 100 },
    { what: 'settle to more', after: (spend: Spend) => spend.weigh('any', 2_500), next: 2_500 },
    {
      what: 'settle to less, then to more',
      after: (spend: Spend) => (spend.weigh('any', 10), spend.weigh('any', 700)),
      next: 700,
    },
    {
      what: 'cancel twice, then settle',
      after: (spend: Spend) => (spend.cancel(), spend.cancel(), spend.weigh('any', 9_000)),
      next: 0,
    },
  ])('$what', async ({ after, next }) => {
    const { clock, limiter } = create({ requestsPerMinute: 6_000, tokensPerMinute: 60_000 });
    after((await limiter.turn()).spend(1_000));
    expect(limiter.snapshot().readyInMs).toBeCloseTo(next === 0 ? 0 : Math.max(10, next), 6);
    expect(limiter.snapshot().lastMinute).toEqual({ requests: next === 0 ? 0 : 1, tokens: next });
    const times = saturate(clock, limiter);
    await clock.advance(next);
    expect(times[0]).toBe(next);
  });

  test('a waiter goes as soon as it does', async () => {
    const { clock, limiter } = create();
    const first = (await limiter.turn()).spend();
    const times = saturate(clock, limiter);
    await clock.advance(300);
    expect(times).toEqual([]);
    first.cancel();
    await clock.advance(0);
    expect(times).toEqual([300]);
  });

  test('after an hour of cancels nothing is lost and nothing is left behind', async () => {
    const { clock, limiter } = create();
    for (let i = 0; i < 3_600; i += 1) {
      const spend = (await limiter.turn()).spend();
      await clock.advance(1_000);
      spend.cancel();
    }
    expect(limiter.snapshot()).toMatchObject({
      waiting: 0,
      readyInMs: 0,
      lastMinute: { requests: 0, tokens: 0 },
    });
    const times = saturate(clock, limiter);
    await clock.advance(60_000);
    expect(times).toHaveLength(61);
    expect(clock.timers()).toBe(1);
  });

  test('calls that weigh half of the mean call go at twice the pace', async () => {
    const { clock, limiter } = create({ requestsPerMinute: 6_000, tokensPerMinute: 60_000 });
    const times = saturate(clock, limiter, (spend) => spend.weigh('any', 500));
    // The limiter learns the mean: later calls take half at once.
    await clock.advance(10 * MINUTE);
    expect(within(times, 5 * MINUTE, 10 * MINUTE)).toBeGreaterThanOrEqual(598);
  });
});

describe('the gate', () => {
  test('nobody goes while it is closed; then one, and the rest at the paced rate', async () => {
    const { clock, limiter } = create();
    const times = saturate(clock, limiter);
    await clock.advance(2_500);
    limiter.closeFor(20_000);
    limiter.closeFor(1_000);
    expect(limiter.closed()).toBe(true);
    await clock.advance(24_000);
    expect(times).toEqual([0, 1_000, 2_000, 22_500, 23_500, 24_500, 25_500, 26_500]);
    expect(limiter.closed()).toBe(false);
  });

  test('a turn that is out stays out, and no second one follows', async () => {
    const { clock, limiter } = create();
    const held = await limiter.turn();
    limiter.closeFor(10_000);
    held.spend();
    const times = saturate(clock, limiter);
    await clock.advance(10_500);
    expect(times).toEqual([10_000]);
  });
});

describe("the provider's own account", () => {
  /** What the provider said when a call was let in that left so much. */
  async function after(server: { remainingTokens?: number; remainingRequests?: number }): Promise<number[]> {
    const { clock, limiter } = create();
    const first = await limiter.acquire(1_000);
    await clock.advance(1_000);
    first.admitted({ limits: EVEN, ...server });
    const times = saturate(clock, limiter);
    await clock.advance(5_000);
    return times;
  }

  test.each([
    { what: 'the call and the margin', server: { remainingTokens: 5_000, remainingRequests: 60 }, wait: 0 },
    { what: 'nothing said', server: {}, wait: 0 },
    // 4,000 are the margin, 1,000 the call. Whether some were refilled since the header's moment is not known yet.
    { what: 'no token left', server: { remainingTokens: 0, remainingRequests: 60 }, wait: 5_000 },
    { what: 'no request left', server: { remainingRequests: 0, remainingTokens: 60_000 }, wait: 3_400 },
  ])('$what', async ({ server, wait }) => {
    const [first] = await after(server);
    expect(first).toBeCloseTo(wait, 0);
  });

  test('stale news of many calls in flight costs no more than what they tell of', async () => {
    const { clock, limiter } = create();
    let told = 0;
    const times = saturate(clock, limiter, (spend) => {
      void clock.sleep(9_000).then(() => {
        // Ten calls in flight all tell of the one time in which another process had emptied the account.
        spend.admitted({ limits: EVEN, remainingTokens: told++ < 10 ? 0 : 60_000 });
      });
    });
    await clock.advance(5 * MINUTE);
    expect(times.length).toBeGreaterThanOrEqual(300 - 10);
  });
});

describe('another rate', () => {
  test('slowDown halves it for 15 minutes, then ramps back within 15', async () => {
    const { clock, limiter } = create();
    const times = saturate(clock, limiter);
    await clock.advance(500);
    limiter.slowDown();
    await clock.advance(60 * MINUTE);
    const calls = (from: number, to: number): number => within(times, from * MINUTE, to * MINUTE);
    expect(calls(0, 15) / 15).toBeCloseTo(30, 0);
    expect(calls(22, 23)).toBeGreaterThan(42);
    expect(calls(22, 23)).toBeLessThan(48);
    expect(calls(31, 60) / 29).toBeCloseTo(60, 0);
    expect(limiter.snapshot().limits).toMatchObject(EVEN);
  });

  test.each([
    { what: 'ten times', factor: 10, next: 50 },
    { what: 'a tenth', factor: 0.1, next: 5_000 },
  ])('setLimits to $what is felt at once, by a waiter too', async ({ factor, next }) => {
    const { clock, limiter } = create();
    const times = saturate(clock, limiter);
    await clock.advance(2 * MINUTE + 500);
    limiter.setLimits({ requestsPerMinute: 60 * factor, tokensPerMinute: 60_000 * factor });
    const from = times.length;
    await clock.advance(2 * MINUTE);
    // Half of a call was still to be paid off.
    expect((times[from] ?? NaN) - 2 * MINUTE - 500).toBeCloseTo(next, 3);
    const whole = (2 * MINUTE - next) / (1_000 / factor);
    expect(times.length - from).toBeGreaterThanOrEqual(Math.floor(whole * 0.99));
    expect(times.length - from).toBeLessThanOrEqual(whole + 1);
  });

  test('a wait beyond the longest timer does not spin', async () => {
    const { clock, limiter } = create({ requestsPerMinute: 60, tokensPerMinute: 0.01 });
    (await limiter.turn()).spend(1_000);
    const times = saturate(clock, limiter);
    await clock.advance(90 * 24 * 60 * MINUTE);
    expect(times).toHaveLength(1);
  });
});

describe('turns', () => {
  test('only one is out at a time, in the order of asking; a call that is acquired waits for none', async () => {
    const { clock, limiter } = create({ requestsPerMinute: 60_000, tokensPerMinute: 1e9 });
    const held = await limiter.turn();
    const order: string[] = [];
    for (const name of ['a', 'b']) {
      void limiter.turn().then((turn) => {
        order.push(name);
        turn.spend();
      });
    }
    for (const name of ['c', 'd']) void limiter.acquire(1).then(() => order.push(name));
    await clock.advance(MINUTE);
    expect(order).toEqual(['c', 'd']);
    expect(limiter.snapshot().waiting).toBe(2);
    held.release();
    held.release();
    await clock.advance(MINUTE);
    expect(order).toEqual(['c', 'd', 'a', 'b']);
  });

  test('calls that are acquired at the same moment go one after the other', async () => {
    const { clock, limiter } = create();
    const start = clock.now();
    const calls = [1, 2, 3].map(() => limiter.acquire(1_000).then(() => clock.now() - start));
    await clock.advance(5_000);
    expect(await Promise.all(calls)).toEqual([0, 1_000, 2_000]);
  });

  test('a turn that is spent after another call was acquired says that it is early', async () => {
    const { clock, limiter } = create();
    const held = await limiter.turn();
    await limiter.acquire(1_000);
    const early = held.spend();
    expect(early.early).toBe(true);
    early.cancel();
    expect(limiter.snapshot().lastMinute.requests).toBe(1);
    await clock.advance(limiter.snapshot().readyInMs);
    expect((await limiter.turn()).spend().early).toBe(false);
  });

  test('a released turn costs nothing; one is spent or released once', async () => {
    const { limiter } = create();
    const turn = await limiter.turn();
    turn.release();
    expect(limiter.snapshot()).toMatchObject({ readyInMs: 0, lastMinute: { requests: 0, tokens: 0 } });
    expect(() => turn.spend()).toThrow('once');
    const next = await limiter.turn();
    next.spend();
    next.release();
    expect(limiter.snapshot().lastMinute.requests).toBe(1);
  });

  test.each([0, 1, 2])('waiter %i gives up: no hole, and the others go on', async (who) => {
    const { clock, limiter } = create();
    (await limiter.turn()).spend();
    const reason = new Error('called off');
    const aborters = [0, 1, 2].map(() => new AbortController());
    const outcomes = aborters.map(({ signal }) =>
      limiter.turn(signal).then(
        (turn) => {
          turn.spend();
          return clock.now();
        },
        (err: unknown) => err,
      ),
    );
    await clock.advance(500);
    aborters[who]?.abort(reason);
    const start = clock.now() - 500;
    await clock.advance(10_000);
    const ended = await Promise.all(outcomes);
    expect(ended[who]).toBe(reason);
    expect(ended.filter((_, i) => i !== who)).toEqual([start + 1_000, start + 2_000]);
  });

  test('nobody waits: no timer that keeps a process alive', async () => {
    const { clock, limiter } = create();
    (await limiter.turn()).spend();
    const aborter = new AbortController();
    const waiting = limiter.turn(aborter.signal);
    expect(clock.timers()).toBe(1);
    aborter.abort(new Error('over'));
    await expect(waiting).rejects.toThrow('over');
    expect(clock.timers()).toBe(0);
    await expect(limiter.turn(aborter.signal)).rejects.toThrow('over');
    expect(limiter.snapshot().waiting).toBe(0);
  });
});
