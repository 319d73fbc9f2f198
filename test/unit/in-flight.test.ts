import { describe, expect, test } from 'vitest';
import { createInFlightGuard, type InFlightGuard } from '../../src/worker/limiter/in-flight.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';

const MAX = 500;

/** A server whose calls take the longer the more of them there are. */
interface Server {
  /** Median of a lone call, in seconds. */
  alone: number;
  /** Standard deviation of its logarithm. */
  spread?: number;
  /** Share of calls that take a minute, whatever they are. */
  minutes?: number;
  /** So many times as long with so many in flight, at so many seconds. */
  slower(inFlight: number, at: number): number;
  /** By the calls that were in flight at its start decides how long a call takes; else by those that run beside it. */
  atStart?: boolean;
}

interface Run {
  server: Server;
  /** Calls a second that the rate limits admit; a turn that is not used is lost. */
  rate: number;
  seconds: number;
  /** Only what ends after so many seconds is counted. */
  from?: number;
  seed?: number;
  guarded?: boolean;
}

interface Outcome {
  /** Answers a second. */
  throughput: number;
  /** Mean of the calls in flight. */
  inFlight: number;
  guard: InFlightGuard;
}

/** As many calls as rate and guard admit, for so many seconds of a virtual clock. */
async function simulate({
  server,
  rate,
  seconds,
  from = 0,
  seed = 1,
  guarded = true,
}: Run): Promise<Outcome> {
  const clock = createVirtualClock();
  const random = createRandom(seed);
  const guard = createInFlightGuard({ max: MAX, clock });
  const began = clock.now();
  const end = began + seconds * 1000;
  const calls: { left: number; at: number; ended: (ms: number | null) => void }[] = [];
  let lastStep = began;
  let nextTurn = began;
  let answers = 0;
  let callMs = 0;
  let cancel = (): void => undefined;

  const second = (): number => (clock.now() - began) / 1000;
  const counts = (): boolean => second() >= from;
  const pace = (): number => (server.atStart ? 1 : 1 / server.slower(calls.length, second()));

  const work = (): number => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const usual = server.alone * 1000 * Math.exp((server.spread ?? 0.15) * normal);
    if (random() < (server.minutes ?? 0)) return 60_000;
    return server.atStart ? usual * server.slower(calls.length + 1, second()) : usual;
  };

  /** Brings the calls up to now, ends those that are done, starts those that may start, and sleeps until the next. */
  const step = (): void => {
    cancel();
    const now = clock.now();
    if (calls.length > 0) for (const call of calls) call.left -= (now - lastStep) * pace();
    callMs += calls.length * Math.max(0, now - Math.max(lastStep, began + from * 1000));
    lastStep = now;
    for (const call of calls.filter(({ left }) => left < 1e-6)) {
      calls.splice(calls.indexOf(call), 1);
      call.ended(now - call.at);
      if (counts()) answers += 1;
    }
    const room = (): boolean => calls.length < (guarded ? guard.limit() : MAX);
    while (room() && nextTurn <= now + 1e-6) {
      calls.push({ left: work(), at: now, ended: guard.started(calls.length + 1) });
      nextTurn = Math.max(nextTurn, now - 1e-6) + 1000 / rate;
      // A turn is one call's: what was missed while there was no room does not come back.
      if (nextTurn < now) nextTurn = now;
    }
    const shortest = calls.reduce((least, { left }) => Math.min(least, left), Infinity);
    const wake = Math.min(
      calls.length > 0 ? shortest / pace() : Infinity,
      room() ? nextTurn - now : Infinity,
    );
    // The server's pace changes with time, too.
    if (now < end) cancel = clock.after(Math.max(0, Math.min(wake, 1000, end - now)), step);
  };

  step();
  await clock.advance(seconds * 1000);
  const counted = seconds - from;
  return { throughput: answers / counted, inFlight: callMs / counted / 1000, guard };
}

/** Mulberry32: a number in [0, 1) by seed and turn. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The best that any number of calls in flight gives. */
function best({ alone, spread = 0.15, slower }: Server, rate: number): number {
  const mean = alone * Math.exp(spread ** 2 / 2);
  const each = Array.from({ length: MAX }, (_, i) => (i + 1) / (mean * slower(i + 1, 0)));
  return Math.min(rate, Math.max(...each));
}

const steady = (): number => 1;
/** Between 0.8 and 1.2 times, once every 20 minutes. */
const drifting = (_: number, at: number): number => 1 + 0.2 * Math.sin(at / 200);
/** A server that answers so many at once as fast as one, and never more in a second. */
const queueing = (knee: number) => (inFlight: number) => Math.max(1, inFlight / knee);
/** A server that answers fewer in a second beyond the knee. */
const thrashing = (knee: number) => (inFlight: number) => 1 + (inFlight / knee) ** 2;

describe('where latency does not depend on the calls in flight, no throughput is lost', () => {
  test.each([
    { what: 'the mission', rate: 0.31, seconds: 6_500, spread: 0.15, minutes: 0.01, slower: drifting },
    { what: 'the mission, wild', rate: 0.31, seconds: 6_500, spread: 0.3, minutes: 0.02, slower: drifting },
    {
      what: '200,000 tokens a minute',
      rate: 2.2,
      seconds: 3_600,
      spread: 0.15,
      minutes: 0.01,
      slower: drifting,
    },
    { what: '200,000, wild', rate: 2.2, seconds: 3_600, spread: 0.3, minutes: 0.02, slower: drifting },
    {
      what: '2,000,000 tokens a minute',
      rate: 22,
      seconds: 600,
      spread: 0.15,
      minutes: 0.01,
      slower: drifting,
    },
    { what: '2,000,000, wild', rate: 22, seconds: 600, spread: 0.3, minutes: 0.02, slower: drifting },
    { what: 'as many as there may be', rate: 100, seconds: 120, spread: 0.3, minutes: 0.02, slower: steady },
  ])('$what', { timeout: 20_000 }, async ({ rate, seconds, spread, minutes, slower }) => {
    const run = { server: { alone: 9.5, spread, minutes, slower }, rate, seconds, seed: 7 };
    const guarded = await simulate(run);
    const free = await simulate({ ...run, guarded: false });
    expect(guarded.throughput / free.throughput).toBeGreaterThan(0.99);
  });
});

test('when the latency grows at once for all, whatever is in flight, finding that out costs a few latencies', async () => {
  const slower = (_: number, at: number): number => (at < 1_000 ? 1 : 2.5);
  const run = { server: { alone: 9, slower }, rate: 3, from: 1_000, seconds: 2_000 };
  const guarded = await simulate(run);
  const free = await simulate({ ...run, guarded: false });
  const secondsLost = (1 - guarded.throughput / free.throughput) * 1_000;
  expect(secondsLost / (9 * 2.5)).toBeLessThan(4);
});

describe('where it does, it backs off to where throughput is best', () => {
  // Five at once take 1.7 s, 138 take 40 s.
  const facts = { alone: 1.7, slower: queueing(5.9) };
  test.each([
    { what: 'the reported one', server: facts, rate: 8, share: 0.9, most: 12 },
    {
      what: 'by what is there at the start',
      server: { ...facts, atStart: true },
      rate: 8,
      share: 0.9,
      most: 12,
    },
    { what: 'a queue behind 30', server: { alone: 9, slower: queueing(30) }, rate: 8, share: 0.9, most: 45 },
    { what: 'thrashing', server: { alone: 9, slower: thrashing(50) }, rate: 2.9, share: 0.88, most: 60 },
    {
      what: 'thrashing, quick',
      server: { alone: 2, slower: thrashing(50) },
      rate: 15,
      share: 0.88,
      most: 60,
    },
    {
      what: 'thrashing, by what is there at the start',
      server: { alone: 9, slower: thrashing(50), atStart: true },
      rate: 8,
      share: 0.88,
      most: 60,
    },
  ])('$what', { timeout: 20_000 }, async ({ server, rate, share, most }) => {
    const [from, seconds] = [60 * server.alone, 260 * server.alone];
    for (const seed of [1, 2, 3]) {
      const { throughput, inFlight } = await simulate({ server, rate, seconds, from, seed });
      expect(throughput / best(server, rate)).toBeGreaterThan(share);
      expect(inFlight).toBeLessThan(most);
    }
  });

  test('also when the slow-down comes in the middle of a run; and it recovers when that is gone', async () => {
    const between = (at: number): boolean => at >= 500 && at < 1_500;
    const slower = (n: number, at: number): number => (between(at) ? thrashing(10)(n) : 1);
    const server = { alone: 9, slower };
    const run = { server, rate: 2.5, from: 900, seconds: 1_500 };
    const during = await simulate(run);
    expect(during.throughput / best({ ...server, slower: thrashing(10) }, 2.5)).toBeGreaterThan(0.85);
    expect((await simulate({ ...run, guarded: false })).inFlight).toBe(MAX);
    const after = await simulate({ ...run, from: 1_500 + 30 * 9, seconds: 2_500 });
    expect(after.throughput / 2.5).toBeGreaterThan(0.98);
  });

  test('a server that does one call at a time gets one or two', async () => {
    const server = { alone: 3, slower: queueing(1) };
    const { throughput, inFlight } = await simulate({ server, rate: 0.6, seconds: 3_000, from: 1_000 });
    expect(throughput / best(server, 0.6)).toBeGreaterThan(0.95);
    expect(inFlight).toBeLessThan(3);
  });
});

describe('what it learns from', () => {
  /** Calls one after the other that take so long, each as one of so many. */
  function createCalls() {
    const clock = createVirtualClock();
    const guard = createInFlightGuard({ max: MAX, clock });
    const calls = (count: number, inUse: number, ms: number | null): void => {
      for (let i = 0; i < count; i += 1) guard.started(inUse)(ms);
    };
    return { clock, guard, calls };
  }

  /** On guard at a level below 30, after calls of a second and calls of ten. */
  function createOnGuard() {
    const kit = createCalls();
    kit.calls(10, 10, 1_000);
    kit.calls(30, 40, 10_000);
    return { ...kit, level: kit.guard.limit() };
  }

  test('a latency that has doubled brings it on guard, and says so', () => {
    const { guard, calls } = createCalls();
    const heard: number[] = [];
    guard.onChange(() => heard.push(guard.limit()));
    calls(10, 10, 1_000);
    calls(30, 19, 1_900);
    expect([guard.limit(), heard]).toEqual([MAX, []]);
    calls(30, 40, 10_000);
    // Ten a second were answered at best: twenty in flight, were the latency two seconds.
    expect([guard.limit(), heard]).toEqual([20, [20]]);
  });

  test('no more calls are added while those that are in flight are late', async () => {
    const { clock, guard, calls } = createCalls();
    calls(10, 10, 1_000);
    for (let i = 1; i <= 30; i += 1) guard.started(i);
    await clock.advance(1_900);
    guard.started(31);
    expect(guard.limit()).toBe(MAX);
    await clock.advance(200);
    guard.started(32);
    expect(guard.limit()).toBe(32);
    guard.started(33);
    expect(guard.limit()).toBe(32);
  });

  test.each([
    { what: 'by fewer calls than it would let go', inUse: 10, ms: 1_000 },
    { what: 'by calls beyond the level, which went before it fell', inUse: 35, ms: 20_000 },
    { what: 'by calls that gave no latency', inUse: 20, ms: null },
  ])('on guard the level is not changed $what', ({ inUse, ms }) => {
    const { guard, calls, level } = createOnGuard();
    calls(200, inUse, ms);
    expect(guard.limit()).toBe(level);
  });

  test('a call counts once', () => {
    const { guard, level } = createOnGuard();
    const ended = guard.started(level);
    for (let i = 0; i < 100; i += 1) ended(2_000);
    expect(guard.limit()).toBe(level);
  });

  test('what was learned is forgotten after ten idle minutes, and not before', async () => {
    const { clock, guard, level } = createOnGuard();
    await clock.advance(9 * 60_000);
    guard.started(1)(1_000);
    expect(guard.limit()).toBe(level);
    await clock.advance(11 * 60_000);
    guard.started(1)(1_000);
    expect(guard.limit()).toBe(MAX);
  });
});
