import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  composeHead,
  composeImage,
  createPerformance,
  spread,
} from '../../src/activities/compose-results.ts';
import { noCounts } from '../../src/shared/counts.ts';
import type { ImagePage, ImageResult, Plan, Progress, PromptResult } from '../../src/shared/types.ts';
import { answered, aTry } from '../helpers/outcomes.ts';

const limits = { requestsPerMinute: 480, tokensPerMinute: 28_000 };
const plan: Plan = {
  schemaVersion: 1,
  run: '20251126_025312',
  workflowId: 'image-analysis-20251126_025312',
  createdAt: '2025-11-26T02:53:12.000Z',
  source: 'gs://city-cameras/',
  include: [],
  exclude: ['**/night/**'],
  limit: null,
  results: '/srv/results/20251126_025312',
  account: { label: 'default', provider: 'openai', endpoint: 'api.openai.com', simulated: false },
  modelQueue: 'queue',
  model: 'gpt-4o',
  api: 'responses',
  detail: 'high',
  route: 'url',
  routeReason: null,
  maxOutputTokens: 300,
  instructions: 'Look.',
  prompts: [{ id: 'crowd', name: 'Crowd Detection', text: 'How many?' }],
  batchSize: 4,
  concurrency: null,
  fresh: false,
  notify: null,
  limits,
  imageTokens: 1_105,
  tokensPerCall: 1_500,
  program: 'image-analysis 0.1.0',
};
const progress = {
  state: 'running',
  startedAt: plan.createdAt,
  updatedAt: '2025-11-26T02:54:00.000Z',
  images: 339,
  skipped: 2,
  limits: { requestsPerMinute: 480, tokensPerMinute: 28_000, from: 'told', spareTokens: 0 },
  counts: { ...noCounts(), images: 10, answered: 60 },
} as unknown as Progress;
const performance = createPerformance(plan.limits).summary(0);

const failed: PromptResult = {
  ok: false,
  failure: {
    kind: 'RateLimited',
    message: 'Too much.',
    tries: [aTry({ outcome: 'RateLimited', status: 429, waitMs: 4_000 })],
  },
};

const image = (more: Partial<ImageResult> = {}): ImageResult => ({
  page: 0,
  index: 0,
  startedAt: '2025-11-26T02:53:12.000Z',
  endedAt: '2025-11-26T02:53:42.000Z',
  prompts: { crowd: answered() },
  ...more,
});

describe('the head', () => {
  test('holds settings and totals, no question text, and what it cost', () => {
    const head = composeHead({ plan, progress, performance, skipped: [] });
    expect(head).toMatchObject({
      schemaVersion: 1,
      run: plan.run,
      state: 'running',
      settings: {
        prompts: [{ id: 'crowd', name: 'Crowd Detection' }],
        limits,
        account: 'default at api.openai.com',
      },
      totals: { found: 339, skipped: 2, images: 10, answered: 60, cost: 0 },
    });
    expect(head).not.toHaveProperty('label');
    expect(JSON.stringify(head)).not.toContain('How many?');
  });

  test('of a simulated account is labelled', () => {
    const simulated = { ...plan, account: { ...plan.account, simulated: true } };
    expect(composeHead({ plan: simulated, progress, performance, skipped: [] }).label).toMatch(/^SIMULATED/);
  });
});

describe("a picture's entry", () => {
  const page: ImagePage = {
    page: 3,
    images: [
      { name: 'a.jpg', uri: 'gs://city-cameras/a.jpg', identity: 'gs://city-cameras/a.jpg#1', bytes: 9 },
    ],
    skipped: [],
    next: null,
  };

  test('names the picture and keeps what was answered as it was answered, or the error', () => {
    const wrong = answered({
      match: false,
      count: 7,
      description: 'Not what is there.',
      fallback: 'time-out',
    });
    const entry = composeImage(page, image({ prompts: { crowd: wrong, pothole: failed } }));
    expect(entry).toMatchObject({
      ...page.images[0],
      answers: {
        crowd: {
          match: false,
          count: 7,
          description: 'Not what is there.',
          fallback: 'time-out',
          charged: 1_500,
        },
        pothole: { error: { kind: 'RateLimited', message: 'Too much.' } },
      },
    });
    expect(entry.answers.crowd).not.toHaveProperty('requestId');
  });

  test('of a picture that its page does not have is an error', () => {
    expect(() => composeImage(page, image({ index: 1 }))).toThrow('page 3 has no picture 1');
  });
});

describe('spread', () => {
  test.each([
    { samples: [], is: null },
    { samples: [7], is: { median: 7, p95: 7, samples: 1 } },
    { samples: [9, 1], is: { median: 1, p95: 9, samples: 2 } },
    { samples: [10, 9, 1], is: { median: 9, p95: 10, samples: 3 } },
    { samples: Array.from({ length: 100 }, (_, i) => 100 - i), is: { median: 50, p95: 95, samples: 100 } },
  ])('of $samples.length', ({ samples, is }) => {
    expect(spread(samples)).toEqual(is);
  });

  test('names values that were measured, and leaves the samples as they are', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1 }), (samples) => {
        const before = [...samples];
        const { median, p95 } = spread(samples) ?? { median: NaN, p95: NaN };
        expect(samples).toEqual(before);
        expect(samples.filter((n) => n <= median).length).toBeGreaterThanOrEqual(samples.length / 2);
        expect(samples.filter((n) => n <= p95).length).toBeGreaterThanOrEqual(samples.length * 0.95);
        expect(samples).toContain(p95);
      }),
    );
  });
});

describe('performance', () => {
  test('counts each time where it belongs', () => {
    const times = createPerformance(plan.limits);
    const timings = { signMs: 17, downloadMs: 363, encodeMs: 1, waitMs: 40, modelMs: 8_056 };
    times.add({
      ms: 87_110,
      images: [
        image({
          prompts: {
            crowd: answered({ timings, ms: 9_000 }),
            pothole: answered({ timings, route: 'base64' }),
            // From memory: nothing was downloaded for it.
            parking: answered({ timings: { ...timings, downloadMs: 0 }, route: 'base64' }),
            garbage: failed,
          },
        }),
      ],
    });
    times.add({ ms: null, images: [] });
    expect(times.summary(60_000)).toEqual({
      image: { median: 30_000, p95: 30_000, samples: 1 },
      prompt: { median: 9_000, p95: 9_000, samples: 3 },
      batch: { median: 87_110, p95: 87_110, samples: 1 },
      signing: { median: 17, p95: 17, samples: 1 },
      download: { median: 363, p95: 363, samples: 1 },
      model: { median: 8_056, p95: 8_056, samples: 3 },
      waiting: { median: 40, p95: 40, samples: 3 },
      bottleneck: "the model's response time",
    });
  });

  test.each([
    { what: 'tokens', charged: 1_500, minutes: 1, bottleneck: 'the limit of tokens a minute' },
    { what: 'requests', charged: 10, minutes: 1 / 30, bottleneck: 'the limit of requests a minute' },
    { what: 'neither', charged: 1_500, minutes: 2, bottleneck: "the model's response time" },
  ])('held back by $what', ({ charged, minutes, bottleneck }) => {
    const times = createPerformance(plan.limits);
    const prompts = Object.fromEntries(
      Array.from({ length: 18 }, (_, i) => [`question-${i}`, answered({ tries: [aTry({ charged })] })]),
    );
    times.add({ ms: 1, images: [image({ prompts })] });
    expect(times.summary(minutes * 60_000).bottleneck).toBe(bottleneck);
  });
});
