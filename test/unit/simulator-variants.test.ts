import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLimitAccount } from '../../src/simulator/account.ts';
import { startCompetitor } from '../../src/simulator/competitor.ts';
import { slowdownFactor } from '../../src/simulator/random.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { createVirtualClock } from '../helpers/virtual-clock.ts';
import { askResponses, dataUrl, sample, send, simulator } from './simulator-kit.ts';

const picture = dataUrl(sample('MARKET_CENTRE'));
/** What the published rules charge for it: 765 tokens for the picture, and the output cap. */
const CHARGED = 1065;

const remaining = ({ headers }: { headers: Headers }): number =>
  Number(headers.get('x-ratelimit-remaining-tokens'));

describe('an account that enforces windows of a second', () => {
  const opened = (requestsPerMinute: number, tokensPerMinute: number) => {
    const clock = { now: 0 };
    const account = createLimitAccount({ requestsPerMinute, tokensPerMinute }, () => clock.now, {
      windowMs: 1_000,
    });
    return { clock, account };
  };

  test('admits a second’s share in a second, and says when the next call fits', () => {
    const { account, clock } = opened(600_000, 60_000);
    expect(account.admit(600).admitted).toBe(true);
    clock.now = 100;
    // (60,400 + 500 - 60,000) ÷ 60,000 × 60 s, as in the texts of the minute’s limit.
    expect(account.admit(500)).toEqual({
      admitted: false,
      by: 'tokens',
      limit: 60_000,
      used: 60_400,
      requested: 500,
      waitMs: 900,
    });
    expect(account.admit(400).admitted).toBe(true);
    clock.now = 999;
    expect(account.admit(600).admitted).toBe(false);
    clock.now = 1_000;
    expect(account.admit(600).admitted).toBe(true);
  });

  test('always admits one call, however large a second’s share it is', () => {
    const { account, clock } = opened(30, 60_000);
    expect(account.admit(20_000).admitted).toBe(true);
    clock.now = 400;
    expect(account.admit(1)).toMatchObject({ by: 'requests', waitMs: 600 });
    clock.now = 1_000;
    expect(account.admit(20_000).admitted).toBe(true);
  });

  test('in no window is there more than the share, or more than one call', () => {
    const calls = fc.array(fc.record({ pause: fc.nat(500), tokens: fc.integer({ min: 1, max: 1500 }) }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(calls, (steps) => {
        const { account, clock } = opened(240, 60_000);
        const went: { at: number; tokens: number }[] = [];
        for (const step of steps) {
          clock.now += step.pause;
          if (account.admit(step.tokens).admitted) went.push({ at: clock.now, tokens: step.tokens });
        }
        return went.every(({ at }) => {
          const inWindow = went.filter((one) => one.at > at - 1_000 && one.at <= at);
          const tokens = inWindow.reduce((sum, one) => sum + one.tokens, 0);
          return inWindow.length === 1 || (inWindow.length <= 4 && tokens <= 1_000);
        });
      }),
    );
  });

  test('is what the option asks for', async () => {
    const limits = { requestsPerMinute: 60_000, tokensPerMinute: 60_000 };
    const windows = await simulator({ limits, windowMs: 1_000 });
    const [first, second] = await Promise.all([
      askResponses(windows, picture),
      askResponses(windows, picture),
    ]);
    expect([first.status, second.status].sort()).toEqual([200, 429]);
    const refused = first.status === 429 ? first : second;
    expect(refused.body.error).toMatchObject({ code: 'rate_limit_exceeded', type: 'tokens' });
    expect(Number(refused.headers.get('retry-after-ms'))).toBeLessThanOrEqual(1_000);
  });
});

describe('rate headers', () => {
  /** Two calls at once, the first of them slow to answer. */
  const both = async (of: Simulator): Promise<[number, number]> => {
    const first = askResponses(of, picture);
    await new Promise((resolve) => setTimeout(resolve, 30));
    of.take({ requests: 1, tokens: 10_000 });
    return [remaining(await first), remaining(await askResponses(of, picture))];
  };

  test('tell of the call’s admission by default', async () => {
    const [first, second] = await both(await simulator({ latency: { medianMs: 100 } }));
    expect(first).toBe(30_000 - CHARGED);
    expect(second).toBeGreaterThanOrEqual(20_000 - 2 * CHARGED);
    expect(second).toBeLessThan(20_000 - CHARGED);
  });

  test('or of the moment of the answer', async () => {
    const [first] = await both(await simulator({ latency: { medianMs: 100 }, headersAsOf: 'answer' }));
    expect(first).toBeLessThanOrEqual(20_000);
  });

  test('can be missing, from the start or later', async () => {
    const none = await simulator({ rateHeaders: false });
    expect((await askResponses(none, picture)).headers.get('x-ratelimit-limit-tokens')).toBeNull();
    await send(`${none.url.replace('/v1', '')}/_simulator/headers`, { rateHeaders: true });
    expect((await askResponses(none, picture)).headers.get('x-ratelimit-limit-tokens')).toBe('30000');
    none.setRateHeaders(false);
    expect((await askResponses(none, picture)).headers.get('x-ratelimit-limit-tokens')).toBeNull();
  });
});

test.each([0.5, 1.5])('charges %d times what the rules say, and bills the same', async (chargeFactor) => {
  const plain = await simulator();
  const other = await simulator({ chargeFactor });
  const [usual, charged] = [await askResponses(plain, picture), await askResponses(other, picture)];
  expect(plain.ledger[0]?.admitted).toBe(CHARGED);
  expect(other.ledger[0]?.admitted).toBe(Math.ceil(CHARGED * chargeFactor));
  expect(remaining(charged)).toBe(30_000 - Math.ceil(CHARGED * chargeFactor));
  expect(charged.body.usage?.total_tokens).toBe(usual.body.usage?.total_tokens);
});

describe('a hidden slow-down', () => {
  test.each([
    [5, 1, 1],
    [10, 1, 2],
    [138, 1, 27.6],
    [20, 2, 16],
    [1, 2, 1],
  ])('with %d calls in flight, to the power of %d: %d times the latency', (inFlight, power, factor) => {
    expect(slowdownFactor({ from: 5, power }, inFlight)).toBeCloseTo(factor);
  });

  test('shows in the time of calls that come together', async () => {
    const slow = await simulator({ latency: { medianMs: 20, spread: 0 }, slowdown: { from: 2 } });
    await Promise.all(Array.from({ length: 8 }, () => askResponses(slow, picture)));
    const times = slow.ledger.map((call) => call.ms ?? 0).sort((a, b) => a - b);
    expect(times[0]).toBeLessThan(50);
    expect(times.at(-1)).toBeGreaterThanOrEqual(60);
    await askResponses(slow, picture);
    expect(slow.ledger.at(-1)?.ms).toBeLessThan(60);
  });
});

describe('another process at the account', () => {
  test('takes what it is told to, from the next call’s account on', async () => {
    const shared = await simulator();
    await send(`${shared.url.replace('/v1', '')}/_simulator/take`, { requests: 3, tokens: 5_000 });
    const { headers } = await askResponses(shared, picture);
    expect(Number(headers.get('x-ratelimit-remaining-tokens'))).toBeLessThan(25_000);
    expect(Number(headers.get('x-ratelimit-remaining-requests'))).toBeLessThan(499);
  });

  test('takes its share in the long run, and waits where there is nothing left', async () => {
    const clock = createVirtualClock();
    const limits = { requestsPerMinute: 500, tokensPerMinute: 30_000 };
    const account = createLimitAccount(limits, clock.now);
    const { taken, stop } = startCompetitor(account, { share: 0.4, tokensPerCall: 1_000 }, 1, clock);
    await clock.advance(100 * 60_000);
    // 1,200 calls are due; the moments are drawn, so the sum is within some percent only.
    expect(taken.requests).toBeGreaterThan(1_100);
    expect(taken.requests).toBeLessThan(1_300);
    expect(taken.tokens).toBe(taken.requests * 1_000);

    const before = taken.requests;
    account.take({ requests: 0, tokens: 30_000 });
    await clock.advance(1_900);
    expect(taken.requests).toBe(before);
    await clock.advance(60_000);
    expect(taken.requests).toBeGreaterThan(before + 5);

    stop();
    expect(clock.timers()).toBe(0);
  });

  test('is there from the start where the option asks for it', async () => {
    const competitor = { share: 0.5, tokensPerCall: 100 };
    const shared = await simulator({
      limits: { requestsPerMinute: 60_000, tokensPerMinute: 600_000 },
      competitor,
    });
    await expect.poll(() => shared.competitorTook.tokens).toBeGreaterThan(100);
    const { headers } = await askResponses(shared, picture);
    expect(Number(headers.get('x-ratelimit-limit-tokens'))).toBe(600_000);
  });
});
