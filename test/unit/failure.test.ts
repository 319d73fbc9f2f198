import type { ApplicationFailure } from '@temporalio/common';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReplyProblem } from '../../src/activities/answer.ts';
import { classify, MAX_TRIES, toFailure } from '../../src/activities/failure.ts';
import type { AskContext, Verdict } from '../../src/activities/failure.ts';
import { ModelError, SourceError } from '../../src/activities/ports.ts';
import type { SourceErrorKind } from '../../src/activities/ports.ts';
import type { Try } from '../../src/shared/types.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const TPM =
  'Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Used 29000,';
const SIGNED = 'https://storage.googleapis.com/b/a.jpg?X-Goog-Credential=c&X-Goog-Signature=c0ffee';

const context = (change: Partial<AskContext> = {}): AskContext => ({
  route: 'base64',
  tries: 1,
  fellBack: false,
  capRaised: false,
  reasked: false,
  now: NOW,
  // The middle of the jitter: waits are exact.
  random: () => 0.5,
  ...change,
});

type About = ConstructorParameters<typeof ModelError>[1];

const api = (status: number, code: string | null, message: string, more: Partial<About> = {}): ModelError =>
  new ModelError(message, { origin: 'api', status, code, ...more });

const reply = (problem: ReplyProblem['problem']): ReplyProblem => ({
  problem,
  message: `It was ${problem}.`,
  requestId: 'req_1',
});

const source = (kind: SourceErrorKind): SourceError => new SourceError(kind, `It was ${kind}.`);

type Row = [
  name: string,
  problem: Parameters<typeof classify>[0],
  change: Partial<AskContext>,
  expected: Partial<Verdict>,
];

const block = { action: 'block', kind: 'Blocked', until: null, closeGateMs: 10_000 } as const;
const retry = (waitMs: number) =>
  ({ action: 'retry', kind: 'ProviderError', waitMs, closeGateMs: 0, slowDown: false }) as const;
const limited = (waitMs: number) =>
  ({ action: 'retry', kind: 'RateLimited', waitMs, closeGateMs: waitMs }) as const;
const url = { route: 'url' } as const;
const toBase64 = { action: 'base64', kind: 'UrlUnreachable' } as const;
const badImage = { action: 'record', kind: 'InvalidImage', scope: 'picture' } as const;

const rows: Row[] = [
  // Keys, permissions, models.
  ['wrong key', api(401, 'invalid_api_key', 'Incorrect API key provided'), {}, { ...block, cause: 'key' }],
  ['no key', api(401, null, "You didn't provide an API key."), {}, block],
  ['Gemini: wrong key', api(400, '400', 'API key not valid. Please pass a valid API key.'), {}, block],
  ['key inside HTTP 200', api(200, 'invalid_api_key', 'no'), {}, block],
  ['no permission', api(403, null, 'Project does not have access'), {}, { ...block, cause: 'permission' }],
  ['country', api(403, 'unsupported_country_region_territory', 'Country not supported'), {}, block],
  ['missing model', api(404, 'model_not_found', 'The model `x` does not exist'), {}, block],
  ['missing model on chat', api(400, 'model_not_found', 'The model `x` does not exist'), {}, block],
  ['Ollama: missing model', api(404, null, 'model "x" not found, try pulling it first'), {}, block],
  ['wrong base URL', api(404, null, 'Not Found'), {}, { ...block, cause: 'place' }],
  ['simulator in a real run', api(200, 'simulated_mismatch', 'A simulator answers'), {}, block],
  // Quota.
  ...[
    'insufficient_quota',
    'billing_hard_limit_reached',
    'billing_not_active',
    'credit_balance_exhausted',
    'project_spend_limit_exceeded',
    'organization_spend_limit_exceeded',
    'organization_usage_limit_exceeded',
  ].map((code): Row => [code, api(429, code, 'You exceeded your current quota'), {}, block]),
  [
    'quota as type',
    api(429, null, 'no more', { type: 'insufficient_quota' }),
    {},
    { ...block, cause: 'quota' },
  ],
  ['quota in words', api(429, null, 'You exceeded your current quota, please check your plan'), {}, block],
  [
    'Gemini: a minute',
    api(429, '429', 'You exceeded your current quota. Please retry in 22.5s.'),
    {},
    limited(22_500),
  ],
  ['OpenRouter: no credit', api(402, '402', 'Insufficient credits'), {}, block],
  ['quota does not depend on tries', api(429, 'insufficient_quota', 'no'), { tries: 9 }, block],
  // Limits a minute.
  [
    'retry-after-ms',
    api(429, 'rate_limit_exceeded', 'x', { headers: { 'retry-after-ms': '530' } }),
    {},
    limited(530),
  ],
  [
    'retry-after',
    api(429, 'rate_limit_exceeded', 'x', { headers: { 'retry-after': '3' } }),
    {},
    limited(3_000),
  ],
  [
    'the text',
    api(429, 'rate_limit_exceeded', `${TPM} Requested 1500. Please try again in 1.2s.`),
    {},
    limited(1_200),
  ],
  ['minutes', api(429, 'rate_limit_exceeded', 'Please try again in 6m0s.'), {}, limited(360_000)],
  ['bare 429', api(429, null, '429 Too Many Requests'), {}, limited(1_000)],
  ['bare 429, third', api(429, null, 'Too Many Requests'), { tries: 3 }, limited(4_000)],
  ['limit inside HTTP 200', api(200, 'rate_limit_exceeded', 'slow'), {}, limited(1_000)],
  [
    'requests',
    api(429, 'rate_limit_exceeded', 'on requests per min (RPM): Limit 500, Used 500, Requested 1.', {
      type: 'requests',
    }),
    {},
    limited(1_000),
  ],
  [
    'fifth 429: recorded, and the gate closes all the same',
    api(429, 'rate_limit_exceeded', 'x', { headers: { 'retry-after-ms': '530' } }),
    { tries: 5 },
    { action: 'record', kind: 'RateLimited', scope: 'prompt', closeGateMs: 530 },
  ],
  // One request over the limit.
  [
    'request too large',
    api(
      429,
      'rate_limit_exceeded',
      'Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 36055.',
    ),
    {},
    { action: 'record', kind: 'RequestTooLarge', scope: 'prompt', closeGateMs: 0 },
  ],
  [
    'Groq: request too large',
    api(
      413,
      'rate_limit_exceeded',
      'Request too large for model `x`: Limit 6,000, Requested 8,055, please reduce',
    ),
    {},
    { action: 'record', kind: 'RequestTooLarge' },
  ],
  [
    'as large as the limit',
    api(429, null, 'Limit 30000, Used 1, Requested 30000. Please try again in 2s'),
    {},
    limited(2_000),
  ],
  [
    'body too large',
    api(413, null, 'Payload Too Large'),
    {},
    { action: 'record', kind: 'RequestTooLarge', scope: 'picture' },
  ],
  // Limits a day.
  [
    'requests a day',
    api(
      429,
      'rate_limit_exceeded',
      'on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 7m12s.',
    ),
    {},
    { ...block, until: '2026-11-20T12:07:12.000Z' },
  ],
  [
    'a reset of hours',
    api(429, 'rate_limit_exceeded', 'Please try again in 23h18m29.144s.'),
    {},
    { ...block, until: '2026-11-21T11:18:29.144Z' },
  ],
  [
    'tokens a day, no time given',
    api(429, null, 'tokens per day (TPD) reached'),
    {},
    { ...block, cause: 'quota' },
  ],
  // Slow down.
  [
    'slow down',
    api(503, null, 'Slow Down', { headers: { 'retry-after': '7' } }),
    {},
    { action: 'retry', kind: 'SlowDown', waitMs: 7_000, slowDown: true },
  ],
  [
    'slow down, fifth',
    api(503, 'slow_down', 'x'),
    { tries: 5 },
    { action: 'record', kind: 'SlowDown', slowDown: true },
  ],
  ['503 otherwise', api(503, null, 'The engine is currently overloaded'), {}, retry(1_000)],
  // The provider cannot fetch the URL.
  [
    'download timed out',
    api(400, 'invalid_image_url', `Timeout while downloading ${SIGNED}.`),
    url,
    toBase64,
  ],
  [
    'download refused',
    api(400, null, `Error while downloading ${SIGNED}. Upstream status code: 403.`),
    url,
    toBase64,
  ],
  ['download failed', api(400, null, 'Failed to download image from url'), url, toBase64],
  ['download failed, by code', api(200, 'failed_to_download_image', 'x'), url, toBase64],
  ['invalid_image_url', api(400, 'invalid_image_url', 'x'), url, toBase64],
  ['invalid_value of url', api(400, 'invalid_value', 'x', { param: 'url' }), url, toBase64],
  [
    'invalid_value of image_url',
    api(400, 'invalid_value', 'x', { param: 'input[0].content[0].image_url' }),
    url,
    toBase64,
  ],
  [
    'download, fifth try',
    api(400, null, 'Timeout while downloading x'),
    { ...url, tries: 5 },
    { action: 'record', kind: 'UrlUnreachable', scope: 'prompt' },
  ],
  [
    'download text though bytes were sent',
    api(400, null, 'Failed to download image'),
    { fellBack: true },
    retry(1_000),
  ],
  [
    'invalid_image_url though bytes were sent',
    api(400, 'invalid_image_url', 'x'),
    { fellBack: true },
    badImage,
  ],
  [
    'invalid_value elsewhere',
    api(400, 'invalid_value', 'x', { param: 'detail' }),
    url,
    { action: 'record', kind: 'Unclassified' },
  ],
  [
    'our time-out by URL',
    new ModelError('No answer', { origin: 'timeout' }),
    url,
    { action: 'base64', kind: 'Timeout' },
  ],
  [
    'our time-out by base64',
    new ModelError('No answer', { origin: 'timeout' }),
    { tries: 2 },
    { action: 'retry', kind: 'Timeout', waitMs: 2_000, closeGateMs: 0 },
  ],
  [
    'fifth time-out',
    new ModelError('x', { origin: 'timeout' }),
    { tries: 5 },
    { action: 'record', kind: 'Timeout' },
  ],
  // No vision.
  [
    'no vision',
    api(400, 'invalid_value', 'Expected a base64-encoded data URL with an image MIME type', { param: 'url' }),
    url,
    { action: 'record', kind: 'NoVision' },
  ],
  [
    'OpenRouter: no vision',
    api(404, null, 'No endpoints found that support image input'),
    url,
    { kind: 'NoVision' },
  ],
  [
    'vLLM: no vision',
    api(400, null, 'x is not a multimodal model'),
    {},
    { action: 'record', kind: 'NoVision' },
  ],
  // Pictures.
  ...[
    'invalid_image_format',
    'invalid_base64_image',
    'image_parse_error',
    'image_too_large',
    'image_too_small',
    'empty_image_file',
    'unsupported_image_media_type',
  ].map((code): Row => [code, api(400, code, 'x'), {}, badImage]),
  [
    'bad picture in words',
    api(400, null, 'The image data you provided does not represent a valid image.'),
    {},
    badImage,
  ],
  ['bad picture by URL', api(400, 'invalid_image_format', 'x'), url, badImage],
  // Refusals.
  ['policy', api(400, 'image_content_policy_violation', 'x'), {}, { action: 'reask', kind: 'Refused' }],
  [
    'safety system',
    api(400, null, 'not allowed by our safety system'),
    {},
    { action: 'reask', kind: 'Refused' },
  ],
  ['policy again', api(400, 'content_filter', 'x'), { reasked: true }, { action: 'record', kind: 'Refused' }],
  [
    'OpenRouter: moderation',
    api(403, '403', 'Your input was flagged'),
    {},
    { action: 'reask', kind: 'Refused' },
  ],
  ['refusal', reply('refused'), {}, { action: 'reask', kind: 'Refused' }],
  [
    'refusal again',
    reply('refused'),
    { reasked: true },
    { action: 'record', kind: 'Refused', scope: 'prompt' },
  ],
  ['filter', reply('filtered'), {}, { action: 'reask', kind: 'Refused' }],
  // Answers.
  ['context', api(400, 'context_length_exceeded', 'x'), {}, { action: 'record', kind: 'ContextTooLong' }],
  ['cut off', reply('truncated'), {}, { action: 'raise-cap', kind: 'OutputTruncated' }],
  ['cut off again', reply('truncated'), { capRaised: true }, { action: 'record', kind: 'OutputTruncated' }],
  [
    'cut off at the fifth try',
    reply('truncated'),
    { tries: 5 },
    { action: 'record', kind: 'OutputTruncated' },
  ],
  ['not an answer', reply('invalid'), {}, { action: 'reask', kind: 'InvalidAnswer' }],
  ['not an answer again', reply('invalid'), { reasked: true }, { action: 'record', kind: 'InvalidAnswer' }],
  ['picture not seen by URL', reply('unseen'), url, { action: 'base64', kind: 'PictureNotSeen' }],
  ['picture not seen by base64', reply('unseen'), {}, { action: 'record', kind: 'PictureNotSeen' }],
  // The provider's and the network's troubles.
  ...[408, 409, 500, 502, 504, 520, 529].map((status): Row => [
    `HTTP ${status}`,
    api(status, null, 'x'),
    url,
    retry(1_000),
  ]),
  ['server_error inside HTTP 200', api(200, 'server_error', 'x'), {}, retry(1_000)],
  ['not a response', api(200, 'malformed_response', 'x'), {}, retry(1_000)],
  ['connection', new ModelError('x', { origin: 'connection', code: 'ECONNRESET' }), url, retry(1_000)],
  ['connection, fourth', new ModelError('x', { origin: 'connection' }), { tries: 4 }, retry(8_000)],
  [
    'connection, fifth',
    new ModelError('x', { origin: 'connection' }),
    { tries: 5 },
    { action: 'record', kind: 'ProviderError', scope: 'prompt' },
  ],
  [
    'given up by us',
    new ModelError('x', { origin: 'aborted' }),
    { tries: 7 },
    { action: 'retry', kind: 'Lost', waitMs: 0 },
  ],
  // The source.
  ['gone', source('gone'), {}, { action: 'record', kind: 'PictureGone', scope: 'picture' }],
  ['changed', source('changed'), {}, { action: 'record', kind: 'PictureChanged', scope: 'picture' }],
  ['forbidden', source('forbidden'), {}, { action: 'block', cause: 'permission', closeGateMs: 0 }],
  ['missing', source('missing'), {}, { action: 'block', cause: 'place', kind: 'Blocked' }],
  [
    'unreachable',
    source('unreachable'),
    { tries: 2 },
    { action: 'retry', kind: 'PictureUnreadable', waitMs: 2_000 },
  ],
  ['unreadable, fifth', source('unreadable'), { tries: 5 }, { action: 'record', kind: 'PictureUnreadable' }],
  // Anything else.
  [
    'unknown',
    api(400, 'brand_new_code', 'What is this?'),
    {},
    { action: 'record', kind: 'Unclassified', scope: 'prompt' },
  ],
  [
    'a parameter',
    api(400, 'unsupported_parameter', 'x', { param: 'store' }),
    {},
    { action: 'record', kind: 'Unclassified' },
  ],
];

describe('the table of failures', () => {
  test.each(rows)('%s', (_name, problem, change, expected) => {
    expect(classify(problem, context(change))).toMatchObject(expected);
  });

  test('waits grow to a minute, a fifth more or less', () => {
    const wait = (tries: number, random: number): number => {
      const verdict = classify(api(500, null, 'x'), context({ tries, random: () => random }));
      return verdict.action === 'retry' ? verdict.waitMs : 0;
    };
    expect([1, 2, 3, 4].map((tries) => wait(tries, 0.5))).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect([wait(3, 0), wait(3, 1)]).toEqual([3_200, 4_800]);
  });

  test('messages and reasons carry no signature', () => {
    const error = api(400, 'invalid_image_url', `Timeout while downloading ${SIGNED}.`);
    for (const change of [url, {}, { ...url, tries: 5 }]) {
      expect(JSON.stringify(classify(error, context(change)))).not.toContain('c0ffee');
    }
  });

  test('no error asks for more than five tries, throws or waits for less than nothing', () => {
    const errors = fc.record({
      status: fc.option(fc.constantFrom(200, 400, 401, 404, 408, 413, 422, 429, 500, 503)),
      code: fc.option(
        fc.oneof(fc.string(), fc.constantFrom('rate_limit_exceeded', 'invalid_image_url', 'server_error')),
      ),
      origin: fc.constantFrom('api' as const, 'connection' as const, 'timeout' as const),
      message: fc.oneof(
        fc.string(),
        fc.constantFrom('Timeout while downloading', 'try again in 3s', 'per day'),
      ),
      tries: fc.integer({ min: 1, max: 8 }),
      route: fc.constantFrom('url' as const, 'base64' as const),
      random: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(errors, ({ message, tries, route, random, ...about }) => {
        const verdict = classify(
          new ModelError(message, about),
          context({ tries, route, random: () => random }),
        );
        if (tries >= MAX_TRIES) expect(['record', 'block']).toContain(verdict.action);
        if (verdict.action === 'retry') expect(verdict.waitMs).toBeGreaterThan(0);
        expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);
      }),
    );
  });
});

describe('toFailure', () => {
  const tries: Try[] = [
    {
      at: '2026-11-20T12:00:00.000Z',
      ms: 900,
      route: 'url',
      status: 429,
      outcome: 'RateLimited',
      charged: 1_500,
    },
  ];
  const failureOf = (
    problem: Parameters<typeof classify>[0],
    change: Partial<AskContext> = {},
  ): ApplicationFailure => {
    const verdict = classify(problem, context(change));
    if (verdict.action === 'base64' || verdict.action === 'raise-cap' || verdict.action === 'reask') {
      throw new Error(`${verdict.action} is no failure`);
    }
    return toFailure(verdict, tries);
  };

  test('retry: after its wait', () => {
    const failure = failureOf(api(429, null, 'x', { headers: { 'retry-after-ms': '530' } }));
    expect(failure).toMatchObject({ type: 'RateLimited', nonRetryable: false, nextRetryDelay: 530 });
    expect(failure.cause).toBeUndefined();
  });

  test('record: with the whole failure', () => {
    const failure = failureOf(api(400, 'image_too_large', 'Too large.', { requestId: 'req_9' }));
    expect(failure).toMatchObject({ type: 'InvalidImage', nonRetryable: true, message: 'Too large.' });
    expect(failure.details).toEqual([
      {
        kind: 'InvalidImage',
        message: 'Too large.',
        status: 400,
        code: 'image_too_large',
        requestId: 'req_9',
        tries,
        scope: 'picture',
      },
    ]);
  });

  test('block: with reason and remedy', () => {
    const failure = failureOf(api(401, 'invalid_api_key', 'Incorrect API key provided: sk-abc***xyz.'));
    expect(failure).toMatchObject({ type: 'Blocked', nonRetryable: true });
    expect(failure.message).toMatch(/Incorrect API key provided: \[redacted\].*OPENAI_API_KEY/);
    expect(failure.details).toEqual([
      {
        cause: 'key',
        reason: 'Incorrect API key provided: [redacted]',
        remedy: 'Give the worker a valid key in OPENAI_API_KEY and start it again.',
        until: null,
        tries,
      },
    ]);
  });

  test('carries no vendor error, and few tries', () => {
    const many = Array.from({ length: 50 }, () => tries[0] as Try);
    const verdict = classify(api(400, 'x', `About ${SIGNED}`), context());
    if (verdict.action !== 'record') throw new Error('must be recorded');
    const failure = toFailure(verdict, many);
    expect(JSON.stringify([failure.message, failure.stack, failure.cause, failure.details])).not.toContain(
      'c0ffee',
    );
    expect(JSON.stringify(failure.details).length).toBeLessThan(3_000);
  });
});
