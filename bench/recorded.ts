import type { Limits } from '../src/shared/types.ts';
import type { LedgerEntry } from '../src/simulator/ledger.ts';
import type { Scenario } from './scenarios.ts';
import type { WorkerUsage } from './workers.ts';

/** What a run left behind. Times in milliseconds of the run's clock, that is at the scenario's speed. */
export interface Recorded {
  startedAt: number;
  endedAt: number;
  /** Every call, as the account saw it. */
  calls: readonly RecordedCall[];
  pictures: readonly RecordedPicture[];
  /** Every worker process that there was; none where the limiter ran alone. */
  workers: readonly WorkerUsage[];
  /** What another process at the account took in that time. */
  took: { requests: number; tokens: number };
}

export type RecordedCall = Pick<LedgerEntry, 'at' | 'ms' | 'admitted' | 'status' | 'account'>;

export interface RecordedPicture {
  startedAt: number;
  endedAt: number;
  /** When each question was sent, and how long its answer took. */
  answers: readonly { sentAt: number; ms: number }[];
}

/** Limits and latency at the scenario's speed. */
export function atSpeed({ account, told, latencyMs, speed }: Scenario): {
  account: Limits;
  told: Limits | 'auto';
  latencyMs: number;
} {
  const faster = (limits: Limits): Limits => ({
    requestsPerMinute: limits.requestsPerMinute * speed,
    tokensPerMinute: limits.tokensPerMinute * speed,
  });
  return {
    account: faster(account),
    told: told === 'auto' ? told : faster(told),
    latencyMs: latencyMs / speed,
  };
}
