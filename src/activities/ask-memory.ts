import type { Try } from '../shared/types.ts';

/**
 * What one attempt at a question leaves to the next, in the heartbeat's details. The tries that the API answered are
 * counted here and not by Temporal's attempts, among which those that died with their worker are.
 */
export interface AskMemory {
  tries: Try[];
  /** Why the picture goes by base64 although it has a URL. */
  fallback: string | null;
  /** The output cap was raised once. */
  capRaised: boolean;
  reasked: boolean;
  /** Failed reads of the picture; they cost nothing and are no tries. */
  reads: number;
  /** Milliseconds since the epoch. */
  startedAt: number;
  /** Attempts that ended by themselves and said so; what is missing to Temporal's count was lost with a worker. */
  settled: number;
  /** This attempt runs with no other call beside it, and has not ended. */
  alone: boolean;
}

/** After so many losses nothing else is asked beside the question: it may be what takes the worker down. */
const LOSSES_BESIDE_OTHERS = 3;

/** What the last attempt left; what an older version of this program left out is as at the beginning. */
export function memoryOf(heartbeatDetails: unknown, now: number): AskMemory {
  return {
    tries: [],
    fallback: null,
    capRaised: false,
    reasked: false,
    reads: 0,
    startedAt: now,
    settled: 0,
    alone: false,
    ...(heartbeatDetails as Partial<AskMemory> | undefined),
  };
}

/**
 * How an attempt goes: beside other calls, alone, or not at all, when the question was lost while it was alone.
 * A pause, a block and a resume begin a new activity, so none of them is a loss.
 *
 * @param attempt - Temporal's number of this attempt, from 1
 */
export function wayOf(
  attempt: number,
  { settled, alone }: Pick<AskMemory, 'settled' | 'alone'>,
): { way: 'beside others' | 'alone' | 'none'; losses: number } {
  const losses = Math.max(0, attempt - 1 - settled);
  if (alone && losses > 0) return { way: 'none', losses };
  return { way: losses < LOSSES_BESIDE_OTHERS ? 'beside others' : 'alone', losses };
}
