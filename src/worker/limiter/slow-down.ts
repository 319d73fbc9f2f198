/** OpenAI's guidance for 503 "Slow Down": back to the earlier rate, hold for 15 minutes, then ramp up. */
const HOLD_MS = 15 * 60_000;
const FACTOR = 0.5;

/** What is left of the rate after the provider has asked for less: half for 15 minutes, the whole after another 15. */
export function createSlowDown(): { begin(now: number): void; part(now: number): number } {
  let since = -Infinity;
  return {
    begin(now) {
      since = now;
    },
    part(now) {
      const ramp = (now - since - HOLD_MS) / HOLD_MS;
      return FACTOR + (1 - FACTOR) * Math.min(1, Math.max(0, ramp));
    },
  };
}
