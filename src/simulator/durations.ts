/**
 * A duration as OpenAI's headers and messages write it: `120ms`, `1s`, `2.2s`, `6m0s`, `23h18m29.144s`.
 * Rounded up to a millisecond, so that who waits that long has waited long enough.
 */
export function formatDuration(ms: number): string {
  const whole = Math.max(0, Math.ceil(ms));
  if (whole < 1000) return `${whole}ms`;
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor(whole / 60_000) % 60;
  const seconds = `${(whole % 60_000) / 1000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
