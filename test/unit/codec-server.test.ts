import { createSecretKey, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { once } from 'node:events';
import { defaultPayloadConverter } from '@temporalio/common';
import { afterEach, describe, expect, test } from 'vitest';
import { createCodec } from '../../src/codec/codec.ts';
import {
  startCodecServer,
  type CodecServerOptions,
  type RunningCodecServer,
} from '../../src/codec/server.ts';
import { SettingError } from '../../src/config.ts';

const ORIGIN = 'http://localhost:8233';
const TOKEN = 'f'.repeat(64);
const MEGABYTE = 1_000_000;
const codec = createCodec([{ id: 'k1', key: createSecretKey(randomBytes(32)) }]);

let server: RunningCodecServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

async function start(options: Partial<CodecServerOptions> = {}): Promise<string> {
  server = await startCodecServer({
    ...{ codec, origin: ORIGIN, token: null, host: '127.0.0.1', port: 0 },
    ...options,
  });
  return server.url;
}

interface PayloadJson {
  metadata: Record<string, string>;
  data: string;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const clear = (text: string): PayloadJson => {
  const { metadata, data } = defaultPayloadConverter.toPayload(text);
  return {
    metadata: { encoding: Buffer.from(metadata?.['encoding'] ?? []).toString('base64') },
    data: Buffer.from(data ?? []).toString('base64'),
  };
};

const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: ORIGIN, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

const payloadsOf = async (response: Response): Promise<PayloadJson[]> => {
  expect(response.status).toBe(200);
  return ((await response.json()) as { payloads: PayloadJson[] }).payloads;
};

describe('for its origin', () => {
  test('it encrypts and decrypts, and passes what is clear', async () => {
    const url = await start();
    const payloads = [clear('a face'), clear('నమస్తే')];
    const hidden = await payloadsOf(await post(`${url}/encode`, { payloads }));
    expect(hidden.map(({ metadata }) => metadata['encoding'])).toEqual([
      base64('binary/encrypted'),
      base64('binary/encrypted'),
    ]);
    expect(Buffer.from(hidden[0]?.data ?? '', 'base64').includes('a face')).toBe(false);
    const mixed = [...hidden, clear('never hidden')];
    expect(await payloadsOf(await post(`${url}/decode`, { payloads: mixed }))).toEqual([
      ...payloads,
      clear('never hidden'),
    ]);
    expect(await payloadsOf(await post(`${url}/decode`, { payloads: [] }))).toEqual([]);
  });

  test('a preflight is answered for exactly it, with the headers that the Web UI sends', async () => {
    const url = await start();
    const response = await fetch(`${url}/decode`, {
      method: 'OPTIONS',
      headers: {
        origin: ORIGIN,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,x-namespace,authorization',
      },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(response.headers.get('access-control-allow-credentials')).toBe('true');
    expect(response.headers.get('access-control-allow-methods')).toBe('POST');
    expect(response.headers.get('vary')).toBe('Origin');
    const allowed = response.headers.get('access-control-allow-headers')?.toLowerCase().split(', ');
    expect(allowed).toEqual(expect.arrayContaining(['authorization', 'content-type', 'x-namespace']));
  });

  test('answers and refusals alike may be read by it, and by nobody’s cache', async () => {
    const url = await start({ token: TOKEN });
    for (const response of [
      await post(`${url}/decode`, { payloads: [] }),
      await post(`${url}/decode`, { payloads: [] }, { authorization: `Bearer ${TOKEN}` }),
      await post(`${url}/decode`, '{', { authorization: `Bearer ${TOKEN}` }),
    ]) {
      expect(response.headers.get('access-control-allow-origin')).toBe(ORIGIN);
      expect(response.headers.get('cache-control')).toBe('no-store');
    }
  });
});

describe('another site', () => {
  test.each([
    'http://evil.example',
    'null',
    'http://localhost:8234',
    'http://localhost:8233.evil.example',
    `${ORIGIN}/`,
  ])('%s gets nothing, and its browser is told so', async (origin) => {
    const url = await start();
    const [hidden] = await codec.encode([defaultPayloadConverter.toPayload('a face')]);
    const payloads = [
      {
        metadata: {
          encoding: base64('binary/encrypted'),
          'encryption-key-id': base64('k1'),
        },
        data: Buffer.from(hidden?.data ?? []).toString('base64'),
      },
    ];
    for (const response of [
      await post(`${url}/decode`, { payloads }, { origin }),
      await fetch(`${url}/decode`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      }),
    ]) {
      expect(response.status).toBe(403);
      expect(response.headers.get('access-control-allow-origin')).toBeNull();
      expect(await response.text()).not.toContain('payloads');
    }
  });
});

describe('with a token', () => {
  test('whoever shows it as bearer may ask, as the temporal CLI does without an origin', async () => {
    const url = await start({ token: TOKEN });
    const response = await fetch(`${url}/encode`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ payloads: [clear('x')] }),
    });
    expect(await payloadsOf(response)).toHaveLength(1);
  });

  test.each([
    ['none', {}],
    ['a wrong one', { authorization: `Bearer ${'e'.repeat(64)}` }],
    ['a part of it', { authorization: `Bearer ${TOKEN.slice(1)}` }],
    ['it in another scheme', { authorization: `Basic ${TOKEN}` }],
    ['it as a cookie', { cookie: `codec_session=${TOKEN}` }],
    ['an empty cookie', { cookie: 'codec_session=' }],
  ])('whoever shows %s is refused', async (_what, headers) => {
    const url = await start({ token: TOKEN });
    const response = await post(`${url}/decode`, { payloads: [clear('x')] }, headers);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(await response.text()).not.toContain(TOKEN);
  });

  test('a browser signs in once by its page, and then asks with a cookie that no script reads', async () => {
    const url = await start({ token: TOKEN });
    const page = await fetch(url);
    expect(await page.text()).toContain('<form method="post" action="/session">');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    const signIn = (token: string, origin = url): Promise<Response> =>
      fetch(`${url}/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin },
        body: new URLSearchParams({ token }).toString(),
      });
    expect((await signIn('wrong')).status).toBe(401);
    expect((await signIn(TOKEN, 'http://evil.example')).status).toBe(403);
    expect((await signIn(TOKEN, ORIGIN)).status).toBe(403);
    const signedIn = await signIn(TOKEN);
    expect(signedIn.status).toBe(200);
    const cookie = signedIn.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/; HttpOnly/i);
    expect(cookie).toMatch(/; SameSite=Strict/i);
    expect(cookie).not.toContain(TOKEN);
    const [pair = ''] = cookie.split(';');
    expect(
      await payloadsOf(await post(`${url}/encode`, { payloads: [clear('x')] }, { cookie: pair })),
    ).toHaveLength(1);
    const evil = await post(
      `${url}/encode`,
      { payloads: [] },
      { cookie: pair, origin: 'http://evil.example' },
    );
    expect(evil.status).toBe(403);
  });

  test('without one it has no sign-in, and serves this machine alone', async () => {
    const url = await start();
    expect((await fetch(url)).status).toBe(404);
    for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
      await expect(start({ host })).rejects.toThrow(SettingError);
    }
  });
});

describe('what is no request of the protocol is refused in words that repeat nothing', () => {
  test.each([
    ['no JSON', '{"payloads": ', 400],
    ['no object', '[]', 400],
    ['no payloads', '{}', 400],
    ['a payload that is none', '{"payloads": ["secret-face"]}', 400],
    ['data that is no base64', '{"payloads": [{"data": "secret-face!"}]}', 400],
    ['metadata of numbers', '{"payloads": [{"metadata": {"encoding": 7}}]}', 400],
  ])('%s', async (_what, body, status) => {
    const url = await start();
    const response = await post(`${url}/decode`, body);
    expect(response.status).toBe(status);
    const { error } = (await response.json()) as { error: string };
    expect(error).not.toContain('secret-face');
  });

  test('a payload of a key that is not there names the key', async () => {
    const url = await start();
    const other = createCodec([{ id: 'k0', key: createSecretKey(randomBytes(32)) }]);
    const [hidden] = await other.encode([defaultPayloadConverter.toPayload('x')]);
    const payload = {
      metadata: { encoding: base64('binary/encrypted'), 'encryption-key-id': base64('k0') },
      data: Buffer.from(hidden?.data ?? []).toString('base64'),
    };
    const response = await post(`${url}/decode`, { payloads: [payload] });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: string }).error).toContain('the key "k0"');
  });

  test('a form of another site, which needs no preflight', async () => {
    const url = await start();
    const response = await post(`${url}/decode`, '{"payloads": []}', { 'content-type': 'text/plain' });
    expect(response.status).toBe(415);
  });

  test.each(['GET', 'PUT', 'DELETE'])('%s', async (method) => {
    const url = await start();
    expect((await fetch(`${url}/decode`, { method })).status).toBe(404);
  });

  test.each(['/', '/encode/x', '//decode', '/decode%00', '/session'])('POST %s', async (path) => {
    const url = await start();
    expect((await post(`${url}${path}`, { payloads: [] })).status).not.toBe(200);
  });

  test.each([
    ['tells', `Content-Length: 16000001\r\n\r\n`, 0],
    ['does not tell', `Transfer-Encoding: chunked\r\n\r\n`, 17],
  ])('a body of more than 16 MB that %s so', async (_what, header, megabytes) => {
    const { hostname, port } = new URL(await start());
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => {});
    const answered = once(socket, 'data');
    socket.write(`POST /decode HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${header}`);
    const chunk = `${MEGABYTE.toString(16)}\r\n${'A'.repeat(MEGABYTE)}\r\n`;
    for (let sent = 0; sent < megabytes; sent += 1) socket.write(chunk);
    const [answer] = (await answered) as [Buffer];
    socket.destroy();
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 413/);
  });

  test('a request that is no HTTP, after which it serves the next one', async () => {
    const url = await start();
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => {});
    socket.resume();
    socket.write('\u0000\u0001 nonsense\r\n\r\n');
    await once(socket, 'close');
    expect(await payloadsOf(await post(`${url}/decode`, { payloads: [] }))).toEqual([]);
  });
});

test('a large payload, as history holds it, is decrypted whole', async () => {
  const url = await start();
  const payloads = [clear('x'.repeat(2_000_000)), clear('y'.repeat(1_900_000))];
  const hidden = await payloadsOf(await post(`${url}/encode`, { payloads }));
  expect(await payloadsOf(await post(`${url}/decode`, { payloads: hidden }))).toEqual(payloads);
});

test('an address that is taken is told with the remedy', async () => {
  const url = await start();
  await expect(
    startCodecServer({
      codec,
      origin: ORIGIN,
      token: null,
      host: '127.0.0.1',
      port: Number(new URL(url).port),
    }),
  ).rejects.toThrow(/--port/);
});
