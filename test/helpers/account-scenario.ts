import { createLimitAccount } from '../../src/simulator/account.ts';
import type { Limits, LimitSettings } from '../../src/shared/types.ts';
import { createRateLimiter } from '../../src/worker/limiter/rate-limiter.ts';
import { createVirtualClock } from './virtual-clock.ts';

/** Calls through one limiter to an account that behaves as the provider's, on a virtual clock. */
export interface AccountScenario {
  account: Limits;
  limits: LimitSettings;
  /** Pictures side by side; each asks its questions one after the other. */
  lanes: number;
  pictures: number;
  questions?: number;
  latencyMs?: number;
  /** Tokens that a call is really charged, as a part of what the formula says. */
  chargeFactor?: number;
  formula?: number;
  /** Part of the account that another process takes, in calls at random times. */
  others?: number;
  /** Headers speak of the moment of admission, or of the answer's; or there are none. */
  headers?: 'admission' | 'answer' | 'none';
  /** Ends after so long, whatever is left. */
  endMs?: number;
  /** Milliseconds between the sending of a call and its admission, at most. */
  jitterMs?: number;
  seed?: number;
  change?: { atMs: number; account: Limits };
}

export interface Outcome {
  timeMs: number;
  /** Highest sums of 60 seconds. */
  highest: { requests: number; tokens: number };
  refused: number;
  /** Tokens that the account admitted for us and for others. */
  ours: number;
  theirs: number;
  sends: { at: number; tokens: number }[];
  calls: number;
  firstBurst: number;
}

export async function runScenario(s: AccountScenario): Promise<Outcome> {
  const random = generator(s.seed ?? 1);
  const clock = createVirtualClock();
  const start = clock.now();
  const account = createLimitAccount(s.account, () => clock.now());
  const formula = s.formula ?? 1_577;
  const latency = s.latencyMs ?? 9_000;
  const limiter = createRateLimiter({ limits: s.limits, tokensPerCall: 1_500, clock });
  const sends: Outcome['sends'] = [];
  let refused = 0;
  let theirs = 0;
  let over = false;
  let last = start;

  const accountState = () => {
    if (s.headers === 'none') return { limits: {} };
    const { limits, remainingRequests, remainingTokens } = account.state();
    return { limits, remainingRequests, remainingTokens };
  };

  async function call(): Promise<void> {
    for (;;) {
      if (over) return;
      const spend = (await limiter.turn()).spend();
      spend.weigh('kind', formula);
      await clock.sleep(random() * (s.jitterMs ?? 5));
      const charge = Math.round(formula * (s.chargeFactor ?? 1));
      const admission = account.admit(charge);
      if (!admission.admitted) {
        refused += 1;
        const name = admission.by === 'tokens' ? 'tokensPerMinute' : 'requestsPerMinute';
        spend.refused(accountState(), { name, perMinute: admission.limit, used: admission.used });
        limiter.closeFor(admission.waitMs ?? 1_000);
        continue;
      }
      if (!over) sends.push({ at: clock.now() - start, tokens: charge });
      const state = accountState();
      await clock.sleep(latency * (0.85 + 0.3 * random()));
      spend.admitted(s.headers === 'answer' ? accountState() : state, Math.round(charge * 0.9));
      last = clock.now();
      return;
    }
  }

  let left = s.pictures;
  const lane = async (): Promise<void> => {
    while (left > 0 && !over) {
      left -= 1;
      for (let n = 0; n < (s.questions ?? 6); n += 1) await call();
    }
  };
  const lanes = Promise.all(Array.from({ length: s.lanes }, lane)).then(() => (over = true));

  void (async () => {
    const share = s.others ?? 0;
    if (share === 0) return;
    const mean = (1_577 / (share * s.account.tokensPerMinute)) * 60_000;
    while (!over) {
      await clock.sleep(-Math.log(1 - random()) * mean);
      if (account.admit(1_577).admitted) theirs += 1_577;
    }
  })();
  if (s.change) void clock.sleep(s.change.atMs).then(() => account.setLimits(s.change?.account ?? s.account));
  if (s.endMs !== undefined) {
    await clock.advance(s.endMs);
    over = true;
  }
  await clock.runAll();
  await lanes;
  return {
    timeMs: s.endMs ?? last - start,
    highest: highestMinute(sends),
    refused,
    ours: sends.reduce((sum, { tokens }) => sum + tokens, 0),
    theirs,
    sends,
    calls: sends.length,
    firstBurst: sends.filter(({ at }) => at < 45_000).reduce((sum, { tokens }) => sum + tokens, 0),
  };
}

function highestMinute(sends: Outcome['sends']): Outcome['highest'] {
  const highest = { requests: 0, tokens: 0 };
  let from = 0;
  let tokens = 0;
  for (const [index, send] of sends.entries()) {
    tokens += send.tokens;
    for (let first = sends[from]; first !== undefined && first.at <= send.at - 60_000; first = sends[from]) {
      tokens -= first.tokens;
      from += 1;
    }
    highest.requests = Math.max(highest.requests, index - from + 1);
    highest.tokens = Math.max(highest.tokens, tokens);
  }
  return highest;
}

/** A small seeded generator (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
