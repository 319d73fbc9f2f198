import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeLock } from './lock.ts';
import type { Ports } from './state.ts';

/** Ports that Temporal's own tools expect, and beside them the demonstration's. */
const USUAL = {
  real: { server: 7233, ui: 8233, simulator: 8234 },
  demo: { server: 7243, ui: 8243, simulator: 8244 },
};

/**
 * The remembered ports, or the usual ones, and in place of any that is taken a free one. A server binds its ports a
 * second after it looked at them, so the choice is claimed for this process's life: two engines that start at once
 * would otherwise choose the same, and one would speak to the other's server.
 */
export async function choosePorts(remembered: Ports | null, demo: boolean): Promise<Ports> {
  const wanted = remembered ?? (demo ? USUAL.demo : USUAL.real);
  const choose = async (port: number): Promise<number> =>
    claim(port) && (await isFree(port)) ? port : anyFreePort();
  return {
    server: await choose(wanted.server),
    ui: await choose(wanted.ui),
    simulator: await choose(wanted.simulator),
  };
}

const claim = (port: number): boolean =>
  takeLock(join(tmpdir(), `image-analysis-ports-${String(userInfo().uid)}`, String(port))) !== null;

const isFree = async (port: number): Promise<boolean> => (await listenOnce(port)) !== null;

async function anyFreePort(): Promise<number> {
  const port = await listenOnce(0);
  if (port === null) throw new Error('no port of 127.0.0.1 is free');
  return port;
}

/** Waits until something listens on a loopback port; false when nothing does within the time. */
export async function waitForPort(port: number, withinMs: number): Promise<boolean> {
  for (let waited = 0; waited <= withinMs; waited += 100) {
    if (await listens(port)) return true;
    await sleep(100);
  }
  return false;
}

/** Listens for a moment and returns the port; `null` when it is taken. */
function listenOnce(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? null) : null));
    });
  });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const answer = (is: boolean) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
  });
}
