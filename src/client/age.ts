import { UsageError } from './deps.ts';

const HOUR = 3_600_000;
const UNITS: Record<string, number> = { h: HOUR, d: 24 * HOUR, w: 7 * 24 * HOUR };

/** `12h`, `30d`, `4w` in milliseconds. Throws a {@link UsageError} that names the flag for anything else. */
export function ageMs(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,5})([hdw])$/.exec(text) ?? [];
  const ms = UNITS[unit];
  if (ms === undefined) {
    throw new UsageError(
      `--older-than is ${JSON.stringify(text)}: give hours, days or weeks, for example --older-than 30d.`,
    );
  }
  return Number(number) * ms;
}
