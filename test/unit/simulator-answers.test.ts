import { createHash } from 'node:crypto';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import type { LedgerEntry } from '../../src/simulator/ledger.ts';
import {
  askChat,
  askResponses,
  chatBody,
  dataUrl,
  responsesBody,
  sample,
  send,
  simulator,
  textOf,
  webServer,
} from './simulator-kit.ts';

const holes = sample('134420');
const crowd = sample('101833');

describe('an answer', () => {
  test.each([
    ['responses', askResponses],
    ['chat', askChat],
  ] as const)('over %s: text of the schema, usage by the formulas, the real headers', async (api, ask) => {
    const to = await simulator({ seed: 1 });
    const { status, headers, body } = await ask(to, dataUrl(holes, 'image/webp'));
    expect(status).toBe(200);
    const [entry] = to.ledger;
    expect(entry).toMatchObject({
      n: 1,
      api,
      model: 'gpt-4o',
      route: 'base64',
      picture: null,
      sha256: createHash('sha256').update(holes).digest('hex'),
      question: 'pothole-detection',
      status: 200,
      error: null,
      fault: null,
      delivered: true,
    });
    expect(entry?.answer).toBe(textOf(body));
    const answer = JSON.parse(textOf(body)) as { match: boolean; count: number; description: string };
    expect(answer).toMatchObject(entry?.wrong ? { match: false, count: 0 } : { match: true, count: 4 });
    expect(answer.description).toMatch(/^Simulated: /);

    const input = body.usage?.input_tokens ?? body.usage?.prompt_tokens ?? 0;
    // 1280 × 720 on gpt-4o is 1,105; the texts and the schema are about a hundred more.
    expect(input).toBeGreaterThan(1105 + 40);
    expect(input).toBeLessThan(1105 + 160);
    expect(entry?.usage).toMatchObject({ inputTokens: input, cachedTokens: 0 });
    // Admitted by the estimate: the output cap is larger than the texts.
    expect(entry?.admitted).toBe(300 + 1105);

    expect(headers.get('x-simulated')).toBe('true');
    expect(headers.get('x-request-id')).toBe(entry?.requestId);
    expect(headers.get('openai-processing-ms')).toMatch(/^\d+$/);
    expect(headers.get('x-ratelimit-limit-requests')).toBe('500');
    expect(headers.get('x-ratelimit-limit-tokens')).toBe('30000');
    expect(Number(headers.get('x-ratelimit-remaining-tokens'))).toBeGreaterThanOrEqual(30_000 - 1405);
    expect(headers.get('x-ratelimit-reset-tokens')).toMatch(/^[\d.]+m?s$/);
    expect(headers.get('x-ratelimit-reset-requests')).toMatch(/^[\d.]+m?s$/);
  });

  test('the official client reads both APIs', async () => {
    const to = await simulator();
    const client = new OpenAI({ apiKey: 'sk-test', baseURL: to.url, maxRetries: 0 });
    const url = dataUrl(crowd, 'image/webp');
    const question = 'Is there a crowd of people?';
    const one = await client.responses.create(
      responsesBody(url, question) as OpenAI.Responses.ResponseCreateParamsNonStreaming,
    );
    const two = await client.chat.completions.create(
      chatBody(url, question) as OpenAI.ChatCompletionCreateParamsNonStreaming,
    );
    expect(one.output_text).toBe(two.choices[0]?.message.content);
    expect(one.status).toBe('completed');
    await expect(client.models.retrieve('no-such-model')).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });

  test('the picture decides, whatever the route and the name', async () => {
    const base = await webServer((_, response) => response.end(holes));
    const to = await simulator();
    const byUrl = await askResponses(to, `${base}/CROWD.png?X-Goog-Signature=secret`);
    const byBase64 = await askResponses(to, dataUrl(holes, 'image/webp'));
    expect(textOf(byUrl.body)).toBe(textOf(byBase64.body));
    expect(to.ledger.map(({ route, picture }) => [route, picture])).toEqual([
      ['url', `${base}/CROWD.png`],
      ['base64', null],
    ]);
    expect(JSON.stringify(to.ledger)).not.toContain('secret');
    expect(JSON.stringify(to.ledger)).not.toContain('sk-test');
  });

  test('without a schema it is plain words', async () => {
    const to = await simulator();
    const { body } = await askResponses(to, dataUrl(holes, 'image/webp'), undefined, { text: {} });
    expect(textOf(body)).toMatch(/^Simulated: /);
  });

  test('an answer longer than the cap is cut, and billed', async () => {
    const to = await simulator();
    const { body } = await askResponses(to, dataUrl(holes, 'image/webp'), undefined, {
      max_output_tokens: 16,
    });
    expect(body).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    expect(body.usage?.output_tokens).toBeLessThanOrEqual(16);
  });

  test('takes its time, and what the client did not wait for is noted', async () => {
    const to = await simulator({ latency: { medianMs: 200, spread: 0 } });
    const before = performance.now();
    await askResponses(to, dataUrl(holes, 'image/webp'));
    expect(performance.now() - before).toBeGreaterThanOrEqual(195);
    const given = send(`${to.url}/responses`, responsesBody(dataUrl(holes, 'image/webp')), {
      signal: AbortSignal.timeout(60),
    });
    await expect(given).rejects.toThrow();
    await expect.poll(() => to.ledger[1]?.status).toBe(200);
    expect(to.ledger.map(({ delivered }) => delivered)).toEqual([true, false]);
  });
});

describe('prompt caching', () => {
  // 1,105 for the picture and some 60 for instructions and schema, in whole steps of 128.
  test.each([
    ['a large picture, asked before', sample('112143'), ['a', 'b'], 1152],
    ['a small picture stays under 1,024 tokens', sample('173948'), ['a', 'b'], 0],
  ])('%s', async (_, bytes, [first = '', second = ''], cached) => {
    const to = await simulator();
    await askResponses(to, dataUrl(bytes), first);
    const { body } = await askResponses(to, dataUrl(bytes), second);
    expect(body.usage?.input_tokens_details?.cached_tokens).toBe(cached);
  });

  test('another detail, other instructions or another picture: none', async () => {
    const to = await simulator();
    const url = dataUrl(sample('112143'));
    await askResponses(to, url);
    const others = [
      await askResponses(to, url, 'b', { instructions: 'Something else entirely.' }),
      await askResponses(to, dataUrl(sample('124705'))),
      await askResponses(to, url, 'b', { model: 'gpt-4.1' }),
    ];
    for (const { body } of others) expect(body.usage?.input_tokens_details?.cached_tokens).toBe(0);
  });
});

describe('limits', () => {
  const url = dataUrl(sample('173948'));

  test('429 with the wait in text and headers, then it is admitted', async () => {
    const to = await simulator({ limits: { requestsPerMinute: 5000, tokensPerMinute: 120_000 } });
    // 765 for the picture and a cap of 60,000: the second does not fit until the first is refilled a little.
    const ask = () => askResponses(to, url, undefined, { max_output_tokens: 60_000 });
    expect((await ask()).status).toBe(200);
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(refused.body.error).toMatchObject({ type: 'tokens', code: 'rate_limit_exceeded', param: null });
    expect(refused.body.error).toMatchObject({
      message: expect.stringMatching(
        /^Rate limit reached for gpt-4o in organization org-\w+ on tokens per min \(TPM\): Limit 120000, Used \d+, Requested 60765\. Please try again in [\d.]+m?s\. Visit/,
      ) as string,
    });
    const wait = Number(refused.headers.get('retry-after-ms'));
    expect(wait).toBeGreaterThan(0);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.headers.get('x-ratelimit-remaining-tokens')).toMatch(/^\d+$/);
    await new Promise((resolve) => setTimeout(resolve, wait));
    expect((await ask()).status).toBe(200);
    expect(to.ledger.map(({ admitted, status }) => [admitted, status])).toEqual([
      [60_765, 200],
      [0, 429],
      [60_765, 200],
    ]);
  });

  test('requests have their own', async () => {
    const to = await simulator({ limits: { requestsPerMinute: 1, tokensPerMinute: 1_000_000 } });
    await askChat(to, url);
    const { status, body } = await askChat(to, url);
    expect(status).toBe(429);
    expect(body.error).toMatchObject({
      type: 'requests',
      message: expect.stringContaining('on requests per min (RPM): Limit 1, Used 1, Requested 1.') as string,
    });
  });

  test('one call above the limit can never succeed', async () => {
    const to = await simulator();
    const { status, headers, body } = await askResponses(to, url, undefined, { max_output_tokens: 36_055 });
    expect(status).toBe(429);
    expect(headers.get('retry-after-ms')).toBeNull();
    expect(body.error).toMatchObject({
      message: expect.stringMatching(
        /^Request too large for gpt-4o .* Limit 30000, Requested 36820\./,
      ) as string,
    });
  });

  test('failed requests are charged too', async () => {
    const to = await simulator({ faults: [{ kind: 'server-error', count: 1 }] });
    await askResponses(to, url);
    await askResponses(to, dataUrl(Buffer.from('<html>')));
    await askResponses(to, url, undefined, { nonsense: true });
    expect(to.ledger.map(({ status }) => status)).toEqual([500, 400, 400]);
    const after = await askResponses(to, url);
    const remaining = Number(after.headers.get('x-ratelimit-remaining-tokens'));
    expect(remaining).toBeLessThan(30_000 - 2 * 1065 - 200);
  });

  test('are changed while it runs', async () => {
    const to = await simulator();
    to.setLimits({ requestsPerMinute: 9, tokensPerMinute: 90_000 });
    const { headers } = await askResponses(to, url);
    expect(headers.get('x-ratelimit-limit-tokens')).toBe('90000');
  });
});

describe('what costs nothing', () => {
  test('models', async () => {
    const to = await simulator({ models: ['gpt-4o', 'my/model'] });
    expect((await send(`${to.url}/models`)).body.data?.map(({ id }) => id)).toEqual(['gpt-4o', 'my/model']);
    expect((await send(`${to.url}/models/my%2Fmodel`)).body.id).toBe('my/model');
    const missing = await send(`${to.url}/models/gpt-2`);
    expect([missing.status, missing.body.error]).toMatchObject([404, { code: 'model_not_found' }]);
    expect((await send(`${to.url}/nothing`)).status).toBe(404);
    expect(to.ledger).toEqual([]);
    expect(to.probes.map(({ status }) => status)).toEqual([200, 200, 404, 404]);
  });

  test('a count of input tokens is what is then billed', async () => {
    const to = await simulator();
    const body = responsesBody(dataUrl(holes, 'image/webp'));
    const counted = await send(`${to.url}/responses/input_tokens`, body);
    const asked = await askResponses(to, dataUrl(holes, 'image/webp'));
    expect(counted.body.input_tokens).toBe(asked.body.usage?.input_tokens);
    expect(to.ledger).toHaveLength(1);
  });
});

describe('keys', () => {
  test('a wrong one is refused in the real words, a revoked one too', async () => {
    const to = await simulator({ apiKeys: ['sk-test'] });
    const url = dataUrl(holes, 'image/webp');
    expect((await askResponses(to, url)).status).toBe(200);
    to.setKeys(['sk-other-key-of-the-account']);
    const { status, body } = await askResponses(to, url);
    expect(status).toBe(401);
    expect(body.error).toMatchObject({
      code: 'invalid_api_key',
      type: 'invalid_request_error',
      message: expect.stringMatching(/^Incorrect API key provided: \*{7}\. You can find/) as string,
    });
    expect((await send(`${to.url}/models`)).status).toBe(401);
    to.setKeys(null);
    expect((await askResponses(to, url)).status).toBe(200);
    expect(to.ledger[1]).toMatchObject({ status: 401, error: 'invalid_api_key', admitted: 0, answer: null });
  });

  test('none at all', async () => {
    const to = await simulator();
    const { status, body } = await send(`${to.url}/responses`, {}, { headers: {} });
    expect(status).toBe(401);
    expect(body.error).toMatchObject({
      message: expect.stringContaining("didn't provide an API key") as string,
    });
  });
});

describe('steering from another process', () => {
  test('faults, keys and limits are set, the ledger and probes are read', async () => {
    const to = await simulator();
    const steer = (what: string, body?: unknown) =>
      send(`http://127.0.0.1:${to.port}/_simulator/${what}`, body);
    expect((await steer('faults', [{ kind: 'slow-down', count: 1 }])).status).toBe(200);
    expect((await askResponses(to, dataUrl(holes, 'image/webp'))).status).toBe(503);
    expect((await steer('faults', { faults: [{ kind: 'refusal', share: 1 }] })).status).toBe(200);
    expect((await steer('faults', { faults: [] })).status).toBe(200);
    expect((await askResponses(to, dataUrl(holes, 'image/webp'))).status).toBe(200);
    expect((await steer('keys', { keys: [] })).status).toBe(200);
    expect((await askResponses(to, dataUrl(holes, 'image/webp'))).status).toBe(401);
    expect((await steer('limits', { requestsPerMinute: 1, tokensPerMinute: 1 })).status).toBe(200);
    const ledger = (await steer('ledger')).body as unknown as LedgerEntry[];
    expect(ledger).toEqual(to.ledger);
    expect(ledger.map(({ status }) => status)).toEqual([503, 200, 401]);
    expect((await steer('probes')).body).toEqual([]);
  });

  test.each([
    ['an unknown fault', 'faults', [{ kind: 'earthquake', count: 1 }], 400],
    ['a share above one', 'faults', [{ kind: 'reset', share: 2 }], 400],
    ['both share and count', 'faults', [{ kind: 'reset', share: 1, count: 1 }], 400],
    ['no keys', 'keys', {}, 400],
    ['limits of zero', 'limits', { requestsPerMinute: 0, tokensPerMinute: 1 }, 400],
    ['an unknown control', 'weather', {}, 404],
  ])('%s is refused', async (_, what, body, status) => {
    const to = await simulator();
    expect((await send(`http://127.0.0.1:${to.port}/_simulator/${what}`, body)).status).toBe(status);
  });
});
