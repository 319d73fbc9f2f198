import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure } from '@temporalio/common';
import { redact } from '../shared/redact.ts';
import { EXIT } from './deps.ts';

/** Failure types that a person's own input or settings cause. */
const USAGE_TYPES = ['InvalidInput', 'InvalidSettings'];

/** Why a run's workflow failed, in words for a person, and the exit status that says so. */
export function describeFailure(error: unknown): {
  message: string;
  exitStatus: number;
  state: 'failed' | 'cancelled';
} {
  const chain = [...causes(error)];
  const failure = chain.find((cause) => cause instanceof ApplicationFailure);
  if (failure instanceof ApplicationFailure) {
    const usage = USAGE_TYPES.includes(failure.type ?? '');
    return {
      message: redact(failure.message, [], 4000),
      exitStatus: usage ? EXIT.usage : EXIT.failed,
      state: 'failed',
    };
  }
  if (chain.some((cause) => cause instanceof TerminatedFailure)) {
    return { message: 'somebody terminated the run', exitStatus: EXIT.failed, state: 'failed' };
  }
  if (chain.some((cause) => cause instanceof CancelledFailure)) {
    return { message: 'somebody cancelled the run', exitStatus: EXIT.failed, state: 'cancelled' };
  }
  const last = chain.at(-1);
  return {
    message: redact(last instanceof Error ? last.message : String(last), [], 4000),
    exitStatus: EXIT.failed,
    state: 'failed',
  };
}

/** Whether it is the workflow that failed, rather than our asking for its result. */
export const isWorkflowFailure = (error: unknown): error is WorkflowFailedError =>
  error instanceof WorkflowFailedError;

function* causes(error: unknown): Generator<unknown> {
  const seen = new Set<unknown>();
  for (let at: unknown = error; at !== undefined && at !== null && !seen.has(at);) {
    seen.add(at);
    yield at;
    at = at instanceof Error ? at.cause : undefined;
  }
}
