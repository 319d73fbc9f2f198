import { Connection } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { databaseOf, prepareDatabase } from '../../src/client/engine/database.ts';
import { openEngine, stopEngine, type Engine } from '../../src/client/engine/open-engine.ts';
import { identityOf, isRunning } from '../../src/client/engine/processes.ts';
import { serverArguments } from '../../src/client/engine/server.ts';
import { engineFiles } from '../../src/client/engine/state.ts';
import { findTemporal } from '../../src/client/temporal-binary.ts';
import { until } from '../helpers/until.ts';
import {
  engineHasEnded,
  integrityOf,
  otherCommand,
  serversOn,
  stubEngine,
  stubLines,
} from '../helpers/engine/kit.ts';

const { cacheDir, temporalCliPath } = readConfig(process.env, process.cwd());
let temporal: string;
let dataDir: string;

beforeAll(async () => {
  ({ path: temporal } = await findTemporal({ cliPath: temporalCliPath, cacheDir, log: () => undefined }));
}, 300_000);

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'engine-'));
});

afterEach(async () => {
  await stopEngine(dataDir);
  rmSync(dataDir, { recursive: true, force: true });
}, 60_000);

const open = (options: Parameters<typeof stubEngine>[2] = {}): Promise<Engine> =>
  openEngine(stubEngine(dataDir, temporal, options));

/** Starts workflows one after the other until a start fails; gives the IDs that the server acknowledged. */
function starting(address: string): { stop(): Promise<string[]> } {
  const acknowledged: string[] = [];
  let stopped = false;
  const work = async (): Promise<void> => {
    const connection = await Connection.connect({ address });
    while (!stopped) {
      const workflowId = randomUUID();
      try {
        await connection.withDeadline(Date.now() + 2000, () =>
          connection.workflowService.startWorkflowExecution({
            namespace: 'default',
            workflowId,
            workflowType: { name: 'nothing' },
            taskQueue: { name: 'nobody' },
            requestId: workflowId,
          }),
        );
        acknowledged.push(workflowId);
      } catch {
        // Not acknowledged: nothing is promised of it.
      }
    }
    await connection.close();
  };
  const over = work();
  return {
    async stop() {
      stopped = true;
      await over;
      return acknowledged;
    },
  };
}

/** Those that the server does not know. */
async function unknown(address: string, workflowIds: string[]): Promise<string[]> {
  const connection = await Connection.connect({ address });
  const missing: string[] = [];
  for (const workflowId of workflowIds) {
    await connection.workflowService
      .describeWorkflowExecution({ namespace: 'default', execution: { workflowId } })
      .catch(() => missing.push(workflowId));
  }
  await connection.close();
  return missing;
}

type Part = 'server' | 'worker' | 'supervisor';
const ORDERS: Part[][] = [
  ['server', 'worker', 'supervisor'],
  ['server', 'supervisor', 'worker'],
  ['worker', 'server', 'supervisor'],
  ['worker', 'supervisor', 'server'],
  ['supervisor', 'server', 'worker'],
  ['supervisor', 'worker', 'server'],
];

const pidOf = (part: Part): number => {
  const { engine, processes } = engineFiles(dataDir);
  return (part === 'supervisor' ? engine.read()?.supervisor.pid : processes.read()?.[part]?.pid) ?? 0;
};

describe('the engine keeps what it was told', { timeout: 180_000 }, () => {
  test('when it is stopped: the worker ends first, then the server, and its database is whole', async () => {
    const engine = await open();
    await until(() => Promise.resolve(stubLines(dataDir).length > 0));
    const { server } = engineFiles(dataDir).processes.read() ?? {};
    const started = starting(engine.address);
    await until(() => Promise.resolve(statSync(databaseOf(dataDir)).size > 700_000));
    const ids = await started.stop();
    await engine.release();
    // The stub takes a while to end; the server must be there for what it brings.
    await until(() => Promise.resolve(stubLines(dataDir).length === 2));
    expect(server && isRunning(server)).toBe(true);
    await engineHasEnded(dataDir);
    expect(serversOn(dataDir)).toEqual([]);
    expect([null, 'ok']).toContain(integrityOf(dataDir));
    const again = await open({ worker: false });
    expect(await unknown(again.address, ids)).toEqual([]);
    await again.release();
  });

  test('when server, worker and supervisor are killed, in every order', async () => {
    const promised: string[] = [];
    for (const order of ORDERS) {
      const other = otherCommand(dataDir, temporal, 0);
      const address = await other.said;
      expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
      await until(() => Promise.resolve(pidOf('worker') > 0));
      const started = starting(address);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const pids = order.map(pidOf);
      // The command goes too: it would start the engine again.
      other.child.kill('SIGKILL');
      for (const pid of pids) {
        process.kill(pid, 'SIGKILL');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      promised.push(...(await started.stop()));
      expect(serversOn(dataDir), order.join()).toEqual([]);
      expect([null, 'ok']).toContain(integrityOf(dataDir));
    }
    expect(promised.length).toBeGreaterThan(ORDERS.length);
    const engine = await open();
    expect(serversOn(dataDir)).toHaveLength(1);
    expect(await unknown(engine.address, promised)).toEqual([]);
    await engine.release();
  });

  test('for the retention that its settings say, also where the database was made with another', async () => {
    for (const days of [30, 7]) {
      const engine = await open({ settings: { RETENTION_DAYS: String(days) }, worker: false });
      const connection = await Connection.connect({ address: engine.address });
      const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
      expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(days * 24 * 3600);
      await connection.close();
      await engine.release();
      await engineHasEnded(dataDir);
    }
  });
});

describe('one server at a time on a database', { timeout: 180_000 }, () => {
  const eight = async (): Promise<void> => {
    const at = Date.now() + 3000;
    const commands = Array.from({ length: 8 }, () => otherCommand(dataDir, temporal, at));
    try {
      let most = 0;
      const looks = setInterval(() => (most = Math.max(most, serversOn(dataDir).length)), 20);
      const said = await Promise.all(commands.map((command) => command.said));
      clearInterval(looks);
      expect(new Set(said).size, said.join('\n')).toBe(1);
      expect(said[0]).toMatch(/^127\.0\.0\.1:\d+$/);
      expect(most).toBe(1);
      expect(serversOn(dataDir)).toEqual([engineFiles(dataDir).processes.read()?.server?.pid]);
    } finally {
      for (const { child, release } of commands) {
        release();
        await (child.exitCode ?? once(child, 'exit'));
      }
    }
  };

  test('when eight commands start at once, on a new folder and after a kill that left the lock', async () => {
    await eight();
    await engineHasEnded(dataDir);
    const other = otherCommand(dataDir, temporal, 0);
    await other.said;
    // The server lives on as an orphan, and the lock names the dead supervisor.
    for (const pid of [other.child.pid ?? 0, pidOf('supervisor')]) process.kill(pid, 'SIGKILL');
    const [orphan] = serversOn(dataDir);
    await eight();
    expect(serversOn(dataDir)).not.toContain(orphan);
  });

  test('when a supervisor died before it wrote down which server it had started', async () => {
    const other = otherCommand(dataDir, temporal, 0);
    await other.said;
    for (const pid of [other.child.pid ?? 0, pidOf('supervisor')]) process.kill(pid, 'SIGKILL');
    rmSync(join(dataDir, 'processes.json'));
    const [orphan = 0] = serversOn(dataDir);
    expect(identityOf(orphan)).not.toBeNull();
    const engine = await open();
    expect(identityOf(orphan)).toBeNull();
    expect(serversOn(dataDir)).toHaveLength(1);
    await engine.release();
  });

  test('when somebody runs one of their own on it, whom it names and leaves alone', async () => {
    const database = databaseOf(dataDir);
    const theirs = spawn(process.execPath, [
      '-e',
      'setInterval(() => {}, 1000)',
      '--',
      '--db-filename',
      database,
    ]);
    try {
      await expect(open()).rejects.toThrow(
        `process ${String(theirs.pid)} runs a Temporal server on ${database}: end that one first`,
      );
      expect(theirs.exitCode).toBeNull();
    } finally {
      theirs.kill('SIGKILL');
    }
  });

  test('when its small files were torn', async () => {
    for (const name of ['engine.json', 'ports.json', 'processes.json', 'engine.lock.7']) {
      writeFileSync(join(dataDir, name), '{}');
    }
    expect(await stopEngine(dataDir)).toBe(false);
    const engine = await open({ worker: false });
    expect(serversOn(dataDir)).toHaveLength(1);
    await engine.release();
  });
});

test('a port that another program has taken meanwhile is left to it', { timeout: 60_000 }, async () => {
  const first = await open({ worker: false });
  await first.release();
  await engineHasEnded(dataDir);
  const kept = engineFiles(dataDir).ports.read();
  const others = [kept?.server, kept?.ui].map((port) => createServer().listen(port, '127.0.0.1'));
  await Promise.all(others.map((other) => once(other, 'listening')));
  const second = await open({ worker: false });
  expect(second.address).not.toBe(first.address);
  expect(second.uiUrl).not.toBe(first.uiUrl);
  const connection = await Connection.connect({ address: second.address });
  await connection.workflowService.describeNamespace({ namespace: 'default' });
  await connection.close();
  await second.release();
  others.forEach((other) => other.close());
});

describe('a database that was not finished', { timeout: 60_000 }, () => {
  test.each([1, 300, 600])('is made anew: killed at %d KB', async (kilobytes) => {
    const database = databaseOf(dataDir);
    prepareDatabase(database);
    const server = spawn(temporal, serverArguments({ server: 1, ui: 1, simulator: 1 }, database), {
      stdio: 'ignore',
    });
    const over = once(server, 'exit');
    const large = (): boolean =>
      (statSync(database, { throwIfNoEntry: false })?.size ?? 0) >= kilobytes * 1024;
    while (!large()) await new Promise((resolve) => setImmediate(resolve));
    server.kill('SIGKILL');
    await over;
    const engine = await open({ worker: false });
    const connection = await Connection.connect({ address: engine.address });
    const { executions } = await connection.workflowService.listWorkflowExecutions({ namespace: 'default' });
    expect(executions).toEqual([]);
    await connection.close();
    await engine.release();
  });
});
