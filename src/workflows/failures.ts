import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import type { AskFailure, Block, FailureKind } from '../shared/types.ts';

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

/** An activity's failure as it is recorded for a question, and whether the picture's other questions share it. */
export function recordedFailure(err: unknown): AskFailure & { scope: 'prompt' | 'picture' } {
  const cause = err instanceof ActivityFailure ? err.cause : err;
  if (cause instanceof ApplicationFailure) {
    const details = cause.details?.[0] as Partial<AskFailure & { scope: 'prompt' | 'picture' }> | undefined;
    return {
      ...details,
      kind: details?.kind ?? ((cause.type ?? 'Unclassified') as FailureKind),
      message: details?.message ?? cause.message,
      tries: details?.tries ?? [],
      scope: details?.scope ?? 'prompt',
    };
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return {
    kind: 'Lost',
    message: `no worker finished this question: ${message}`,
    tries: [],
    scope: 'prompt',
  };
}
