/** What this worker knows of the account. */
export interface AccountPace {
  /** The account's limits. */
  perMinute: { requests: number; tokens: number };
  /** Mean of what a call is charged. */
  tokensPerCall: number;
  /** Nothing of it was learned from an answer yet: a rate that another live worker set is better. */
  guessed?: boolean;
}

/** What a look at the model queue shows. */
export interface QueueView {
  /** Several divide the queue's rate among themselves in equal parts, whether they have tasks or not. */
  partitions: number;
  /** The server lets a worker set the queue's rate. */
  settable: boolean;
  /** Workers that poll the queue, this one included. */
  workers: number;
  /** This worker: not seen polling yet, seen polling, or no longer (its limiter holds it back, or it is ending). */
  self: 'starting' | 'polling' | 'silent';
  /**
   * Calls a second that the queue gives out at most, all workers together; `null` for no limit. `closedForMs`: a worker
   * was refused, and nobody is to call for so long from now.
   */
  rate: { perSecond: number; byOther: boolean; ageMs: number; closedForMs?: number } | null;
  /** Calls a second that the account allows. */
  wanted: number;
  guessed: boolean;
}

export interface Decision {
  /** The n of the n-th part of the limits that each worker's own limiter takes. */
  share: number;
  /** What to do with the queue's rate: set it to the wanted one, remove it, or leave it alone. */
  rate: 'set' | 'remove' | 'keep';
}

/** A rate that is so near is as good as the wanted one: learned means move a little with every call. */
const NEAR = 0.01;
/**
 * What another live worker set a moment ago stands within this: the means of two workers always differ a little, and
 * they would correct each other at every look.
 */
const NEAR_FOR_OTHERS = 0.1;
const MOMENT_MS = 10_000;

/** What one worker does so that all of them share the account. Each comes to the same by itself; none leads. */
export function decide(view: QueueView): Decision {
  const { partitions, settable, workers, self, rate } = view;
  if (!settable) return { share: workers, rate: 'keep' };
  const unlimited = rate === null ? 'keep' : 'remove';
  if (partitions > 1) return { share: workers, rate: unlimited };
  // A worker that has stopped polling leaves the queue to the others: it would set again what the last one removes.
  if (self === 'silent') return { share: 1, rate: 'keep' };
  // One that has not polled yet may be one of several that start together and cannot see each other.
  if (self === 'polling' && workers === 1) return { share: 1, rate: unlimited };
  const closed = (rate?.closedForMs ?? 0) > 0;
  return { share: 1, rate: closed || isNear(view) ? 'keep' : 'set' };
}

/** What a worker was told by the provider and the others must know. */
export interface Refusal {
  /** Nobody is to call for so long. */
  closeMs: number;
  /** Half the rate from now on. */
  slowDown: boolean;
}

/** The workers tell it to each other, and to who reads `temporal task-queue config get`, as the reason of a rate of 0. */
export const refusalInWords = ({ closeMs, slowDown }: Refusal): string =>
  `image-analysis: closed for ${Math.ceil(closeMs)} ms, since the provider refused a call` +
  (slowDown ? SLOWED : '');
const SLOWED = ' and asked for half the rate';

/** `null` for any other reason. */
export function refusalIn(reason: string): Refusal | null {
  const closed = /^image-analysis: closed for (\d{1,10}) ms/.exec(reason);
  return closed && { closeMs: Number(closed[1]), slowDown: reason.endsWith(SLOWED) };
}

function isNear({ rate, wanted, guessed }: QueueView): boolean {
  if (rate === null) return false;
  const off = Math.abs(wanted - rate.perSecond);
  if (!rate.byOther) return off <= rate.perSecond * NEAR;
  return guessed || off <= rate.perSecond * (rate.ageMs < MOMENT_MS ? NEAR_FOR_OTHERS : NEAR);
}

/** Calls a second that the account allows: the tighter of its two limits. */
export const callsPerSecond = ({ perMinute, tokensPerCall }: AccountPace): number =>
  Math.min(perMinute.requests, perMinute.tokens / tokensPerCall) / 60;

/**
 * How long ago each thing was seen to change, in milliseconds, by this process's own clock: the server's clock may show
 * another time. What is seen for the first time counts as just changed, what is missing is forgotten.
 */
export function createAges(now: () => number): (versions: Iterable<[string, string]>) => Map<string, number> {
  let seen = new Map<string, { version: string; at: number }>();
  return (versions) => {
    const at = now();
    seen = new Map(
      [...versions].map(([name, version]) => {
        const before = seen.get(name);
        return [name, before?.version === version ? before : { version, at }];
      }),
    );
    return new Map([...seen].map(([name, entry]) => [name, at - entry.at]));
  };
}
