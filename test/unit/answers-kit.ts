import { createHash } from 'node:crypto';
import type { StoredAnswer } from '../../src/activities/ports.ts';

/** A key as `answerKey` makes them. */
export const keyOf = (n: number): string => createHash('sha256').update(`request ${n}`).digest('hex');

/** A full-sized answer, told from others by its count. */
export const answerOf = (count: number, run = '/srv/pictures/results/20251126_025312'): StoredAnswer => ({
  run,
  image: '0/0',
  answer: {
    match: true,
    count,
    description: 'Three people stand at the kerb beside a stalled bus “12é” 😀; the road is wet.',
    sentAt: '2025-11-26T02:53:12.000Z',
    ms: 9123,
    route: 'base64',
    usage: { inputTokens: 1432, cachedTokens: 0, outputTokens: 58, totalTokens: 1490 },
    charged: 1500,
    requestId: 'req_0123456789abcdef0123456789abcdef',
    model: 'gpt-4o-2024-08-06',
    timings: { signMs: 0, downloadMs: 12, encodeMs: 3, waitMs: 40, modelMs: 8900 },
    tries: [
      {
        at: '2025-11-26T02:53:12.000Z',
        ms: 8900,
        route: 'base64',
        status: 200,
        outcome: 'ok',
        charged: 1500,
        requestId: 'req_0123456789abcdef0123456789abcdef',
      },
    ],
  },
});
