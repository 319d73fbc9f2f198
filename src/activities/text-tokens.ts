/** What the same question costs without its picture, learned from answers whose picture's tokens are known. */
export interface TextTokens {
  known(key: string): number | null;
  learn(key: string, tokens: number): void;
}

const KEYS_KEPT = 1_000;

/** The largest value seen counts: an answer that was given without the picture looks like a question with less text. */
export function createTextTokens(): TextTokens {
  const seen = new Map<string, number>();
  return {
    known: (key) => seen.get(key) ?? null,
    learn(key, tokens) {
      seen.set(key, Math.max(tokens, seen.get(key) ?? 0));
      for (const oldest of seen.keys()) {
        if (seen.size <= KEYS_KEPT) break;
        seen.delete(oldest);
      }
    },
  };
}
