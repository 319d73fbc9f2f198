import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { bodyInSlices } from '../../src/worker/adapters/body-in-slices.ts';

const PICTURE = `data:image/jpeg;base64,${'/9j/4AAQ'.repeat(100_000)}`;

describe('a body in slices', () => {
  let server: Server;

  async function serve(answer: (req: IncomingMessage, res: ServerResponse) => unknown): Promise<string> {
    server = createServer((req, res) => void answer(req, res));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const send = bodyInSlices(globalThis.fetch);
  const post = (url: string, body: string) =>
    ({ url, init: { method: 'POST', headers: { 'content-type': 'application/json' }, body } }) as const;

  test.each([
    ['short', '{"question":"how many?"}'],
    ['long', JSON.stringify({ image: PICTURE })],
    ['long, of characters that take two units', `_${'😀é'.repeat(200_000)}`],
    ['exactly two slices', 'x'.repeat(1 << 17)],
  ])('is the same request on the wire: %s', async (_, body) => {
    const received: { headers: unknown; body: string }[] = [];
    const url = await serve(async (req, res) => {
      received.push({ headers: req.headers, body: await textOf(req) });
      res.end('{}');
    });
    const request = post(url, body);
    for (const fetch of [globalThis.fetch, send]) await (await fetch(request.url, request.init)).text();
    expect(received[1]?.body === body).toBe(true);
    expect(received[1]?.headers).toEqual(received[0]?.headers);
  });

  test('takes an answer that comes before all of it was sent', async () => {
    const url = await serve((_, res) => res.writeHead(429, { 'retry-after': '3' }).end('{"error":{}}'));
    for (let n = 0; n < 3; n += 1) {
      const response = await send(url, post(url, PICTURE.repeat(10)).init);
      expect([response.status, await response.text()]).toEqual([429, '{"error":{}}']);
    }
  });

  test.each([
    ['short', '{"question":"how many?"}'],
    ['long', PICTURE],
  ])('follows no redirect: %s', async (_, body) => {
    const paths: (string | undefined)[] = [];
    const url = await serve((req, res) => {
      paths.push(req.url);
      return res.writeHead(307, { location: '/there' }).end();
    });
    const response = await send(url, post(url, body).init);
    expect(response.status).toBe(307);
    expect(await response.text()).toContain('redirects to another address');
    expect(paths).toEqual(['/']);
  });

  test('ends when it is aborted, and when nobody is there', async () => {
    const url = await serve(() => {});
    const aborter = new AbortController();
    const { init } = post(url, PICTURE.repeat(10));
    const sent = send(url, { ...init, signal: aborter.signal });
    setTimeout(() => aborter.abort(), 50);
    await expect(sent).rejects.toThrow(/abort/i);
    await expect(send('http://127.0.0.1:1/', init)).rejects.toThrow('fetch failed');
  });
});
