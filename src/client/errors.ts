import { redact } from '../shared/redact.ts';
import { EXIT } from './deps.ts';

/** Errors that a person's command line, settings or files cause, by name: they come from several layers. */
const USAGE_ERRORS = ['UsageError', 'SettingError', 'PromptsFileError', 'FaultError', 'CodecError'];
/** Kinds of source and store errors that another address mends. */
const USAGE_KINDS = ['invalid', 'missing', 'unreadable'];

/** Exit status of a command that ended by an error. */
export function exitStatusOf(error: unknown): number {
  if (!(error instanceof Error)) return EXIT.failed;
  if (USAGE_ERRORS.includes(error.name)) return EXIT.usage;
  const kind = 'kind' in error ? String(error.kind) : '';
  return ['SourceError', 'StoreError'].includes(error.name) && USAGE_KINDS.includes(kind)
    ? EXIT.usage
    : EXIT.failed;
}

/** What a person reads of an error: every line of its message, cleaned, and no stack. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .split('\n')
    .slice(0, 40)
    .map((line) => redact(line, [], 2000))
    .join('\n');
}
