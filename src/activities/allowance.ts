import type { SaidLimit } from '../shared/types.ts';
import type { RateHeaders } from './ports.ts';

/** A call's share of the limits, as the worker's limiter gives it. */
export interface Share {
  /**
   * What the call is: its kind, and its tokens by the formula. Counts what such calls were seen to be charged, and
   * returns that.
   */
  weigh(kind: string, formula: number): number;
  /** The provider let the call in. `billed`: tokens of its bill. Returns the tokens counted. */
  admitted(rate: RateHeaders, billed?: number): number;
  /** The provider refused the call for its limits; `said`: what the refusal's text says of one of them. */
  refused(rate: RateHeaders, said?: SaidLimit): void;
  /** The call never went: what was taken comes back. */
  cancel(): void;
}

/** What a question needs of the limiter. */
export interface Allowance {
  /** What was taken for the task that has just started; `null` when there is nothing to claim. */
  claim(): Share | null;
  /** Waits until a further call may go, and takes its share. */
  acquire(tokens: number, signal: AbortSignal): Promise<Share>;
  /** A call is sent; what is returned is told how long it took, or `null` where that says nothing of the provider. */
  called(): (ms: number | null) => void;
  /** Nobody may call now, whatever share he has. */
  closed(): boolean;
  /** The provider wants less of everybody: no call for `closeMs`, half the rate where it asked to slow down. */
  refused(refusal: { closeMs: number; slowDown: boolean }): void;
  /** For the log. */
  left(): { requestsLeft: number; tokensLeft: number; waiting: number };
}

/** The share that came with a task, until a call takes it. */
export interface HeldShare {
  /** The share, which is then the caller's; `null` when there is none (any more). */
  take(): Share | null;
  /** No call goes now: what was counted for one is another's. Does nothing once it is taken. */
  giveBack(): void;
  /** The call had to wait for so many milliseconds: a share that was counted for a call long ago comes back. */
  waited(ms: number): void;
}

const HOLDS_MS = 1_000;

/** Claims the share of the task that has just started. */
export function holdShare(allowance: Pick<Allowance, 'claim'>): HeldShare {
  let share = allowance.claim();
  const take = (): Share | null => {
    const taken = share;
    share = null;
    return taken;
  };
  const giveBack = (): void => take()?.cancel();
  return {
    take,
    giveBack,
    waited(ms) {
      if (ms > HOLDS_MS) giveBack();
    },
  };
}
