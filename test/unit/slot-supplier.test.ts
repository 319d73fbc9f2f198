import type { ActivitySlotInfo, SlotPermit } from '@temporalio/worker';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRateLimiter, type RateLimiter } from '../../src/worker/limiter/rate-limiter.ts';
import { createLimitedSlots, type LimitedSlots } from '../../src/worker/slot-supplier.ts';
import { createVirtualClock, type VirtualClock } from '../helpers/virtual-clock.ts';

/** One call of the mean's size a second. */
const LIMITS = { requestsPerMinute: 60, tokensPerMinute: 60_000 };
const CONTEXT = {
  slotType: 'activity',
  taskQueue: 'q',
  workerIdentity: 'w',
  workerBuildId: 'b',
  isSticky: false,
} as const;

interface Kit {
  clock: VirtualClock;
  limiter: RateLimiter;
  slots: LimitedSlots;
  reserve(signal?: AbortSignal): Promise<SlotPermit>;
  use(permit: SlotPermit): void;
  release(permit: SlotPermit): void;
}

function create(maxInUse: number | (() => number) = 10, limits = LIMITS): Kit {
  const clock = createVirtualClock();
  const limiter = createRateLimiter({ limits, tokensPerCall: 1_000, clock });
  const slots = createLimitedSlots(limiter, maxInUse);
  const { supplier } = slots;
  const info = { activityType: 'askModel' } as ActivitySlotInfo;
  return {
    clock,
    limiter,
    slots,
    reserve: (signal = new AbortController().signal) => supplier.reserveSlot(CONTEXT, signal),
    use: (permit) => supplier.markSlotUsed({ slotInfo: info, permit }),
    release: (permit) => supplier.releaseSlot({ permit }),
  };
}

test('a poll that waits for work counts nothing, and leaves one call and no burst when work comes', async () => {
  const { clock, limiter, slots, reserve, use } = create();
  const permit = await reserve();
  await clock.advance(3_600_000);
  expect(limiter.snapshot().lastMinute).toEqual({ requests: 0, tokens: 0 });
  expect(slots.claim()).toBeNull();
  const times: number[] = [];
  const start = clock.now();
  use(permit);
  void (async () => {
    for (;;) {
      use(await reserve());
      times.push(clock.now() - start);
    }
  })();
  await clock.advance(3_000);
  // The first one's poll was late by more than a poll may be: it counts as a tenth of a second earlier.
  expect(times).toEqual([900, 1_900, 2_900]);
});

test('a slot that brought no task is given back, with its turn', async () => {
  const { limiter, slots, reserve, release } = create();
  for (let i = 0; i < 50; i += 1) release(await reserve());
  expect(slots.inUse()).toBe(0);
  expect(limiter.snapshot()).toMatchObject({
    readyInMs: 0,
    waiting: 0,
    lastMinute: { requests: 0, tokens: 0 },
  });
});

test('eager tasks, which would go around the limit, get no slot', () => {
  const { slots } = create();
  expect(slots.supplier.tryReserveSlot(CONTEXT)).toBeNull();
});

describe('claim', () => {
  test('hands out each spend once', async () => {
    const { clock, slots, reserve, use } = create();
    use(await reserve());
    const next = reserve();
    await clock.advance(1_000);
    use(await next);
    const claims = [slots.claim(), slots.claim(), slots.claim()];
    expect(new Set(claims).size).toBe(3);
    expect(claims[2]).toBeNull();
    expect(claims[0]?.tokens).toBe(1_000);
  });

  test('a spend that its task did not claim comes back with the slot, and goes to no later task', async () => {
    const { limiter, slots, reserve, use, release } = create();
    const permit = await reserve();
    use(permit);
    release(permit);
    expect(limiter.snapshot()).toMatchObject({ readyInMs: 0, lastMinute: { requests: 0, tokens: 0 } });
    expect(slots.claim()).toBeNull();
  });

  test('the slot of a claimed spend gives nothing back', async () => {
    const { limiter, slots, reserve, use, release } = create();
    const permit = await reserve();
    use(permit);
    slots.claim();
    release(permit);
    expect(limiter.snapshot().lastMinute).toEqual({ requests: 1, tokens: 1_000 });
  });

  test('none is handed out while the gate is closed: the call waits for a turn of its own', async () => {
    const { clock, limiter, slots, reserve, use } = create();
    const permit = await reserve();
    limiter.closeFor(10_000);
    use(permit);
    expect(slots.claim()).toBeNull();
    expect(limiter.snapshot().lastMinute.requests).toBe(0);
    const start = clock.now();
    const own = limiter.acquire(1_000).then(() => clock.now() - start);
    await clock.advance(10_000);
    expect(await own).toBe(10_000);
  });
});

test('a call acquired while a poll holds its turn goes at once; the task that comes next waits for it', async () => {
  const { clock, limiter, slots, reserve, use } = create();
  const permit = await reserve();
  await limiter.acquire(1_000);
  use(permit);
  expect(slots.claim()).toBeNull();
  expect(limiter.snapshot().lastMinute.requests).toBe(1);
  const start = clock.now();
  const own = limiter.acquire(1_000).then(() => clock.now() - start);
  await clock.advance(1_000);
  expect(await own).toBe(1_000);
});

describe('tasks at once', () => {
  test('a poll waits for room, and is served when a task ends', async () => {
    const { clock, slots, reserve, use, release } = create(2, {
      requestsPerMinute: 60_000,
      tokensPerMinute: 1e9,
    });
    const first = await reserve();
    use(first);
    const second = reserve();
    await clock.advance(10);
    use(await second);
    let third: SlotPermit | null = null;
    void reserve().then((permit) => (third = permit));
    await clock.advance(1_000);
    expect(third).toBeNull();
    release(first);
    await clock.advance(10);
    expect(third).not.toBeNull();
    expect(slots.inUse()).toBe(2);
  });

  test('fewer may be in use from now on: none is taken back, and none given until enough have come back', async () => {
    let most = 3;
    const { clock, slots, reserve, use, release } = create(() => most, {
      requestsPerMinute: 60_000,
      tokensPerMinute: 1e9,
    });
    const held: SlotPermit[] = [];
    let given = 0;
    for (let i = 0; i < 5; i += 1)
      void reserve().then((permit) => {
        use(permit);
        held.push(permit);
        given += 1;
      });
    await clock.advance(10);
    expect(given).toBe(3);
    most = 2;
    slots.roomChanged();
    const afterEach: number[] = [];
    for (const permit of [...held]) {
      release(permit);
      await clock.advance(10);
      afterEach.push(given);
    }
    expect(afterEach).toEqual([3, 4, 5]);
    expect(slots.inUse()).toBe(2);
  });

  test('more may be in use from now on: a poll that waits for room is served at once', async () => {
    let most = 1;
    const { clock, slots, reserve, use } = create(() => most, {
      requestsPerMinute: 60_000,
      tokensPerMinute: 1e9,
    });
    use(await reserve());
    let served = 0;
    for (let i = 0; i < 3; i += 1)
      void reserve().then((permit) => {
        use(permit);
        served += 1;
      });
    await clock.advance(1_000);
    expect(served).toBe(0);
    most = 3;
    slots.roomChanged();
    await clock.advance(1_000);
    expect([served, slots.inUse()]).toEqual([2, 3]);
  });

  test.each(['for room', 'for the limiter', 'not at all: it comes aborted'])(
    'a poll that is called off while it waits %s',
    async (where) => {
      const { clock, limiter, slots, reserve, use, release } = create(where === 'for the limiter' ? 5 : 1);
      const first = await reserve();
      use(first);
      const aborter = new AbortController();
      const reason = new Error('shutdown');
      if (where.startsWith('not')) aborter.abort(reason);
      const waiting = reserve(aborter.signal);
      aborter.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      expect(slots.inUse()).toBe(1);
      expect(limiter.snapshot().waiting).toBe(0);
      release(first);
      const next = reserve();
      await clock.advance(1_000);
      release(await next);
      expect(slots.inUse()).toBe(0);
      expect(clock.timers()).toBe(0);
    },
  );

  test('never more than allowed, whatever polls, tasks and aborts do; at the end all is given back', async () => {
    const poll = fc.record({
      gap: fc.nat(300),
      abortAfter: fc.option(fc.nat(2_000)),
      idle: fc.nat(500),
      task: fc.constantFrom('claims', 'does not claim', 'none'),
      lasts: fc.nat(3_000),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(poll, { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        async (polls, max) => {
          const { clock, limiter, slots, reserve, use, release } = create(max, {
            requestsPerMinute: 600,
            tokensPerMinute: 1e9,
          });
          let at = 0;
          let held = 0;
          let most = 0;
          for (const { gap, abortAfter, idle, task, lasts } of polls) {
            at += gap;
            void clock.sleep(at).then(async () => {
              const aborter = new AbortController();
              if (abortAfter !== null)
                void clock.sleep(abortAfter).then(() => aborter.abort(new Error('off')));
              const permit = await reserve(aborter.signal).catch(() => null);
              if (permit === null) return;
              held += 1;
              most = Math.max(most, held);
              await clock.sleep(idle);
              if (task !== 'none') use(permit);
              if (task === 'claims') expect(slots.claim()).not.toBeNull();
              await clock.sleep(lasts);
              release(permit);
              held -= 1;
            });
          }
          await clock.runAll();
          expect(most).toBeLessThanOrEqual(max);
          expect([held, slots.inUse(), limiter.snapshot().waiting]).toEqual([0, 0, 0]);
          expect(slots.claim()).toBeNull();
          const last = reserve();
          await clock.runAll();
          release(await last);
        },
      ),
      { numRuns: 100 },
    );
  });
});
