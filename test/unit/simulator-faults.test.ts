import { describe, expect, test } from 'vitest';
import { exitStatusOf } from '../../src/client/errors.ts';
import { rulesOf, type FaultKind } from '../../src/simulator/faults.ts';
import {
  askChat,
  askResponses,
  dataUrl,
  responsesBody,
  sample,
  send,
  simulator,
  textOf,
  webServer,
} from './simulator-kit.ts';

const picture = sample('173948');
const url = dataUrl(picture);

describe('faults that are an error', () => {
  test.each<[FaultKind, number, object]>([
    ['rate-limit', 429, { type: 'tokens', code: 'rate_limit_exceeded' }],
    ['rate-limit-bare', 429, { type: 'tokens', code: 'rate_limit_exceeded' }],
    ['insufficient-quota', 429, { type: 'insufficient_quota', code: 'insufficient_quota' }],
    ['server-error', 500, { type: 'server_error', code: null }],
    ['slow-down', 503, { message: expect.stringMatching(/^Slow Down/) as string }],
  ])('%s: %i', async (kind, status, error) => {
    const to = await simulator({ faults: [{ kind, count: 1 }] });
    const asked = await askResponses(to, url);
    expect(asked.status).toBe(status);
    expect(asked.body.error).toMatchObject(error);
    expect(to.ledger[0]).toMatchObject({ fault: kind, status, answer: null, usage: null, delivered: true });
    expect(to.ledger[0]?.error).not.toBeNull();
    expect((await askResponses(to, url)).status).toBe(200);
  });

  test('a rate limit says how long to wait; a bare one only in its text', async () => {
    const to = await simulator({
      faults: [
        { kind: 'rate-limit', from: 1, count: 1 },
        { kind: 'rate-limit-bare', from: 2, count: 1 },
      ],
    });
    const full = await askChat(to, url);
    expect(full.headers.get('retry-after-ms')).toBe('50');
    expect(full.headers.get('x-ratelimit-limit-tokens')).toBe('30000');
    const bare = await askChat(to, url);
    const names = [...bare.headers.keys()].filter((name) => /ratelimit|retry-after/.test(name));
    expect(names).toEqual([]);
    expect(bare.body.error).toMatchObject({
      message: expect.stringContaining('Please try again in 50ms') as string,
    });
  });

  test('an error that is a plain string, and errors inside 200', async () => {
    const to = await simulator({
      faults: [
        { kind: 'plain-string-error', count: 1 },
        { kind: 'error-in-200', share: 1 },
      ],
    });
    expect(await askChat(to, url)).toMatchObject({ status: 500, body: { error: 'upstream connect error' } });
    expect(await askChat(to, url)).toMatchObject({ status: 200, body: { error: { code: 502 } } });
    const failed = await askResponses(to, url);
    expect(failed).toMatchObject({
      status: 200,
      body: { status: 'failed', error: { code: 'server_error' } },
    });
  });
});

describe('faults of the answer', () => {
  test.each<[FaultKind, (text: string) => void]>([
    ['malformed-json', (text) => expect(() => void JSON.parse(text)).toThrow()],
    ['wrong-shape', (text) => expect(JSON.parse(text)).not.toHaveProperty('match')],
    ['empty-description', (text) => expect(JSON.parse(text)).toHaveProperty('description', '')],
    ['negative-count', (text) => expect(JSON.parse(text)).toHaveProperty('count', -1)],
    ['huge-count', (text) => expect(JSON.parse(text)).toHaveProperty('count', 1_000_000_000)],
    ['control-characters', (text) => expect(text).toContain('\\u001b[2J')],
  ])('%s', async (kind, check) => {
    const to = await simulator({ faults: [{ kind, share: 1 }] });
    for (const ask of [askResponses, askChat]) {
      const { status, body } = await ask(to, url);
      expect(status).toBe(200);
      check(textOf(body));
      expect(body.usage?.total_tokens).toBeGreaterThan(765);
    }
    expect(to.ledger.every((entry) => entry.usage !== null && entry.fault === kind)).toBe(true);
  });

  test.each<[FaultKind, object, object]>([
    [
      'truncated',
      { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
      { finish_reason: 'length' },
    ],
    [
      'content-filter',
      { status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
      { finish_reason: 'content_filter' },
    ],
    [
      'refusal',
      { status: 'completed', output: [{ content: [{ type: 'refusal' }] }] },
      { message: { content: null, refusal: expect.stringMatching(/sorry/) as string } },
    ],
  ])('%s', async (kind, responses, choice) => {
    const to = await simulator({ faults: [{ kind, share: 1 }] });
    expect((await askResponses(to, url)).body).toMatchObject(responses);
    expect((await askChat(to, url)).body.choices?.[0]).toMatchObject(choice);
    expect(to.ledger.every(({ usage }) => usage !== null)).toBe(true);
  });

  test('not-seen: an answer, without the picture fetched or charged for', async () => {
    let fetches = 0;
    const base = await webServer((_, response) => {
      fetches += 1;
      response.end(picture);
    });
    const to = await simulator({ faults: [{ kind: 'not-seen', count: 1 }] });
    const { status, body } = await askResponses(to, `${base}/a.jpg`);
    expect(status).toBe(200);
    expect(body.usage?.input_tokens).toBeLessThan(200);
    expect(JSON.parse(textOf(body))).toHaveProperty('description');
    expect(fetches).toBe(0);
    expect(to.ledger[0]).toMatchObject({ sha256: null, fault: 'not-seen' });
  });
});

describe('faults of the connection', () => {
  test('reset', async () => {
    const to = await simulator({ faults: [{ kind: 'reset', count: 1 }] });
    await expect(askResponses(to, url)).rejects.toMatchObject({
      cause: { code: expect.stringMatching(/RESET|SOCKET/) as string },
    });
    await expect.poll(() => to.ledger[0]).toMatchObject({ status: null, delivered: false, usage: null });
  });

  test('hang before the headers', async () => {
    const to = await simulator({ faults: [{ kind: 'hang-before', count: 1 }] });
    const sent = fetch(`${to.url}/responses`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-test' },
      body: JSON.stringify(responsesBody(url)),
      signal: AbortSignal.timeout(150),
    });
    await expect(sent).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect.poll(() => to.ledger[0]).toMatchObject({ status: null, delivered: false, usage: null });
  });

  test('hang inside the body: paid for, and not delivered', async () => {
    const to = await simulator({ faults: [{ kind: 'hang-body', count: 1 }] });
    const response = await fetch(`${to.url}/responses`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-test' },
      body: JSON.stringify(responsesBody(url)),
      signal: AbortSignal.timeout(200),
    });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toMatchObject({ name: 'TimeoutError' });
    await expect.poll(() => to.ledger[0]).toMatchObject({ status: 200, delivered: false });
    expect(to.ledger[0]?.usage).not.toBeNull();
  });

  test('a body that is not JSON', async () => {
    const to = await simulator({ faults: [{ kind: 'malformed-body', count: 1 }] });
    await expect(askResponses(to, url)).rejects.toThrow(SyntaxError);
    expect(to.ledger[0]).toMatchObject({ status: 200, delivered: true });
  });

  test('closing ends what hangs', async () => {
    const to = await simulator({ faults: [{ kind: 'hang-before', count: 1 }] });
    const sent = askResponses(to, url).catch((error: unknown) => error);
    await expect.poll(() => to.ledger.length).toBe(1);
    await to.close();
    expect(await sent).toBeInstanceOf(Error);
  });
});

describe('pictures by URL that cannot be had', () => {
  const codes = {
    responses: { code: 'invalid_value', param: 'url' },
    chat: { code: 'invalid_image_url', param: null },
  };

  test.each<[string, FaultKind, string]>([
    ['time-out', 'url-timeout', 'Timeout while downloading '],
    ['refusal', 'url-download', 'Upstream status code: 403.'],
  ])('%s by plan: only by URL, each API with its own code', async (_, kind, text) => {
    const base = await webServer((__, response) => response.end(picture));
    const to = await simulator({ faults: [{ kind, share: 1 }] });
    for (const [api, ask] of [
      ['responses', askResponses],
      ['chat', askChat],
    ] as const) {
      const { status, body } = await ask(to, `${base}/a.jpg?sig=s`);
      expect(status).toBe(400);
      expect(body.error).toMatchObject({
        ...codes[api],
        type: 'invalid_request_error',
        message: expect.stringContaining(text) as string,
      });
    }
    expect((await askResponses(to, url)).status).toBe(200);
    expect(to.ledger[0]).toMatchObject({ fault: kind, sha256: null, usage: null });
  });

  test.each<[string, string, string]>([
    ['a slow server', '/slow', 'Timeout while downloading '],
    ['a slow body', '/half', 'Timeout while downloading '],
    ['an expired signature', '/403', 'Error while downloading '],
    ['a picture that is gone', '/404', 'Upstream status code: 404.'],
    ['a connection that breaks', '/reset', 'Failed to download image'],
  ])('%s', async (_, path, text) => {
    const base = await webServer((request, response) => {
      if (request.url === '/half') response.write('half');
      if (request.url === '/reset') request.socket.destroy();
      const [, status] = /^\/(4\d\d)$/.exec(request.url ?? '') ?? [];
      if (status !== undefined) response.writeHead(Number(status)).end();
    });
    const to = await simulator({ urlTimeoutMs: 100 });
    const { status, body } = await askResponses(to, `${base}${path}`);
    expect([status, body.error]).toMatchObject([
      400,
      { ...codes.responses, message: expect.stringContaining(text) as string },
    ]);
  });
});

describe('pictures that are none', () => {
  const jpeg = sample('112143');
  const png = sample('064031');
  const webp = sample('134420');
  test.each<[string, string, string, RegExp]>([
    ['HTML', dataUrl(Buffer.from('<html></html>')), 'invalid_image_format', /unsupported image/],
    ['empty', 'data:image/jpeg;base64,', 'empty_image_file', /empty base64-encoded bytes/],
    [
      'a truncated JPEG',
      dataUrl(jpeg.subarray(0, 20_000)),
      'image_parse_error',
      /does not represent a valid image/,
    ],
    [
      'a truncated PNG',
      dataUrl(png.subarray(0, 9000), 'image/png'),
      'image_parse_error',
      /does not represent a valid image/,
    ],
    [
      'a truncated WebP',
      dataUrl(webp.subarray(0, 9000), 'image/webp'),
      'image_parse_error',
      /does not represent a valid image/,
    ],
    ['no base64', 'data:image/png;base64,%%%', 'invalid_base64_image', /invalid base64-encoded value/],
    ['another type', dataUrl(jpeg, 'text/html'), 'unsupported_image_media_type', /unsupported MIME type/],
    ['no URL', 'ftp://example.com/a.jpg', 'invalid_value', /Expected a valid URL/],
  ])('%s', async (_, imageUrl, code, message) => {
    const to = await simulator();
    const { status, body } = await askResponses(to, imageUrl);
    expect(status).toBe(400);
    expect(body.error).toMatchObject({
      code,
      param: 'input[0].content[0].image_url',
      message: expect.stringMatching(message) as string,
    });
    const chat = await askChat(to, imageUrl);
    expect(chat.body.error).toMatchObject({ code, param: 'messages[1].content[0].image_url.url' });
  });

  test('a file of no bytes by URL', async () => {
    const base = await webServer((_, response) => response.end());
    const { body } = await askResponses(await simulator(), `${base}/empty.jpg`);
    expect(body.error).toMatchObject({ code: 'empty_image_file' });
  });

  test('over 50 MB', async () => {
    const base = await webServer((_, response) => response.end(Buffer.alloc(50 * 1024 * 1024 + 1, 0xff)));
    const { body } = await askResponses(await simulator(), `${base}/large.jpg`);
    expect(body.error).toMatchObject({ code: 'image_too_large' });
  });
});

describe('requests that are wrong', () => {
  const content = (part: object) => ({ input: [{ role: 'user', content: [part] }] });
  const format = (changes: object, schema: object = {}) => ({
    text: {
      format: {
        type: 'json_schema',
        name: 'answer',
        strict: true,
        schema: {
          type: 'object',
          properties: { a: { type: 'string' } },
          required: ['a'],
          additionalProperties: false,
          ...schema,
        },
        ...changes,
      },
    },
  });
  test.each<[string, object, number, string | null, string | null, RegExp]>([
    [
      'an unknown parameter',
      { bogus: 1 },
      400,
      'unknown_parameter',
      'bogus',
      /^Unknown parameter: 'bogus'\.$/,
    ],
    [
      'an unknown one inside',
      content({ type: 'input_text', text: 'a', size: 1 }),
      400,
      'unknown_parameter',
      'input[0].content[0].size',
      /^Unknown parameter: 'input\[0\]\.content\[0\]\.size'\.$/,
    ],
    [
      'no model',
      { model: undefined },
      400,
      'missing_required_parameter',
      'model',
      /^Missing required parameter: 'model'\.$/,
    ],
    ['no input', { input: undefined }, 400, 'missing_required_parameter', 'input', /'input'/],
    [
      'a wrong type',
      { model: 5 },
      400,
      'invalid_type',
      'model',
      /expected a string, but got an integer instead\.$/,
    ],
    [
      'null for a picture',
      content({ type: 'input_image', image_url: null }),
      400,
      'invalid_type',
      'input[0].content[0].image_url',
      /but got null instead/,
    ],
    [
      'the other API’s part',
      content({ type: 'image_url', image_url: { url } }),
      400,
      'invalid_value',
      'input[0].content[0].type',
      /^Invalid value: 'image_url'\. Supported values are: 'input_text' and 'input_image'\.$/,
    ],
    [
      'an unknown detail',
      content({ type: 'input_image', image_url: url, detail: 'ultra' }),
      400,
      'invalid_value',
      'input[0].content[0].detail',
      /'low', 'high', 'auto' and 'original'/,
    ],
    [
      'too small a cap',
      { max_output_tokens: 15 },
      400,
      'integer_below_min_value',
      'max_output_tokens',
      />= 16, but got 15/,
    ],
    [
      'too long a cache key',
      { prompt_cache_key: 'k'.repeat(65) },
      400,
      'string_above_max_length',
      'prompt_cache_key',
      /maximum length 64/,
    ],
    [
      'a bad schema name',
      format({ name: 'an answer' }),
      400,
      'invalid_value',
      'text.format.name',
      /does not match pattern/,
    ],
    [
      'a strict schema that allows more',
      format({}, { additionalProperties: true }),
      400,
      'invalid_json_schema',
      'text.format.schema',
      /'additionalProperties' is required/,
    ],
    [
      'a strict schema that leaves one out',
      format({}, { required: [] }),
      400,
      'invalid_json_schema',
      'text.format.schema',
      /Missing 'a'/,
    ],
    [
      'reasoning on a model without',
      { reasoning: { effort: 'none' } },
      400,
      'unsupported_parameter',
      'reasoning.effort',
      /not supported with this model/,
    ],
    [
      'an effort that the model lacks',
      { model: 'gpt-5-mini', reasoning: { effort: 'none' } },
      400,
      'unsupported_value',
      'reasoning.effort',
      /'minimal', 'low', 'medium', 'high'/,
    ],
    [
      'temperature on a model that reasons',
      { model: 'gpt-5-mini', temperature: 0 },
      400,
      'unsupported_parameter',
      'temperature',
      /'temperature'/,
    ],
    [
      'a model that is not served',
      { model: 'gpt-2' },
      404,
      'model_not_found',
      'model',
      /does not exist or you do not have access/,
    ],
    ['streaming', { stream: true }, 400, 'invalid_value', 'stream', /'true'/],
  ])('%s', async (_, changes, status, code, param, message) => {
    const to = await simulator();
    const asked = await askResponses(to, url, undefined, changes);
    expect(asked.status).toBe(status);
    expect(asked.body.error).toMatchObject({
      type: 'invalid_request_error',
      code,
      param,
      message: expect.stringMatching(message) as string,
    });
    expect(to.ledger[0]).toMatchObject({ status, error: code, usage: null });
  });

  test.each<[string, object, string | null]>([
    ['an unknown parameter', { max_output_tokens: 5 }, 'unknown_parameter'],
    ['no messages', { messages: undefined }, 'missing_required_parameter'],
    [
      'a picture that is a string',
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: url }] }] },
      'invalid_type',
    ],
    [
      'the old cap on a model that reasons',
      { model: 'gpt-5.4-mini', max_completion_tokens: undefined, max_tokens: 5 },
      'unsupported_parameter',
    ],
    [
      'a strict schema without its rules',
      {
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'a', strict: true, schema: { type: 'object', properties: {} } },
        },
      },
      'invalid_json_schema',
    ],
  ])('chat: %s', async (_, changes, code) => {
    const asked = await askChat(await simulator(), url, undefined, changes);
    expect([asked.status, asked.body.error]).toMatchObject([400, { code }]);
  });

  test('effort none on a model that has it is taken', async () => {
    const { status } = await askResponses(await simulator(), url, undefined, {
      model: 'gpt-5.4-mini',
      reasoning: { effort: 'none' },
    });
    expect(status).toBe(200);
  });

  test('a body that is not JSON', async () => {
    const to = await simulator();
    const { status, body } = await send(`${to.url}/responses`, '{"model":');
    expect([status, body.error]).toMatchObject([
      400,
      { message: expect.stringContaining('could not parse the JSON body') as string },
    ]);
  });
});

test('a command line that names no kind of fault is told those there are', () => {
  expect(rulesOf({ reset: 0.5 })).toEqual([{ kind: 'reset', share: 0.5 }]);
  const unknown = (): unknown => rulesOf({ reset: 0.5, foo: 1 });
  expect(unknown).toThrow(/^--fault is "foo": the kinds are rate-limit, .*, error-in-200\.$/);
  try {
    unknown();
  } catch (error) {
    expect(exitStatusOf(error)).toBe(2);
  }
});
