import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createGzip } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { ANSWER_SCHEMA } from '../../src/activities/answer.ts';
import { decisionFor } from '../../src/activities/failure-table.ts';
import { ModelError } from '../../src/activities/ports.ts';
import type { ModelReply, ModelRequest } from '../../src/activities/ports.ts';
import { isOpenAi, reasoningEffort, usageOf } from '../../src/worker/adapters/openai-common.ts';
import { createOpenAiModel } from '../../src/worker/adapters/openai.ts';
import type { OpenAiOptions } from '../../src/worker/adapters/openai.ts';
import { readRateHeaders } from '../../src/worker/adapters/rate-headers.ts';

const KEY = 'sk-canary-0123456789abcdef';
const SIGNATURE = 'feedface'.repeat(64);
const PICTURE = `https://storage.googleapis.com/b/a.jpg?X-Goog-Credential=me&X-Goog-Signature=${SIGNATURE}`;

const request: ModelRequest = {
  model: 'gpt-5.4-mini',
  api: 'responses',
  instructions: 'Answer truthfully.',
  question: 'Is there a crowd?',
  schema: ANSWER_SCHEMA,
  imageUrl: PICTURE,
  detail: 'high',
  maxOutputTokens: 300,
  cacheKey: 'run/a.jpg',
};

const answer = '{"match":false,"count":0,"description":"An empty road."}';

const completed = {
  id: 'resp_1',
  object: 'response',
  model: 'gpt-5.4-mini-2026-03-17',
  status: 'completed',
  error: null,
  incomplete_details: null,
  output: [
    { type: 'reasoning', summary: [] },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: answer, annotations: [] }] },
  ],
  usage: {
    input_tokens: 1_500,
    input_tokens_details: { cached_tokens: 1_024 },
    output_tokens: 40,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 1_540,
  },
};

const completion = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'llava',
  choices: [
    { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: answer, refusal: null } },
  ],
  usage: {
    prompt_tokens: 900,
    completion_tokens: 30,
    total_tokens: 930,
    prompt_tokens_details: { cached_tokens: 0 },
  },
};

type Handler = (req: IncomingMessage, res: ServerResponse, body: Record<string, unknown>) => void;

const running: { server: Server; sockets: Set<Socket> }[] = [];

afterEach(async () => {
  for (const { server, sockets } of running.splice(0)) {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A server for one test, and the requests that it got. */
async function serve(
  handler: Handler,
): Promise<{ baseUrl: string; got: { path: string; body: Record<string, unknown> }[] }> {
  const got: { path: string; body: Record<string, unknown> }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((req, res) => {
    let text = '';
    req.on('data', (chunk: Buffer) => (text += chunk.toString()));
    req.on('end', () => {
      const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
      got.push({ path: `${req.method ?? ''} ${req.url ?? ''}`, body });
      handler(req, res, body);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  running.push({ server, sockets });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, got };
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Handler =>
  (_req, res) => {
    res.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_1', ...headers });
    res.end(typeof body === 'string' ? body : JSON.stringify(body));
  };

const modelAt = (baseUrl: string, more: Partial<OpenAiOptions> = {}) =>
  createOpenAiModel({ apiKey: KEY, baseUrl, timeoutMs: 2_000, simulated: false, ...more });

async function askOf(
  handler: Handler,
  change: Partial<ModelRequest> = {},
  more: Partial<OpenAiOptions> = {},
): Promise<ModelReply> {
  const { baseUrl } = await serve(handler);
  return modelAt(baseUrl, more).ask({ ...request, ...change }, new AbortController().signal);
}

async function errorOf(
  handler: Handler,
  change: Partial<ModelRequest> = {},
  more: Partial<OpenAiOptions> = {},
): Promise<ModelError> {
  return caught(askOf(handler, change, more));
}

async function caught(promise: Promise<unknown>): Promise<ModelError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ModelError)) throw new Error(`not a ModelError: ${String(error)}`);
  return error;
}

describe('what is sent', () => {
  test('Responses, as OpenAI takes it', async () => {
    const { baseUrl, got } = await serve(json(200, completed, { 'x-simulated': 'true' }));
    await modelAt(baseUrl, { simulated: true }).ask(request, new AbortController().signal);
    expect(got).toEqual([
      {
        path: 'POST /v1/responses',
        body: {
          model: 'gpt-5.4-mini',
          instructions: 'Answer truthfully.',
          input: [
            {
              role: 'user',
              content: [
                { type: 'input_image', image_url: PICTURE, detail: 'high' },
                { type: 'input_text', text: 'Is there a crowd?' },
              ],
            },
          ],
          text: {
            format: {
              type: 'json_schema',
              name: 'picture_answer',
              schema: ANSWER_SCHEMA.schema,
              strict: true,
            },
          },
          max_output_tokens: 300,
          store: false,
          prompt_cache_key: 'run/a.jpg',
          reasoning: { effort: 'none' },
        },
      },
    ]);
  });

  test('chat completions, as OpenAI takes it', async () => {
    const { baseUrl, got } = await serve(json(200, completion, { 'x-simulated': 'true' }));
    const model = modelAt(baseUrl, { simulated: true });
    await model.ask({ ...request, api: 'chat', cacheKey: 'k'.repeat(65) }, new AbortController().signal);
    expect(got[0]?.path).toBe('POST /v1/chat/completions');
    expect(got[0]?.body).toMatchObject({
      messages: [
        { role: 'system', content: 'Answer truthfully.' },
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: PICTURE, detail: 'high' } },
            { type: 'text', text: 'Is there a crowd?' },
          ],
        },
      ],
      response_format: { type: 'json_schema', json_schema: { name: 'picture_answer', strict: true } },
      max_completion_tokens: 300,
      store: false,
      reasoning_effort: 'none',
    });
    expect(got[0]?.body['prompt_cache_key']).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each(['responses', 'chat'] as const)(
    '%s without what only OpenAI knows, to another server',
    async (api) => {
      const { baseUrl, got } = await serve(json(200, api === 'chat' ? completion : completed));
      await modelAt(baseUrl).ask({ ...request, api }, new AbortController().signal);
      const names = Object.keys(got[0]?.body ?? {});
      expect(names).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/store|cache|tier|reasoning/)]),
      );
      expect(names).toContain(api === 'chat' ? 'max_tokens' : 'max_output_tokens');
    },
  );

  test.each([
    ['gpt-5.4-mini', 'none'],
    ['gpt-5.4-nano-2026-03-17', 'none'],
    ['gpt-5.1', 'none'],
    ['gpt-5.6-luna', 'none'],
    ['gpt-6-luna', 'none'],
    ['gpt-5-mini', 'minimal'],
    ['gpt-5', 'minimal'],
    ['gpt-5-chat-latest', null],
    ['gpt-5.1-codex', null],
    ['gpt-5.2-pro', null],
    ['gpt-4o', null],
    ['gpt-4.1-mini', null],
    ['o3', null],
    ['llava', null],
  ])('%s: reasoning effort %s', (model, effort) => {
    expect(reasoningEffort(model)).toBe(effort);
  });

  test.each([
    ['https://api.openai.com/v1', true],
    ['https://eu.api.openai.com/v1/', true],
    ['https://api.openai.com.evil.example/v1', false],
    ['https://evil-api.openai.com/v1', false],
    ['http://localhost:11434/v1', false],
    ['nonsense', false],
  ])('%s is OpenAI: %s', (baseUrl, is) => {
    expect(isOpenAi(baseUrl)).toBe(is);
  });
});

describe('what comes back', () => {
  test('an answer, with usage and limits', async () => {
    const headers = {
      'x-ratelimit-limit-requests': '500',
      'x-ratelimit-limit-tokens': '30000',
      'x-ratelimit-remaining-requests': '499',
      'x-ratelimit-remaining-tokens': '28500',
      'x-ratelimit-reset-requests': '120ms',
      'x-ratelimit-reset-tokens': '3s',
    };
    expect(await askOf(json(200, completed, headers))).toEqual({
      text: answer,
      refusal: null,
      finish: 'stop',
      usage: { inputTokens: 1_500, cachedTokens: 1_024, outputTokens: 40, totalTokens: 1_540 },
      model: 'gpt-5.4-mini-2026-03-17',
      requestId: 'req_1',
      responseId: 'resp_1',
      rate: {
        limits: { requestsPerMinute: 500, tokensPerMinute: 30_000 },
        remainingRequests: 499,
        remainingTokens: 28_500,
        resetRequestsMs: 120,
        resetTokensMs: 3_000,
      },
    });
  });

  test.each<[string, Partial<ModelRequest>, unknown, Partial<ModelReply>]>([
    ['chat', { api: 'chat' }, completion, { text: answer, finish: 'stop', model: 'llava' }],
    [
      'cut off',
      {},
      { ...completed, status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
      {
        finish: 'length',
        usage: { inputTokens: 1_500, cachedTokens: 1_024, outputTokens: 40, totalTokens: 1_540 },
      },
    ],
    [
      'filtered',
      {},
      { ...completed, status: 'incomplete', incomplete_details: { reason: 'content_filter' }, output: [] },
      { finish: 'filter', text: '' },
    ],
    [
      'refusal',
      {},
      {
        ...completed,
        output: [{ type: 'message', content: [{ type: 'refusal', refusal: "I can't help with that." }] }],
      },
      { refusal: "I can't help with that.", text: '' },
    ],
    ['no usage', {}, { ...completed, usage: undefined }, { usage: null, text: answer }],
    [
      'chat: cut off',
      { api: 'chat' },
      { ...completion, choices: [{ finish_reason: 'length', message: { content: '{"ma' } }] },
      { finish: 'length', text: '{"ma', refusal: null },
    ],
    [
      'chat: refusal',
      { api: 'chat' },
      { ...completion, choices: [{ finish_reason: 'stop', message: { content: null, refusal: 'No.' } }] },
      { refusal: 'No.', text: '' },
    ],
    [
      'chat: filter',
      { api: 'chat' },
      { ...completion, choices: [{ finish_reason: 'content_filter', message: { content: null } }] },
      { finish: 'filter' },
    ],
    [
      'chat: text in parts',
      { api: 'chat' },
      {
        ...completion,
        choices: [{ message: { content: [{ type: 'text', text: answer }] } }],
        usage: undefined,
      },
      { text: answer, usage: null },
    ],
  ])('%s', async (_name, change, body, expected) => {
    expect(await askOf(json(200, body), change)).toMatchObject(expected);
  });

  test.each<[string, Handler, Partial<ModelRequest>, Partial<ModelError>]>([
    [
      'an error of OpenAI',
      json(
        400,
        {
          error: {
            message: 'Too big.',
            type: 'invalid_request_error',
            param: 'url',
            code: 'image_too_large',
          },
        },
        { 'retry-after': '3', 'set-cookie': 'a=b' },
      ),
      {},
      {
        origin: 'api',
        status: 400,
        code: 'image_too_large',
        type: 'invalid_request_error',
        param: 'url',
        message: 'Too big.',
        requestId: 'req_1',
      },
    ],
    [
      'a plain string',
      json(404, { error: 'model not found' }),
      {},
      { status: 404, code: null, message: 'model not found' },
    ],
    ['a numeric code', json(400, { error: { message: 'x', code: 400 } }), {}, { status: 400, code: '400' }],
    [
      'a list (Gemini)',
      json(400, [{ error: { message: 'API key not valid', code: 400 } }]),
      {},
      { message: 'API key not valid' },
    ],
    [
      'detail (FastAPI)',
      json(422, { detail: [{ msg: 'bad' }] }),
      {},
      { status: 422, message: '[{"msg":"bad"}]' },
    ],
    [
      'message at the top (vLLM)',
      json(404, { object: 'error', message: 'no model', code: 404 }),
      {},
      { status: 404, message: 'no model', code: '404' },
    ],
    ['an empty body', json(500, ''), {}, { status: 500, message: '500 status code (no body)' }],
    [
      "a proxy's page",
      (_req, res) =>
        res
          .writeHead(502, { 'content-type': 'text/html' })
          .end('<html><head><title>Bad gateway</title></head></html>'),
      {},
      { status: 502, message: 'Bad gateway' },
    ],
    [
      'failed inside HTTP 200',
      json(200, { ...completed, status: 'failed', error: { code: 'server_error', message: 'Oh.' } }),
      {},
      { origin: 'api', status: 200, code: 'server_error', message: 'Oh.' },
    ],
    [
      'error inside HTTP 200',
      json(200, { error: { code: 429, message: 'Slow.' } }),
      {},
      { status: 429, code: '429' },
    ],
    [
      'string inside HTTP 200',
      json(200, { error: 'out of memory' }),
      {},
      { status: 200, message: 'out of memory' },
    ],
    [
      'error inside a choice (OpenRouter)',
      json(200, { ...completion, choices: [{ error: { code: 502, message: 'upstream' } }] }),
      { api: 'chat' },
      { status: 502, message: 'upstream' },
    ],
    ['cancelled', json(200, { ...completed, status: 'cancelled' }), {}, { code: 'malformed_response' }],
    [
      'not JSON',
      json(200, '{"id": "resp'),
      {},
      { origin: 'api', status: 200, code: 'malformed_response', requestId: 'req_1' },
    ],
    ['another shape', json(200, { hello: 1 }), {}, { code: 'malformed_response' }],
    [
      'no choices',
      json(200, { ...completion, choices: [] }),
      { api: 'chat' },
      { code: 'malformed_response' },
    ],
  ])('%s', async (_name, handler, change, expected) => {
    expect(await errorOf(handler, change)).toMatchObject(expected);
  });

  test('a 429 keeps the headers that say when to come back, and no other', async () => {
    const headers = {
      'retry-after-ms': '530',
      'x-ratelimit-remaining-tokens': '12',
      'set-cookie': 'a=b',
      server: 'x',
    };
    const error = await errorOf(
      json(429, { error: { message: 'Slow.', code: 'rate_limit_exceeded' } }, headers),
    );
    const { date, ...headersKept } = error.headers;
    expect(Date.parse(date ?? '')).not.toBeNaN();
    expect(headersKept).toEqual({
      'retry-after-ms': '530',
      'x-ratelimit-remaining-tokens': '12',
      'x-request-id': 'req_1',
    });
    expect(error.rate).toEqual({ limits: {}, remainingTokens: 12 });
  });

  test.each([401, 408, 409, 429, 500, 503])('HTTP %i is asked once', async (status) => {
    const { baseUrl, got } = await serve(
      json(status, { error: { message: 'x' } }, { 'retry-after-ms': '1' }),
    );
    await caught(modelAt(baseUrl).ask(request, new AbortController().signal));
    expect(got).toHaveLength(1);
  });
});

describe('calls that do not end', () => {
  const hangBefore: Handler = () => undefined;
  const hangInside: Handler = (_req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.write('{"id": "resp_1",');
  };
  const hangInError: Handler = (_req, res) => {
    res.writeHead(500, { 'content-type': 'application/json' });
    res.write('{"error": ');
  };

  test.each([
    ['before the headers', hangBefore],
    ['inside the body', hangInside],
    ['inside the body of an error', hangInError],
  ])('a hang %s ends at the time-out', async (_name, handler) => {
    const start = performance.now();
    expect(await errorOf(handler, {}, { timeoutMs: 150 })).toMatchObject({ origin: 'timeout', status: null });
    expect(performance.now() - start).toBeLessThan(1_500);
  });

  test.each([
    ['before the headers', hangBefore],
    ['inside the body', hangInside],
    ['inside the body of an error', hangInError],
  ])('a hang %s ends so when garbage was collected meanwhile', async (_name, handler) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const collecting = setInterval(collect, 50);
    try {
      expect(await errorOf(handler, {}, { timeoutMs: 500 })).toMatchObject({ origin: 'timeout' });
    } finally {
      clearInterval(collecting);
    }
  });

  test.each([
    ['before the headers', hangBefore],
    ['inside the body', hangInside],
  ])('the caller gives up %s', async (_name, handler) => {
    const { baseUrl } = await serve(handler);
    const error = await caught(modelAt(baseUrl).ask(request, AbortSignal.timeout(100)));
    expect(error.origin).toBe('aborted');
  });

  test('a caller that has given up already sends nothing', async () => {
    const { baseUrl, got } = await serve(json(200, completed));
    const error = await caught(modelAt(baseUrl).ask(request, AbortSignal.abort()));
    expect(error.origin).toBe('aborted');
    expect(got).toHaveLength(0);
  });

  test('the server is told: its socket closes', async () => {
    const closed = new Promise<void>((resolve) => {
      void errorOf((req) => req.socket.once('close', () => resolve()), {}, { timeoutMs: 100 });
    });
    await closed;
  });

  test('a reset before and inside the body', async () => {
    const before = await errorOf((req) => req.socket.destroy());
    expect(before).toMatchObject({ origin: 'connection', status: null });
    expect(before.code).toMatch(/^(ECONNRESET|UND_ERR_SOCKET)$/);
    const inside = await errorOf((req, res) => {
      hangInside(req, res, {});
      setTimeout(() => req.socket.destroy(), 30);
    });
    expect(inside.origin).toBe('connection');
  });

  test('nobody listens', async () => {
    const { baseUrl } = await serve(json(200, completed));
    const { server } = running.pop() ?? {};
    await new Promise((resolve) => server?.close(resolve));
    const error = await caught(modelAt(baseUrl).ask(request, new AbortController().signal));
    expect(error).toMatchObject({ origin: 'connection', code: 'ECONNREFUSED' });
    expect(error.message).toContain('ECONNREFUSED');
  });

  test('listeners on the caller’s signal do not pile up', async () => {
    const { baseUrl } = await serve(json(200, completed));
    const model = modelAt(baseUrl);
    const controller = new AbortController();
    const warnings: Error[] = [];
    const onWarning = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', onWarning);
    for (let i = 0; i < 30; i++) await model.ask(request, controller.signal);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});

describe('simulated and real are never mixed', () => {
  test.each([
    ['an answer of a simulator in a real run', 200, completed, { 'x-simulated': 'true' }, false],
    [
      'an error of a simulator in a real run',
      429,
      { error: { message: 'x' } },
      { 'x-simulated': 'true' },
      false,
    ],
    ['a real answer in a simulated run', 200, completed, {}, true],
    ['a real error in a simulated run', 401, { error: { message: 'x' } }, {}, true],
  ])('%s', async (_name, status, body, headers, simulated) => {
    const error = await errorOf(json(status, body, headers), {}, { simulated });
    expect(error).toMatchObject({ origin: 'api', code: 'simulated_mismatch' });
    expect(error.message).toContain('OPENAI_BASE_URL');
  });

  test('the check notices, too', async () => {
    const { baseUrl } = await serve(json(200, { id: 'm' }, { 'x-simulated': 'true' }));
    expect(await caught(modelAt(baseUrl).check('m'))).toMatchObject({ code: 'simulated_mismatch' });
  });
});

describe('secrets', () => {
  const shown = (error: ModelError): string =>
    JSON.stringify([
      error.message,
      error.stack,
      error.cause,
      error.code,
      error.type,
      error.param,
      error.headers,
    ]);

  test.each<[string, Handler]>([
    [
      'an error that repeats everything',
      (req, res) => {
        const message = `Timeout while downloading ${PICTURE}. Key ${req.headers.authorization ?? ''}`;
        json(400, { error: { message, code: PICTURE, param: KEY, type: 'x' } }, { 'x-request-id': KEY })(
          req,
          res,
          {},
        );
      },
    ],
    [
      'an error in plain text',
      (req, res) => {
        res.writeHead(500).end(`cannot fetch ${PICTURE} with ${req.headers.authorization ?? ''}`);
      },
    ],
    ['an error inside HTTP 200', (req, res) => json(200, { error: `${PICTURE} ${KEY}` })(req, res, {})],
  ])('%s', async (_name, handler) => {
    const error = await errorOf(handler);
    expect(shown(error)).not.toContain(KEY);
    expect(shown(error)).not.toContain('canary');
    expect(shown(error)).not.toContain('feedface');
  });

  test('a key that cannot be sent is named a wrong key, not shown', async () => {
    const { baseUrl, got } = await serve(json(200, completed));
    const error = await caught(modelAt(baseUrl, { apiKey: `${KEY}\n` }).check('m'));
    expect(error).toMatchObject({ status: 401, code: 'invalid_api_key' });
    expect(shown(error)).not.toContain('canary');
    expect(got).toHaveLength(0);
  });
});

describe('what a hostile server may do', () => {
  test.each([
    ['a redirect', 301],
    ['one that asks for the same again', 308],
  ])('%s takes neither key nor picture to another address', async (_name, status) => {
    const elsewhere = await serve(json(200, completed));
    const { baseUrl, got } = await serve((_req, res) => {
      res.writeHead(status, { location: `${elsewhere.baseUrl}/responses` }).end();
    });
    const error = await caught(modelAt(baseUrl).ask(request, new AbortController().signal));
    expect(error).toMatchObject({ origin: 'api', status: 307 });
    expect(error.message).toContain('redirects to another address');
    expect(decisionFor(error)).toMatchObject({ do: 'block' });
    expect(await caught(modelAt(baseUrl).check('m'))).toMatchObject({ status: 307 });
    expect(got.length).toBeGreaterThan(0);
    expect(elsewhere.got).toEqual([]);
  });

  test.each([
    ['an answer', 200],
    ['an error', 500],
  ])('%s without an end is not read to the end of the memory', async (_name, status) => {
    let sent = 0;
    const { baseUrl } = await serve((_req, res) => {
      res.writeHead(status, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      const gzip = createGzip();
      gzip.pipe(res);
      const megabyte = Buffer.alloc(1_000_000, ' ');
      const more = (): void => {
        if (res.destroyed || sent > 500) return;
        sent += 1;
        gzip.write(megabyte, () => setImmediate(more));
      };
      more();
    });
    const error = await caught(modelAt(baseUrl).ask(request, new AbortController().signal));
    expect(error).toMatchObject({ origin: 'connection' });
    expect(error.message).toContain('its answer has more than 4 MB');
    expect(sent).toBeLessThan(500);
  });
});

describe('check', () => {
  const route =
    (routes: Record<string, Handler>): Handler =>
    (req, res, body) =>
      (routes[req.url ?? ''] ?? json(404, { detail: 'Not Found' }))(req, res, body);

  test('asks for the model, at no cost', async () => {
    const { baseUrl, got } = await serve(json(200, { id: 'gpt-4o', object: 'model' }));
    await modelAt(baseUrl).check('gpt-4o');
    expect(got.map(({ path }) => path)).toEqual(['GET /v1/models/gpt-4o']);
  });

  test('a missing model is an error', async () => {
    const missing = { error: { message: 'The model `x` does not exist', code: 'model_not_found' } };
    const { baseUrl, got } = await serve(json(404, missing));
    expect(await caught(modelAt(baseUrl).check('x'))).toMatchObject({ status: 404, code: 'model_not_found' });
    expect(got).toHaveLength(1);
  });

  test('a wrong key is an error, also where only the list exists', async () => {
    const wrong = json(401, { error: { message: 'no', code: 'invalid_api_key' } });
    const { baseUrl } = await serve(route({ '/v1/models': wrong }));
    expect(await caught(modelAt(baseUrl).check('x'))).toMatchObject({ status: 401 });
  });

  test.each([
    ['a list and no single model', route({ '/v1/models': json(200, { data: [{ id: 'x' }] }) })],
    ['neither', route({})],
    ['neither, by 405', json(405, { error: 'Method not allowed' })],
  ])('passes on a server with %s', async (_name, handler) => {
    const { baseUrl, got } = await serve(handler);
    await modelAt(baseUrl).check('x');
    expect(got).toHaveLength(2);
  });

  test('ends at the time-out', async () => {
    const { baseUrl } = await serve(() => undefined);
    expect(await caught(modelAt(baseUrl, { timeoutMs: 100 }).check('x'))).toMatchObject({
      origin: 'timeout',
    });
  });
});

describe('rate headers', () => {
  const read = (headers: Record<string, string>) =>
    readRateHeaders(
      new Headers(Object.entries(headers).map(([name, value]) => [`x-ratelimit-${name}`, value])),
    );

  test('none', () => {
    expect(read({})).toEqual({ limits: {} });
  });

  test('of two token limits the tighter', () => {
    const headers = {
      'limit-tokens': '90000',
      'limit-project-tokens': '30000',
      'remaining-tokens': '80000',
      'remaining-project-tokens': '1000',
      'reset-tokens': '1s',
      'reset-project-tokens': '58s',
    };
    expect(read(headers)).toEqual({
      limits: { tokensPerMinute: 30_000 },
      remainingTokens: 1_000,
      resetTokensMs: 58_000,
    });
  });

  test("a day's limit of requests is none a minute", () => {
    const headers = { 'limit-requests': '200', 'remaining-requests': '199', 'reset-requests': '7m12s' };
    expect(read(headers)).toEqual({ limits: {}, remainingRequests: 199, resetRequestsMs: 432_000 });
  });

  test('nonsense is left out', () => {
    expect(
      read({
        'limit-requests': '-1',
        'limit-tokens': 'many',
        'remaining-tokens': '',
        'reset-tokens': 'soon',
      }),
    ).toEqual({
      limits: {},
    });
  });

  test('no value makes it throw', () => {
    const value = fc.string({ unit: fc.constantFrom(...'0123456789.-msh e') });
    fc.assert(
      fc.property(value, value, value, (limit, remaining, reset) => {
        const rate = read({ 'limit-tokens': limit, 'remaining-tokens': remaining, 'reset-tokens': reset });
        for (const number of Object.values({ ...rate, ...rate.limits, limits: 0 })) {
          expect(Number.isFinite(number) && number >= 0).toBe(true);
        }
      }),
    );
  });
});

test.each([
  ['nothing', null, null],
  ['zeros', { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }, null],
  [
    'no details',
    { prompt_tokens: 9, completion_tokens: 2 },
    { inputTokens: 9, cachedTokens: 0, outputTokens: 2, totalTokens: 11 },
  ],
  ['nonsense', { input_tokens: 'many' }, null],
])('usage: %s', (_name, usage, expected) => {
  expect(usageOf(usage)).toEqual(expected);
});
