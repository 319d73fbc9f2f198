import { readFile } from 'node:fs/promises';
import type { Limits } from '../shared/types.ts';

const POLL_MS = 1_000;

/**
 * Follows limits that a person changes while the worker runs: `{"requestsPerMinute": 480, "tokensPerMinute": 28000}`.
 * A file that is missing or unreadable leaves the limits as they are. Returns a function that stops following.
 */
export async function followLimits(
  file: string,
  on: { change: (limits: Limits) => void },
): Promise<() => void> {
  let last = '';
  const look = async (): Promise<void> => {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text === last) return;
    last = text;
    const limits = parseLimits(text);
    if (limits !== null) on.change(limits);
  };
  await look();
  const timer = setInterval(() => void look(), POLL_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}

/** Limits in a file's text; `null` for anything else. */
export function parseLimits(text: string): Limits | null {
  try {
    const { requestsPerMinute, tokensPerMinute } = JSON.parse(text) as Record<string, unknown>;
    const positive = (n: unknown): n is number => typeof n === 'number' && Number.isFinite(n) && n > 0;
    return positive(requestsPerMinute) && positive(tokensPerMinute)
      ? { requestsPerMinute, tokensPerMinute }
      : null;
  } catch {
    return null;
  }
}
