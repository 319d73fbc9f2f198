import type { LimitAccount } from './account.ts';
import { draw } from './random.ts';

/** Another process at the same account. */
export interface CompetitorOptions {
  /** Share of the account's tokens that it takes, from 0 to 1. */
  share: number;
  /** Tokens that one of its calls is charged. */
  tokensPerCall: number;
}

/** Time as the competitor sees it. */
interface Timer {
  /** Milliseconds of a clock that does not go back. */
  now(): number;
  /** Calls `run` once after `ms`; the returned function calls it off. */
  after(ms: number, run: () => void): () => void;
}

const realTime: Timer = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};

export interface Competitor {
  /** What it has taken so far. */
  readonly taken: { requests: number; tokens: number };
  stop(): void;
}

/**
 * Takes its share of the account in calls at random moments (a Poisson process, by the seed alone), as a fleet of other
 * people's requests does. A call that the account refuses waits for as long as it was told, and the ones behind it with
 * it; so it gets its share in the end, and no more.
 */
export function startCompetitor(
  account: LimitAccount,
  options: CompetitorOptions,
  seed: number,
  clock: Timer = realTime,
): Competitor {
  const { share, tokensPerCall } = options;
  const taken = { requests: 0, tokens: 0 };
  let n = 0;
  let due = clock.now();
  let callOff = (): void => undefined;

  /** Random time from one call to the next, at the limits that hold now. */
  const gapMs = (): number => {
    n += 1;
    const callsPerMinute = (share * account.state().limits.tokensPerMinute) / tokensPerCall;
    return (-Math.log(1 - draw(seed, 'competitor', n)) / callsPerMinute) * 60_000;
  };
  const waitFor = (ms: number): void => {
    callOff = clock.after(ms, call);
  };
  function call(): void {
    while (due <= clock.now()) {
      const admission = account.admit(tokensPerCall);
      if (!admission.admitted) {
        if (admission.waitMs !== null) waitFor(Math.ceil(admission.waitMs));
        return;
      }
      taken.requests += 1;
      taken.tokens += tokensPerCall;
      due += gapMs();
    }
    waitFor(due - clock.now());
  }

  due += gapMs();
  waitFor(due - clock.now());
  return {
    taken,
    stop: () => {
      callOff();
    },
  };
}
