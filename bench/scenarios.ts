import type { Limits } from '../src/shared/types.ts';

/** One whole run against the simulator. Latency and limits are those of the real account, divided and multiplied by `speed`. */
export interface Scenario {
  name: string;
  pictures: number;
  /** What the account has, and what the worker is told, a minute at speed 1. */
  account: Limits;
  told: Limits;
  /** Median latency of a call at speed 1, in milliseconds. */
  latencyMs: number;
  speed: number;
}

const TIER_1: Limits = { requestsPerMinute: 500, tokensPerMinute: 30_000 };
const TOLD: Limits = { requestsPerMinute: 480, tokensPerMinute: 28_000 };

/** The mission's account, ten times as fast; `short` is a choice of some minutes. */
export const SCENARIOS: Record<string, Scenario & { short: boolean }> = {
  'mission-40': {
    name: '40 pictures of the mission',
    pictures: 40,
    account: TIER_1,
    told: TOLD,
    latencyMs: 9_000,
    speed: 10,
    short: true,
  },
  mission: {
    name: 'the mission',
    pictures: 339,
    account: TIER_1,
    told: TOLD,
    latencyMs: 9_000,
    speed: 10,
    short: false,
  },
  'wide-limits': {
    name: 'bound by latency',
    pictures: 100,
    account: { requestsPerMinute: 10_000, tokensPerMinute: 20_000_000 },
    told: { requestsPerMinute: 9_600, tokensPerMinute: 18_000_000 },
    latencyMs: 9_000,
    speed: 10,
    short: true,
  },
};
