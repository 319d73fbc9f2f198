import type { Detail, Limits } from '../src/shared/types.ts';
import type { SimulatorOptions } from '../src/simulator/server.ts';

/** One whole run against the simulator. What has a time in it is that of the real account; the run goes `speed` times as fast. */
export interface Scenario {
  name: string;
  pictures: number;
  /** `low` shows the model 512 pixels a side, at a fifth of the tokens; `high` by default. */
  detail?: Detail;
  /** What the account has a minute. */
  account: Limits;
  /** What the worker is told, a minute; `auto`: it reads the headers. */
  told: Limits | 'auto';
  /** Median latency of a call, in milliseconds. */
  latencyMs: number;
  speed: number;
  /** Worker processes; 1 by default. */
  workers?: number;
  /** One more worker is added when a third of the calls were made, and one is killed (-9) when a half were. */
  changesWorkers?: boolean;
  /** What is unusual about the account. `windowMs` is that of the real one. */
  variant?: Pick<
    SimulatorOptions,
    'windowMs' | 'chargeFactor' | 'competitor' | 'slowdown' | 'headersAsOf' | 'rateHeaders'
  >;
  bounds: Bounds;
  /** Part of the choice that runs when none is named. */
  short?: boolean;
}

/** What a run must keep to; what is left out is only shown. */
export interface Bounds {
  /** Time over floor. */
  ratio?: number;
  /** 429s in the whole run. */
  rateLimited?: number;
  /** 429s in ten minutes of the real account. */
  rateLimitedInTenMinutes?: number;
  /** Share of what another process leaves that is used. */
  usedOfLeft?: number;
}

/** The questions of `prompts.yaml`. */
export const PROMPTS = 6;

const TIER_1: Limits = { requestsPerMinute: 500, tokensPerMinute: 30_000 };
const TOLD_1: Limits = { requestsPerMinute: 480, tokensPerMinute: 28_000 };
const WIDE: Limits = { requestsPerMinute: 10_000, tokensPerMinute: 20_000_000 };

const ON_THE_FLOOR: Bounds = { ratio: 1.03, rateLimited: 0 };

/** The margin that `auto` leaves unspent is four seconds of the account's time at any speed, much of so short a run. */
const SHORT_AUTO: Bounds = { ratio: 1.08, rateLimited: 0 };

const mission = (pictures: number, told: Scenario['told']): Omit<Scenario, 'name'> => ({
  pictures,
  account: TIER_1,
  told,
  latencyMs: 9_000,
  speed: 10,
  bounds: ON_THE_FLOOR,
});

const workers = (count: number): Scenario => ({
  ...mission(40, TOLD_1),
  name: `${count} workers, one added and one killed`,
  workers: count,
  changesWorkers: true,
  bounds: { ratio: 1.05, rateLimited: 0 },
});

/** The account charges `chargeFactor` times what the published rules say; it costs at most 2 % of the time. */
const wrongEstimate = (chargeFactor: number, pictures: number, told: Scenario['told']): Scenario => ({
  ...mission(pictures, told),
  name: `charged ${chargeFactor} times the estimate`,
  variant: { chargeFactor },
  bounds: told === 'auto' ? SHORT_AUTO : { ratio: 1.05, rateLimited: 0 },
});

const SCENARIOS_BY_KEY = {
  'mission-40': { ...mission(40, TOLD_1), name: '40 pictures of the mission', short: true },
  'mission-100-auto': {
    ...mission(100, 'auto'),
    name: '100 pictures of the mission',
    bounds: SHORT_AUTO,
    short: true,
  },
  mission: { ...mission(339, TOLD_1), name: 'the mission' },
  'mission-auto': { ...mission(339, 'auto'), name: 'the mission' },
  'tier-2': {
    name: '1,000 pictures at 200,000 tokens a minute',
    pictures: 1_000,
    account: { requestsPerMinute: 2_000, tokensPerMinute: 200_000 },
    told: { requestsPerMinute: 1_920, tokensPerMinute: 187_000 },
    latencyMs: 9_000,
    speed: 7,
    bounds: ON_THE_FLOOR,
  },
  'tier-4': {
    name: '3,000 pictures at 2,000,000 tokens and 5,000 requests a minute',
    pictures: 3_000,
    account: { requestsPerMinute: 5_000, tokensPerMinute: 2_000_000 },
    told: { requestsPerMinute: 4_800, tokensPerMinute: 1_870_000 },
    latencyMs: 9_000,
    // Faster than two cores carry: it shows where their ceiling is.
    speed: 2,
    bounds: { rateLimited: 0 },
  },
  requests: {
    name: 'bound by requests: 2,000 small pictures at low detail',
    pictures: 2_000,
    detail: 'low',
    account: { requestsPerMinute: 500, tokensPerMinute: 400_000 },
    told: { requestsPerMinute: 480, tokensPerMinute: 380_000 },
    latencyMs: 9_000,
    speed: 2.5,
    bounds: ON_THE_FLOOR,
  },
  latency: {
    name: 'bound by latency: wide limits',
    pictures: 100,
    account: WIDE,
    told: WIDE,
    latencyMs: 9_000,
    speed: 2,
    bounds: ON_THE_FLOOR,
    short: true,
  },
  windows: {
    ...mission(20, TOLD_1),
    name: 'limits enforced second by second',
    variant: { windowMs: 1_000 },
    bounds: { ratio: 1.03, rateLimited: 1 },
  },
  'windows-tier-4': {
    name: 'limits enforced second by second, 23 calls a second',
    pictures: 300,
    account: { requestsPerMinute: 5_000, tokensPerMinute: 2_000_000 },
    told: { requestsPerMinute: 4_800, tokensPerMinute: 1_870_000 },
    latencyMs: 9_000,
    speed: 1,
    variant: { windowMs: 1_000 },
    bounds: { rateLimited: 1 },
  },
  shared: {
    ...mission(45, 'auto'),
    name: 'another process takes 40 % of the account',
    speed: 5,
    variant: { competitor: { share: 0.4, tokensPerCall: 1_000 } },
    bounds: { rateLimitedInTenMinutes: 5, usedOfLeft: 0.95 },
  },
  'workers-2': workers(2),
  'workers-4': workers(4),
  'workers-8': workers(8),
  'charged-less': wrongEstimate(0.5, 50, TOLD_1),
  'charged-less-auto': wrongEstimate(0.5, 220, 'auto'),
  'charged-more': wrongEstimate(1.5, 30, TOLD_1),
  'charged-more-auto': wrongEstimate(1.5, 80, 'auto'),
  slowdown: {
    name: 'a hidden slow-down from 5 calls in flight on',
    pictures: 80,
    account: WIDE,
    told: 'auto',
    latencyMs: 1_700,
    speed: 2,
    variant: { slowdown: { from: 5, power: 1.25 } },
    bounds: { rateLimited: 0 },
  },
} satisfies Record<string, Scenario>;

/** By the name that `npm run bench -- NAME` takes. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = SCENARIOS_BY_KEY;
