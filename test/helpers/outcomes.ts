import type { AskResult, PromptResult, Try } from '../../src/shared/types.ts';

/** One request that was answered at once. */
export const aTry = (more: Partial<Try> = {}): Try => ({
  at: '2025-11-26T02:53:12.000Z',
  ms: 9_000,
  route: 'url',
  status: 200,
  outcome: 'ok',
  charged: 1_500,
  ...more,
});

/** A question's answer: a match, by URL, at the first try. */
export const answered = (more: Partial<AskResult> = {}): PromptResult => ({
  ok: true,
  result: {
    match: true,
    count: 3,
    description: 'Three people.',
    sentAt: '2025-11-26T02:53:12.000Z',
    ms: 9_000,
    route: 'url',
    usage: { inputTokens: 1_300, cachedTokens: 1_024, outputTokens: 100, totalTokens: 1_400 },
    charged: 1_500,
    model: 'gpt-4o',
    timings: { signMs: 1, downloadMs: 0, encodeMs: 0, waitMs: 0, modelMs: 9_000 },
    tries: [aTry()],
    ...more,
  },
});
