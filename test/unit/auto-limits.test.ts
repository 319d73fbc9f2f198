import { describe, expect, test } from 'vitest';
import type { LimitSettings, Limits } from '../../src/shared/types.ts';
import { createLimitAccount } from '../../src/simulator/account.ts';
import { createRateLimiter } from '../../src/worker/limiter/rate-limiter.ts';
import { type AccountScenario, runScenario } from '../helpers/account-scenario.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';

const TIER_1: Limits = { requestsPerMinute: 500, tokensPerMinute: 30_000 };
const TOLD: LimitSettings = { requestsPerMinute: 480, tokensPerMinute: 28_000 };
const AUTO: LimitSettings = { requestsPerMinute: 'auto', tokensPerMinute: 'auto' };
const CALL = 1_577;

/** A quarter of the mission: the rest is more of the same. */
const BASE = { account: TIER_1, lanes: 16, pictures: 85 };

/** Time over the shortest time that the account allows: what was unspent at the start costs no time under `auto`. */
function ratioOf(scenario: AccountScenario, { timeMs, ours }: { timeMs: number; ours: number }): number {
  const auto = scenario.limits.tokensPerMinute === 'auto';
  const { tokensPerMinute } = scenario.account;
  const rate = auto ? tokensPerMinute : Number(scenario.limits.tokensPerMinute);
  return timeMs / (((ours - (auto ? tokensPerMinute : 0)) / rate) * 60_000 + 9_000);
}

describe('on the floor, and never refused', () => {
  test.each<{ what: string; scenario: AccountScenario; ratio: number }>([
    { what: 'told', scenario: { ...BASE, limits: TOLD }, ratio: 1.005 },
    { what: 'auto', scenario: { ...BASE, limits: AUTO }, ratio: 1.01 },
    {
      what: 'auto, headers as of the answer',
      scenario: { ...BASE, limits: AUTO, headers: 'answer' },
      ratio: 1.01,
    },
    {
      what: 'told, calls half as dear again as the formula says',
      scenario: { ...BASE, limits: TOLD, chargeFactor: 1.5 },
      ratio: 1.02,
    },
    {
      what: 'told, calls half as dear',
      scenario: { ...BASE, limits: TOLD, chargeFactor: 0.5 },
      ratio: 1.025,
    },
    { what: 'auto, half as dear again', scenario: { ...BASE, limits: AUTO, chargeFactor: 1.5 }, ratio: 1.02 },
    { what: 'auto, half as dear', scenario: { ...BASE, limits: AUTO, chargeFactor: 0.5 }, ratio: 1.03 },
    {
      what: 'more told than there is',
      scenario: { ...BASE, limits: { requestsPerMinute: 900, tokensPerMinute: 40_000 } },
      ratio: 1.35,
    },
  ])('$what', async ({ scenario, ratio }) => {
    const outcome = await runScenario(scenario);
    expect(outcome.refused).toBe(0);
    expect(ratioOf(scenario, outcome)).toBeLessThan(ratio);
    expect(outcome.calls).toBe(510);
  });

  test('a told limit is a ceiling, though the account has more', async () => {
    const { highest } = await runScenario({ ...BASE, limits: TOLD });
    expect(highest.tokens).toBeLessThanOrEqual(28_000 + CALL);
    expect(highest.tokens).toBeGreaterThan(28_000 - CALL);
  });

  test('a larger account is found out, and used', async () => {
    const account: Limits = { requestsPerMinute: 5_000, tokensPerMinute: 2_000_000 };
    const outcome = await runScenario({ account, limits: AUTO, lanes: 400, pictures: 400 });
    expect(outcome.refused).toBe(0);
    // 2,400 calls are 3.8 million tokens: one minute's allowance, nine tenths of a minute, two latencies.
    expect(outcome.timeMs).toBeLessThan(1.25 * (0.9 * 60_000 + 18_000));
  });

  test('where no header comes it stays at the limits to begin with', async () => {
    const outcome = await runScenario({ ...BASE, pictures: 30, limits: AUTO, headers: 'none' });
    expect(outcome.refused).toBe(0);
    expect(outcome.highest.tokens).toBeLessThanOrEqual(28_000 + CALL);
    expect(outcome.highest.tokens).toBeGreaterThan(28_000 - CALL);
  });
});

describe('what was unspent at the start', () => {
  test('is spent within 15 seconds of the first answer, down to the margin', async () => {
    const { sends, refused } = await runScenario({ ...BASE, pictures: 30, limits: AUTO });
    const spent = (from: number, to: number): number =>
      sends.filter(({ at }) => at >= from && at < to).reduce((sum, { tokens }) => sum + tokens, 0);
    expect(refused).toBe(0);
    // The first answer comes after 9 seconds; the allowance, and what is refilled in 25.
    expect(spent(0, 26_000)).toBeGreaterThan(28_000 + (26 / 60) * 30_000 - 4 * CALL);
    expect(spent(0, 26_000)).toBeLessThan(30_000 + (26 / 60) * 30_000 - 2_000 + CALL);
  });

  test('is never spent again after a refusal', async () => {
    const clock = createVirtualClock();
    const limiter = createRateLimiter({ limits: AUTO, tokensPerCall: CALL, clock });
    const refused = await limiter.acquire(CALL);
    refused.refused({ limits: {} });
    const next = limiter.acquire(CALL);
    await clock.advance(12_000);
    const first = await next;
    const full = { limits: TIER_1, remainingRequests: 499, remainingTokens: 28_000 };
    first.admitted(full);
    let calls = 0;
    void (async () => {
      for (;;) {
        const call = await limiter.acquire(CALL);
        calls += 1;
        void clock.sleep(9_000).then(() => call.admitted(full));
      }
    })();
    await clock.advance(30_000);
    calls = 0;
    await clock.advance(60_000);
    expect(calls).toBeLessThanOrEqual(30_000 / CALL + 1);
    expect(calls).toBeGreaterThan(30_000 / CALL - 1);
  });
});

describe('another process on the account', () => {
  test.each([1, 2, 3, 4, 5])(
    'takes two fifths: few refusals, and the rest is used (seed %i)',
    async (seed) => {
      const endMs = 600_000;
      const scenario = { ...BASE, pictures: 400, limits: AUTO, others: 0.4, endMs, seed };
      const { ours, theirs, refused } = await runScenario(scenario);
      expect(refused).toBeLessThanOrEqual(5);
      const left = TIER_1.tokensPerMinute * (1 + endMs / 60_000) - theirs;
      expect(ours / left).toBeGreaterThan(0.95);
    },
  );
});

describe('a provider that says no more', () => {
  test.each<[string, LimitSettings]>([
    ['told', TOLD],
    ['auto', AUTO],
  ])('for five minutes, or ever again: calls go on at the pace (%s)', async (_, limits) => {
    const clock = createVirtualClock();
    const limiter = createRateLimiter({ limits, tokensPerCall: CALL, clock });
    const account = createLimitAccount(TIER_1, clock.now);
    const start = clock.now();
    const sent: number[] = [];
    void (async () => {
      for (;;) {
        const call = await limiter.acquire(CALL);
        call.weigh('kind', CALL);
        sent.push(clock.now() - start);
        account.admit(CALL);
        const { remainingRequests, remainingTokens } = account.state();
        const silent = clock.now() - start > 120_000;
        void clock
          .sleep(9_000)
          .then(() =>
            call.admitted(silent ? { limits: {} } : { limits: TIER_1, remainingRequests, remainingTokens }),
          );
      }
    })();
    await clock.advance(15 * 60_000);
    const late = sent.filter((at) => at > 10 * 60_000).length;
    expect(late / 5).toBeGreaterThan((28_000 / CALL) * 0.97);
    expect(late / 5).toBeLessThan((30_000 / CALL) * 1.06);
  });
});

test('a told limit that equals the account is a ceiling too', async () => {
  const { highest, refused } = await runScenario({ ...BASE, limits: TIER_1 });
  expect(refused).toBe(0);
  expect(highest.tokens).toBeLessThanOrEqual(30_000 + CALL);
});

describe('the provider changes the limits during a run', () => {
  test.each([60_000, 15_000])('to %i tokens a minute', async (tokensPerMinute) => {
    const change = { atMs: 120_000, account: { ...TIER_1, tokensPerMinute } };
    const { sends, refused } = await runScenario({ ...BASE, limits: AUTO, change, endMs: 600_000 });
    expect(refused).toBeLessThanOrEqual(1);
    const rate = sends
      .filter(({ at }) => at > 240_000 && at < 360_000)
      .reduce((sum, { tokens }) => sum + tokens / 2, 0);
    expect(rate / tokensPerMinute).toBeGreaterThan(0.97);
    expect(rate / tokensPerMinute).toBeLessThan(1.06);
  });
});

describe('which limits hold', () => {
  test('says who said so', async () => {
    const clock = createVirtualClock();
    const limiter = createRateLimiter({ limits: AUTO, tokensPerCall: CALL, clock });
    expect(limiter.snapshot().limits).toMatchObject({ tokensPerMinute: 28_000, from: 'start' });
    const call = await limiter.acquire(CALL);
    call.admitted({ limits: TIER_1, remainingRequests: 499, remainingTokens: 28_423 });
    expect(limiter.snapshot().limits).toMatchObject({ ...TIER_1, from: 'headers' });
    limiter.setLimits(TOLD);
    expect(limiter.snapshot().limits).toMatchObject({ ...TOLD, from: 'told', spareTokens: 0 });
  });
});
