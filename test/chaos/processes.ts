import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createServer as createListener } from 'node:net';
import { join, resolve } from 'node:path';
import { watched } from '../helpers/child-processes.ts';
import { serverArguments, serverClient } from '../../src/client/engine/server.ts';

const CLI = resolve('dist/cli.js');

/** How long a server may take until it serves: a second or two, more where the machine is busy. */
const READY_MS = 60_000;

/** A process that is killed and started again. */
export interface Victim {
  /** Starts it, and waits until it serves. */
  start(): Promise<void>;
  /** SIGKILL; its end is seen when this resolves. */
  kill(): Promise<void>;
}

/** An embedded Temporal server on one port and one SQLite file, with the arguments that the engine gives it. */
export async function createServer(temporal: string, folder: string): Promise<Victim & { address: string }> {
  const server = await keptPort();
  const address = `127.0.0.1:${server}`;
  // Its Web UI is not asked for: its port would be one more that another process may take meanwhile.
  const args = [
    ...serverArguments({ server, ui: 0, simulator: 0 }, join(folder, 'temporal.db')),
    '--headless',
  ];
  const kept = kill9(() => started(temporal, args, folder, 'server', {}));
  return {
    address,
    kill: kept.kill,
    async start() {
      kept.start();
      const client = serverClient(address, 'default');
      try {
        if (!(await client.ready(READY_MS, () => true)))
          throw new Error('the Temporal server does not start');
      } finally {
        await client.close();
      }
    },
  };
}

/** Below the ports that systems give to whoever asks for any: nobody takes it while the server is away. */
async function keptPort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    const probe = createListener().listen(port, '127.0.0.1');
    const free = await Promise.race([
      once(probe, 'listening').then(() => true),
      once(probe, 'error').then(() => false),
    ]);
    probe.close();
    if (free) return port;
  }
}

/** Worker processes as they are built. */
export interface Workers {
  /** Starts as many as are missing. */
  start(): void;
  /** SIGKILL for one of them, or for all. */
  kill(which: number | 'all'): Promise<void>;
}

export function createWorkers(folder: string, n: number, settings: Record<string, string>): Workers {
  const all = Array.from({ length: n }, () =>
    kill9(() => started(process.execPath, [CLI, 'worker'], folder, 'worker', settings)),
  );
  return {
    start() {
      for (const worker of all) worker.start();
    },
    async kill(which) {
      const chosen = all.filter((_, i) => which === 'all' || i === which % n);
      await Promise.all(chosen.map((worker) => worker.kill()));
    },
  };
}

/** How a command ended. */
export interface CommandEnd {
  code: number | null;
  out: string;
}

/** A command of the program; `kill` ends it with SIGKILL. */
export function startCommand(
  folder: string,
  args: string[],
  settings: Record<string, string>,
): { ended: Promise<CommandEnd>; kill(): void } {
  const child = watched(
    spawn(process.execPath, [CLI, ...args], { cwd: folder, env: { ...process.env, ...settings } }),
  );
  let out = '';
  child.stdout?.on('data', (text: Buffer) => (out += text.toString()));
  child.stderr?.on('data', (text: Buffer) => (out += text.toString()));
  return {
    ended: once(child, 'close').then(([code]) => ({ code: code as number | null, out })),
    kill: () => void child.kill('SIGKILL'),
  };
}

function kill9(spawned: () => ChildProcess): { start(): void; kill(): Promise<void> } {
  let child: ChildProcess | null = null;
  return {
    start() {
      if (child === null || child.exitCode !== null || child.signalCode !== null) child = spawned();
    },
    async kill() {
      if (child === null || child.exitCode !== null || child.signalCode !== null) return;
      const over = once(child, 'exit');
      child.kill('SIGKILL');
      await over;
    },
  };
}

function started(
  file: string,
  args: string[],
  folder: string,
  name: string,
  settings: Record<string, string>,
): ChildProcess {
  const log = openSync(join(folder, `${name}.log`), 'a');
  const child = spawn(file, args, {
    cwd: folder,
    env: { ...process.env, ...settings },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  return watched(child);
}
