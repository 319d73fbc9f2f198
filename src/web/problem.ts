import { messageOf } from '../client/errors.ts';
import { redact } from '../shared/redact.ts';
import type { Problem } from './api.ts';

/** What a route cannot do, as the person at the page is to read it. */
export class PageProblem extends Error {
  override readonly name = 'PageProblem';
  readonly status: number;
  /** Command line that does what the page cannot do now. */
  readonly command: string | undefined;

  constructor(status: number, message: string, command?: string) {
    super(message);
    this.status = status;
    this.command = command;
  }
}

/** Statuses of errors that other parts throw, by name: they come from several layers. */
const STATUS: Readonly<Record<string, number>> = {
  UsageError: 409,
  PictureQueryError: 400,
  SettingError: 400,
};
const STORE_STATUS: Readonly<Record<string, number>> = { invalid: 404, missing: 404, unreachable: 503 };

/**
 * Any error as status and body: every line of its message, without secrets, and never a stack.
 *
 * @param secrets - Values that must not appear, whoever wrote the message.
 */
export function problemOf(
  error: unknown,
  secrets: readonly string[] = [],
): { status: number; body: Problem } {
  const command = error instanceof PageProblem ? error.command : undefined;
  const problem = redact(messageOf(error), secrets, 4_000);
  return { status: statusOf(error), body: { problem, ...(command === undefined ? {} : { command }) } };
}

function statusOf(error: unknown): number {
  if (!(error instanceof Error)) return 500;
  if ('status' in error && ['PageProblem', 'PictureError'].includes(error.name)) return Number(error.status);
  if (error.name === 'StoreError' && 'kind' in error) return STORE_STATUS[String(error.kind)] ?? 500;
  return STATUS[error.name] ?? 500;
}
