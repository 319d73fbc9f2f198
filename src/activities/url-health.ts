/** Whether the provider can fetch our URLs just now, from what became of the last ones. */
export interface UrlHealth {
  /** Why pictures should go by base64 first; `null`: try the URL. Now and then a call is let through to find out. */
  base64First(): string | null;
  report(fetched: boolean): void;
}

const CALLS_SEEN = 20;
/** So many of the last calls failing is no chance of single pictures; it is a wave. */
const FAILED_IN_A_WAVE = 18;
const TRY_AGAIN_MS = 60_000;

/** @param now - Milliseconds of any clock. */
export function createUrlHealth(now: () => number): UrlHealth {
  const seen: boolean[] = [];
  let nextTry = -Infinity;
  return {
    base64First() {
      const failed = seen.filter((fetched) => !fetched).length;
      if (failed < FAILED_IN_A_WAVE) return null;
      if (now() >= nextTry) {
        nextTry = now() + TRY_AGAIN_MS;
        return null;
      }
      return `${failed} of the last ${seen.length} picture URLs could not be fetched`;
    },
    report(fetched) {
      // One URL that works again ends the wave at once.
      if (fetched && seen.filter((ok) => !ok).length >= FAILED_IN_A_WAVE) seen.length = 0;
      seen.push(fetched);
      if (seen.length > CALLS_SEEN) seen.shift();
    },
  };
}
