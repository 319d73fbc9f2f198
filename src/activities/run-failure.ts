import { ApplicationFailure } from '@temporalio/common';
import { redact } from '../shared/redact.ts';
import { StoreError } from '../shared/result-store.ts';
import type { BlockCause } from '../shared/types.ts';
import { SourceError } from './ports.ts';

/** A failure of type `Blocked`: the whole run waits for a person. */
function blocked(cause: BlockCause, reason: string, remedy: string): ApplicationFailure {
  const details = [{ cause, reason: redact(reason), remedy, until: null }];
  return ApplicationFailure.create({
    message: `${redact(reason)} ${remedy}`,
    type: 'Blocked',
    nonRetryable: true,
    details,
  });
}

/** A run whose own files are not as it left them. */
export const brokenRun = (reason: string): ApplicationFailure =>
  blocked('place', `${reason}.`, 'Put the file back as it was, then resume the run.');

/** What a person gave cannot be used, found out before anything was paid for. */
export const invalidInput = (message: string): ApplicationFailure =>
  ApplicationFailure.create({ message: redact(message), type: 'InvalidInput', nonRetryable: true });

/** Kinds of source and store errors that waiting does not mend. */
const NEEDS_A_PERSON = new Set(['invalid', 'missing', 'forbidden', 'full']);

/** Of the other kinds it is the place. */
const CAUSES: Readonly<Record<string, BlockCause>> = { forbidden: 'permission', full: 'disk' };

/**
 * The failure of an activity that lists or saves. While the run is planned a person must mend it first, so it fails;
 * later it blocks the run. What the network does is retried. Never keeps the original as cause, which may hold a URL.
 */
export function runFailure(err: unknown, planning = false): unknown {
  if (!(err instanceof SourceError) && !(err instanceof StoreError)) return err;
  if (!NEEDS_A_PERSON.has(err.kind)) {
    return ApplicationFailure.create({ message: redact(err.message), type: err.name });
  }
  if (planning) return invalidInput(err.message);
  return blocked(
    CAUSES[err.kind] ?? 'place',
    err.message,
    'Mend it; the run then goes on by itself, or at once on `resume`.',
  );
}
