import { ActivityFailure, ApplicationFailure, isCancellation } from '@temporalio/workflow';
import { cutToBytes } from '../shared/cut.ts';
import type { AskFailure, Block, FailureKind, Try } from '../shared/types.ts';

/** What an activity did not word itself may be of any length. */
const MESSAGE_BYTES = 1_500;

/** Details that an activity gives with a failure of type `Blocked`. */
interface BlockDetails {
  reason: string;
  remedy: string;
  until?: string | null;
}

/** Why the whole run must wait, when that is what the failure says; `null` for any other failure. */
export function blockOf(err: unknown): Block | null {
  const cause = err instanceof ActivityFailure ? err.cause : err;
  if (!(cause instanceof ApplicationFailure) || cause.type !== 'Blocked') return null;
  const details = cause.details?.[0] as BlockDetails | undefined;
  return {
    reason: details?.reason ?? cause.message,
    remedy: details?.remedy ?? 'mend the cause, then resume the run',
    since: new Date().toISOString(),
    ...(details?.until ? { until: details.until } : {}),
  };
}

/**
 * Whether a call ended because it was called off. That is also a failure that would have been tried again, or a worker
 * that was lost, while the call was being called off: the server does not retry then, and says so.
 */
export function wasWithdrawn(err: unknown): boolean {
  if (isCancellation(err)) return true;
  if (!(err instanceof ActivityFailure) || err.retryState !== 'CANCEL_REQUESTED') return false;
  return !(err.cause instanceof ApplicationFailure && err.cause.nonRetryable);
}

/** The tries that a failure tells of in its details. */
export function triesOf(err: unknown): Try[] {
  const cause = err instanceof ActivityFailure ? err.cause : err;
  if (!(cause instanceof ApplicationFailure)) return [];
  return (cause.details?.[0] as { tries?: Try[] } | undefined)?.tries ?? [];
}

/** An activity's failure as it is recorded for a question, and whether the picture's other questions share it. */
export function recordedFailure(err: unknown): AskFailure & { scope: 'prompt' | 'picture' } {
  const cause = err instanceof ActivityFailure ? err.cause : err;
  if (cause instanceof ApplicationFailure) {
    const details = cause.details?.[0] as Partial<AskFailure & { scope: 'prompt' | 'picture' }> | undefined;
    return {
      ...details,
      kind: details?.kind ?? ((cause.type ?? 'Unclassified') as FailureKind),
      message: cutToBytes(details?.message ?? cause.message, MESSAGE_BYTES),
      tries: details?.tries ?? [],
      scope: details?.scope ?? 'prompt',
    };
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return {
    kind: 'Lost',
    message: cutToBytes(`no worker finished this question: ${message}`, MESSAGE_BYTES),
    tries: [],
    scope: 'prompt',
  };
}
