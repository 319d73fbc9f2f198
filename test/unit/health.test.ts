import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type HealthServer, serveHealth } from '../../src/worker/health.ts';
import { createReadiness } from '../../src/worker/readiness.ts';

let health: HealthServer | null = null;
afterEach(async () => {
  await health?.close();
  health = null;
});

async function started(ready: () => Promise<string | null>, address = '127.0.0.1:0'): Promise<string> {
  health = await serveHealth({ address, ready });
  return health.url;
}

async function get(url: string, init?: RequestInit): Promise<[number, string]> {
  const response = await fetch(url, init);
  return [response.status, await response.text()];
}

test('says that the process answers, and whether it takes work', async () => {
  let problem: string | null = 'the worker is starting';
  const url = await started(async () => problem);
  expect(await get(`${url}/healthz`)).toEqual([200, 'ok\n']);
  expect(await get(`${url}/readyz`)).toEqual([503, 'the worker is starting\n']);
  problem = null;
  expect(await get(`${url}/readyz?full=1`)).toEqual([200, 'ready\n']);
  expect(await get(`${url}/readyz`, { method: 'HEAD' })).toEqual([200, '']);
});

test('a look that fails is a reason, and no crash', async () => {
  const url = await started(() => Promise.reject(new Error('no room')));
  expect(await get(`${url}/readyz`)).toEqual([503, 'no room\n']);
  expect(await get(`${url}/healthz`)).toEqual([200, 'ok\n']);
});

test('there is nothing else', async () => {
  const url = await started(async () => null);
  expect((await get(`${url}/metrics`))[0]).toBe(404);
  expect((await get(`${url}/`))[0]).toBe(404);
  expect((await get(`${url}/healthz`, { method: 'POST', body: 'x' }))[0]).toBe(405);
});

test('listens at an IPv6 address too', async () => {
  const url = await started(async () => null, '[::1]:0');
  expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
  expect(await get(`${url}/healthz`)).toEqual([200, 'ok\n']);
});

test('an address that is taken is told with the setting', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
  await expect(serveHealth({ address, ready: async () => null })).rejects.toThrow(
    `HEALTH_ADDRESS ${address} cannot be listened at (EADDRINUSE)`,
  );
  other.close();
});

test('a worker is ready while all of it polls and the Temporal server answers', async () => {
  const readiness = createReadiness();
  expect(await readiness.problem()).toBe('the worker is starting');
  let state: 'RUNNING' | 'DRAINING' = 'RUNNING';
  let answers = true;
  const connection = {
    workflowService: {
      getSystemInfo: () => (answers ? Promise.resolve({}) : Promise.reject(new Error('UNAVAILABLE'))),
    },
    withDeadline: (_deadline: number, act: () => Promise<unknown>) => act(),
  };
  readiness.working(connection as unknown as Parameters<typeof readiness.working>[0], [
    { getState: () => 'RUNNING' },
    { getState: () => state },
  ]);
  expect(await readiness.problem()).toBeNull();
  answers = false;
  expect(await readiness.problem()).toBe('the Temporal server does not answer');
  state = 'DRAINING';
  expect(await readiness.problem()).toBe('the worker does not poll: its state is DRAINING');
});
