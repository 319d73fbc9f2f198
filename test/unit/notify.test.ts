import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger, type LogEntry } from '@temporalio/worker';
import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createNotify,
  type Notification,
  type NotifyDeps,
  type NotifyInput,
} from '../../src/activities/notify.ts';
import { freePort } from '../helpers/free-port.ts';

const SECRET = 'a-secret-of-thirty-two-digits-00';
const NOW = Date.UTC(2025, 10, 26, 3, 0, 0);

interface Told {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

let told: Told[];
let answer: (response: ServerResponse) => void;
let server: Server;
let url: string;

beforeEach(async () => {
  told = [];
  answer = (response) => response.writeHead(204).end();
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      told.push({ method, path, headers, body });
      answer(response);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/told/T0K3N-in-the-path`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const input = (change: Partial<NotifyInput> = {}): NotifyInput => ({
  run: '20251126_025312',
  results: '/results/20251126_025312',
  to: 'http://127.0.0.1',
  simulated: false,
  event: 'incomplete',
  at: '2025-11-26T02:59:58.000Z',
  counts: { images: 339, imagesComplete: 337, answered: 2030, failed: 4 },
  ...change,
});

/** Runs the activity as a worker does; gives what it threw and what it logged. */
async function notify(
  deps: Partial<NotifyDeps> & { to?: string } = {},
  change: Partial<NotifyInput> = {},
): Promise<{ failure: ApplicationFailure | null; log: LogEntry[] }> {
  const log: LogEntry[] = [];
  const { to = url, ...rest } = deps;
  const activity = createNotify({ secret: SECRET, now: () => NOW, ...rest });
  const environment = new MockActivityEnvironment(
    {},
    { logger: new DefaultLogger('WARN', (entry) => log.push(entry)) },
  );
  try {
    await environment.run<[NotifyInput], void, typeof activity>(activity, input({ to, ...change }));
    return { failure: null, log };
  } catch (error) {
    expect(error).toBeInstanceOf(ApplicationFailure);
    return { failure: error as ApplicationFailure, log };
  }
}

/** As the documentation tells a receiver to do it. */
function isGenuine({ headers, body }: Told, secret: string): boolean {
  const given = Buffer.from(String(headers['x-image-analysis-signature']));
  const signed = `${String(headers['x-image-analysis-timestamp'])}.${body}`;
  const right = Buffer.from(`sha256=${createHmac('sha256', secret).update(signed).digest('hex')}`);
  return given.length === right.length && timingSafeEqual(given, right);
}

test('tells what happened, signed with its time', async () => {
  const { failure, log } = await notify({}, { reason: '4 answers are missing', remedy: 'resume it' });
  expect(failure).toBeNull();
  expect(log).toEqual([]);
  const [one] = told;
  expect(told).toHaveLength(1);
  expect(one).toMatchObject({ method: 'POST', path: '/told/T0K3N-in-the-path' });
  expect(one?.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(one?.headers['x-image-analysis-timestamp']).toBe(String(NOW / 1000));
  expect(JSON.parse(one?.body ?? '')).toEqual({
    id: one?.headers['x-image-analysis-id'],
    event: 'incomplete',
    at: '2025-11-26T02:59:58.000Z',
    run: '20251126_025312',
    results: '/results/20251126_025312',
    simulated: false,
    images: 339,
    imagesComplete: 337,
    answered: 2030,
    failed: 4,
    reason: '4 answers are missing',
    remedy: 'resume it',
  });
  expect(isGenuine(one!, SECRET)).toBe(true);
  expect(isGenuine(one!, `${SECRET}x`)).toBe(false);
  expect(isGenuine({ ...one!, body: one!.body.replace('2030', '2034') }, SECRET)).toBe(false);
  const later = { ...one!.headers, 'x-image-analysis-timestamp': String(NOW / 1000 + 1) };
  expect(isGenuine({ ...one!, headers: later }, SECRET)).toBe(false);
  expect(JSON.stringify(one)).not.toContain(SECRET);
});

test('one event has one id however often it is delivered, and another event another', async () => {
  await notify();
  await notify({ now: () => NOW + 60_000 });
  await notify({}, { event: 'blocked' });
  await notify({}, { at: '2025-11-26T03:10:00.000Z' });
  await notify({}, { results: '/results/20251126_030000' });
  const ids = told.map(({ body }) => (JSON.parse(body) as Notification).id);
  expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
  expect(ids[1]).toBe(ids[0]);
  expect(new Set(ids).size).toBe(4);
});

test('without a secret it is sent unsigned, and the log says so without the URL’s path', async () => {
  const { failure, log } = await notify({ secret: null });
  expect(failure).toBeNull();
  expect(told[0]?.headers).not.toHaveProperty('x-image-analysis-signature');
  expect(log.map(({ message }) => message)).toEqual(['a notification goes out unsigned: set NOTIFY_SECRET']);
  expect(JSON.stringify(log.map(({ meta }): unknown => meta?.['host']))).toContain('127.0.0.1');
  expect(
    JSON.stringify(log, (_, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)),
  ).not.toContain('T0K3N');
});

test('a key in the reason does not go out', async () => {
  await notify(
    {},
    { event: 'blocked', reason: 'Incorrect API key provided: sk-canary123. See X', remedy: 'a key' },
  );
  expect(told[0]?.body).toContain('Incorrect API key provided');
  expect(told[0]?.body).not.toContain('canary');
});

describe('a delivery that fails', () => {
  test.each([
    [500, true],
    [503, true],
    [429, true],
    [408, true],
    [400, false],
    [401, false],
    [404, false],
    [410, false],
  ])('by status %i: told again: %s', async (status, retried) => {
    answer = (response) => response.writeHead(status).end('a body with a canary');
    const { failure } = await notify();
    expect(failure).toMatchObject({ type: 'NotNotified', nonRetryable: !retried });
    expect(failure?.message).toMatch(new RegExp(`^127\\.0\\.0\\.1:\\d+ answered ${status}$`));
    expect(failure?.cause).toBeUndefined();
    expect(told).toHaveLength(1);
  });

  test.each([
    ['30', 30_000],
    ['86400', 60_000],
    ['soon', undefined],
  ])('waits as long as retry-after says (%s), within reason', async (after, ms) => {
    answer = (response) => response.writeHead(429, { 'retry-after': after }).end();
    expect((await notify()).failure?.nextRetryDelay).toBe(ms);
  });

  test('by a redirect, which is not followed', async () => {
    answer = (response) => response.writeHead(307, { location: '/elsewhere' }).end();
    const { failure } = await notify();
    expect(failure).toMatchObject({ type: 'NotNotified', nonRetryable: true });
    expect(failure?.message).toMatch(/answered 307, which is not followed$/);
    expect(told).toHaveLength(1);
  });

  test.each([
    ['http://169.254.169.254/computeMetadata/v1/', '169.254.169.254'],
    ['http://2852039166/latest', '169.254.169.254'],
    ['http://[::ffff:169.254.169.254]/', '::ffff:a9fe:a9fe'],
    ['http://[fe80::1]/', 'fe80::1'],
    ['http://[fd00:ec2::254]/', 'fd00:ec2::254'],
    ['http://0.0.0.0:7233/', '0.0.0.0'],
  ])('since it would ask the machine’s own network: %s', async (to, address) => {
    const fetch = () => Promise.reject(new Error('nothing may be sent'));
    const { failure } = await notify({ to, fetch });
    expect(failure).toMatchObject({ type: 'NotNotified', nonRetryable: true });
    expect(failure?.message).toContain(`is no receiver: ${address} is a link-local or reserved address`);
  });

  test('since a name leads there, at whichever of its addresses', async () => {
    const addresses = [
      { address: '203.0.113.7', family: 4 },
      { address: '169.254.169.254', family: 4 },
    ];
    const { failure } = await notify({
      to: 'http://metadata.example.org/T0K3N',
      lookup: () => Promise.resolve(addresses),
    });
    expect(failure).toMatchObject({ nonRetryable: true });
    expect(failure?.message).toMatch(/^metadata\.example\.org is no receiver: 169\.254\.169\.254 /);
  });

  test('by nobody listening, a reset, or silence: is told again', async () => {
    const nowhere = await notify({ to: `http://127.0.0.1:${await freePort()}/T0K3N` });
    expect(nowhere.failure).toMatchObject({ type: 'NotNotified', nonRetryable: false });
    expect(nowhere.failure?.message).toMatch(/^127\.0\.0\.1:\d+ cannot be told: ECONNREFUSED$/);
    answer = (response) => response.destroy();
    const reset = await notify();
    expect(reset.failure).toMatchObject({ nonRetryable: false });
    expect(reset.failure?.message).not.toContain('T0K3N');
    answer = () => undefined;
    const silent = await notify({ timeoutMs: 100 });
    expect(silent.failure).toMatchObject({ nonRetryable: false });
    expect(silent.failure?.message).toMatch(/no answer within 0\.1 s$/);
  });
});
