import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import { DYNAMIC_CONFIG } from '../../src/client/engine/server.ts';
import { findTemporal } from '../../src/client/temporal-binary.ts';
import { readConfig } from '../../src/config.ts';
import { SEARCH_ATTRIBUTES } from '../../src/shared/names.ts';
import { freePort } from './free-port.ts';

export interface TemporalServer {
  /** `127.0.0.1:port`. */
  address: string;
  namespace: string;
  /** Address of its Web UI. */
  uiUrl: string;
  /** The SQLite file; gone after `close`, unless it was given. */
  dbFile: string;
  pid: number;
  /** Runs the plain `temporal` CLI against it and gives what it prints. */
  temporal(...args: string[]): Promise<string>;
  close(): Promise<void>;
}

/** How long a server may take until it serves: a second or so, ten where the machine is busy. */
const START_MS = 30_000;

/**
 * A real Temporal server of its own on free ports, set up as the embedded engine sets its own up: its dynamic
 * configuration (what `dynamicConfig` says comes after it and wins), our search attributes. `dbFile` continues a
 * database, which `close` then leaves alone.
 */
export async function startTemporal(
  options: { dbFile?: string; dynamicConfig?: string[] } = {},
): Promise<TemporalServer> {
  const { temporalCliPath, cacheDir } = readConfig(process.env, process.cwd());
  const { path } = await findTemporal({ cliPath: temporalCliPath, cacheDir, log: console.log });
  const folder = await mkdtemp(join(tmpdir(), 'temporal-'));
  const dbFile = options.dbFile ?? join(folder, 'temporal.db');
  const [port, uiPort] = await Promise.all([freePort(), freePort()]);
  const attributes = Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => `${name}=${type}`);
  const server = spawn(
    path,
    [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
      ...['--db-filename', dbFile, '--log-level', 'error', '--ui-disable-news-fetch'],
      ...[...DYNAMIC_CONFIG, ...(options.dynamicConfig ?? [])].flatMap((value) => [
        '--dynamic-config-value',
        value,
      ]),
      ...attributes.flatMap((attribute) => ['--search-attribute', attribute]),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  server.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
  const ended = once(server, 'close');
  const kill = (): void => void server.kill('SIGKILL');
  process.once('exit', kill);

  const close = async (): Promise<void> => {
    process.off('exit', kill);
    server.kill('SIGTERM');
    const patience = setTimeout(kill, 5_000);
    await ended;
    clearTimeout(patience);
    await rm(folder, { recursive: true, force: true });
  };
  const address = `127.0.0.1:${port}`;
  try {
    await Promise.race([
      serving(address),
      ended.then(() => Promise.reject(new Error(`the Temporal server ended: ${said}`))),
    ]);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    address,
    namespace: 'default',
    uiUrl: `http://127.0.0.1:${uiPort}`,
    dbFile,
    temporal: async (...args) => (await promisify(execFile)(path, [...args, '--address', address])).stdout,
    pid: server.pid ?? 0,
    close,
  };
}

/** Ends once the namespace answers; the port opens before it does. */
async function serving(address: string): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: '2s' });
      try {
        await connection.workflowService.describeNamespace({ namespace: 'default' });
        return;
      } finally {
        await connection.close();
      }
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resume) => setTimeout(resume, 100));
    }
  }
}
