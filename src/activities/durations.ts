/** Durations as the provider writes them, in milliseconds. Pure; nothing here throws. */

/** Milliseconds of each unit: those of Go's `time.Duration`, days, and the words that some error texts use. */
const UNITS: readonly (readonly [RegExp, number])[] = [
  [/^(?:ns)$/, 1e-6],
  [/^(?:us|µs|μs)$/, 1e-3],
  [/^(?:ms|milliseconds?)$/, 1],
  [/^(?:s|secs?|seconds?)$/, 1_000],
  [/^(?:m|mins?|minutes?)$/, 60_000],
  [/^(?:h|hrs?|hours?)$/, 3_600_000],
  [/^(?:d|days?)$/, 86_400_000],
];

/** One part of a duration. Digits are bounded, so that no text makes the search slow or the sum infinite. */
const PART = '(\\d{1,15}(?:\\.\\d{1,15})?)\\s?([a-zµμ]{1,12})';

/**
 * `120ms`, `1s`, `6m0s`, `23h18m29.144s`, `20 seconds` in whole milliseconds, rounded up: a wait must not end early.
 * `null` for anything else.
 */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim().toLowerCase();
  let total = 0;
  let at = 0;
  for (const part of trimmed.matchAll(new RegExp(`\\s?${PART}`, 'gy'))) {
    const unit = UNITS.find(([name]) => name.test(part[2] ?? ''));
    if (unit === undefined) return null;
    total += Number(part[1]) * unit[1];
    at = part.index + part[0].length;
  }
  if (at === 0 || at !== trimmed.length) return null;
  // 29.144 s is 29144.000000000004 ms in binary fractions.
  return Math.ceil(Math.round(total * 1_000) / 1_000);
}

const TRY_AGAIN = new RegExp(`\\b(?:try again|retry) (?:in|after) ((?:\\s?${PART}){1,5})`, 'i');

/**
 * How long the server asks to wait: `retry-after-ms`, else `retry-after` (seconds, or a date, read against the
 * server's own `date`), else "try again in 6m0s" in the error's text. `null` where it names no time above zero.
 *
 * @param headers Names in lower case.
 * @param now Milliseconds since the epoch.
 */
export function statedWaitMs(
  headers: Readonly<Record<string, string>>,
  message: string,
  now: number,
): number | null {
  const waits = [
    numberOf(headers['retry-after-ms']),
    retryAfterMs(headers['retry-after'], headers['date'], now),
    parseDuration(TRY_AGAIN.exec(message)?.[1] ?? ''),
  ];
  const wait = waits.find((ms) => ms !== null && ms > 0) ?? null;
  return wait === null ? null : Math.ceil(wait);
}

function retryAfterMs(value: string | undefined, date: string | undefined, now: number): number | null {
  const seconds = numberOf(value);
  if (seconds !== null) return seconds * 1_000;
  const at = Date.parse(value ?? '');
  if (Number.isNaN(at)) return parseDuration(value ?? '');
  const serverNow = Date.parse(date ?? '');
  return at - (Number.isNaN(serverNow) ? now : serverNow);
}

function numberOf(text: string | undefined): number | null {
  return text !== undefined && /^\s*\d{1,12}(?:\.\d{1,9})?\s*$/.test(text) ? Number(text) : null;
}
