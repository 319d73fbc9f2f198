import { Connection } from '@temporalio/client';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { attach } from '../../src/client/engine/attach.ts';
import { databaseOf } from '../../src/client/engine/database.ts';
import { openEngine, stopEngine, type Engine } from '../../src/client/engine/open-engine.ts';
import { isRunning } from '../../src/client/engine/processes.ts';
import { compareSettings, workerSettings } from '../../src/client/engine/settings.ts';
import { engineFiles } from '../../src/client/engine/state.ts';
import { findTemporal } from '../../src/client/temporal-binary.ts';
import { serverIdentity } from '../../src/shared/server-identity.ts';
import { engineHasEnded, stubEngine, stubLines } from '../helpers/engine/kit.ts';
import { until } from '../helpers/until.ts';

const { cacheDir, temporalCliPath } = readConfig(process.env, process.cwd());
let temporal: string;
let dataDir: string;
let said: string[];

beforeAll(async () => {
  ({ path: temporal } = await findTemporal({ cliPath: temporalCliPath, cacheDir, log: () => undefined }));
}, 300_000);

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'engine-'));
  said = [];
});

afterEach(async () => {
  await stopEngine(dataDir);
  rmSync(dataDir, { recursive: true, force: true });
}, 30_000);

const open = (settings: Record<string, string> = { OPENAI_API_KEY: 'a' }, worker = true): Promise<Engine> =>
  openEngine(stubEngine(dataDir, temporal, { settings, worker, log: (line) => said.push(line) }));

const stub = (): string[] => stubLines(dataDir);
const hasEnded = (): Promise<boolean> => engineHasEnded(dataDir);

describe('the embedded engine', { timeout: 60_000 }, () => {
  test('is shared, and the last one out stops worker and server', async () => {
    const [first, second] = await Promise.all([open(), open()]);
    expect(first.address).toBe(second.address);
    expect([first.startedHere, second.startedHere]).toContain(true);
    await until(() => Promise.resolve(stub().length > 0));
    expect(stub()).toHaveLength(1);

    const { engine, processes } = engineFiles(dataDir);
    expect(statSync(engine.path).mode & 0o777).toBe(0o600);
    const running = processes.read();
    await first.release();
    const third = await open();
    expect(third.startedHere).toBe(false);
    await second.release();
    await third.release();
    await hasEnded();
    expect(stub()).toEqual([stub()[0], stub()[0]?.replace('start', 'end')]);
    expect(running?.server && isRunning(running.server)).toBe(false);
  });

  test('keeps ended runs for 30 days, knows the search attributes and keeps its ports', async () => {
    const engine = await open();
    const connection = await Connection.connect({ address: engine.address });
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' });
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 24 * 3600);
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace: 'default',
    });
    expect(Object.keys(customAttributes ?? {})).toEqual(
      expect.arrayContaining(['ImageAnalysisRun', 'ImageAnalysisState', 'ImageAnalysisSimulated']),
    );
    await connection.close();
    await engine.release();
    await hasEnded();
    const again = await open();
    expect(again.address).toBe(engine.address);
    await again.release();
  });

  test('is the same server after its database was lost', async () => {
    const identity = async () => {
      const engine = await open();
      const connection = await Connection.connect({ address: engine.address });
      const found = await serverIdentity(connection.workflowService, 'default', 'a label');
      await connection.close();
      await engine.release();
      await hasEnded();
      return found;
    };
    const before = await identity();
    expect(before.label).toContain(dataDir);
    rmSync(databaseOf(dataDir));
    expect(await identity()).toEqual(before);
  });

  test('stays for a held workflow until that has ended', async () => {
    const engine = await open();
    const connection = await Connection.connect({ address: engine.address });
    const execution = { workflowId: 'held' };
    await connection.workflowService.startWorkflowExecution({
      namespace: 'default',
      workflowId: 'held',
      workflowType: { name: 'nothing' },
      taskQueue: { name: 'nobody' },
      requestId: 'held',
    });
    await engine.hold('held');
    await engine.release();
    // Longer than it takes the supervisor to look at its holds.
    await new Promise((resolve) => setTimeout(resolve, 4000));
    expect(existsSync(join(dataDir, 'engine.json'))).toBe(true);
    await connection.workflowService.terminateWorkflowExecution({
      namespace: 'default',
      workflowExecution: execution,
    });
    await hasEnded();
    await connection.close();
  });

  test('starts a worker that was killed again, and replaces a killed supervisor', async () => {
    const engine = await open();
    await until(() => Promise.resolve(stub().length > 0));
    const { engine: engineFile, processes } = engineFiles(dataDir);
    process.kill(processes.read()?.worker?.pid ?? 0, 'SIGKILL');
    await until(() => Promise.resolve(stub().length === 2));

    const before = { supervisor: engineFile.read()?.supervisor, server: processes.read()?.server };
    process.kill(before.supervisor?.pid ?? 0, 'SIGKILL');
    await until(
      () => Promise.resolve(stub().filter((line) => line.startsWith('start')).length === 3),
      30_000,
    );
    // Neither the worker nor the server of the dead supervisor is left beside the new ones.
    expect(stub().filter((line) => line.startsWith('end'))).toHaveLength(1);
    expect(before.server && isRunning(before.server)).toBe(false);
    expect(said).toContain('The engine has ended unexpectedly and is started again.');
    const status = (await attach(dataDir, { worker: false }))?.status();
    expect(status?.address).toBe(engine.address);
    await engine.release();
  });

  test('does not serve a command with another key, and tells of other settings', async () => {
    const engine = await open({ OPENAI_API_KEY: 'a', LIMITS: '480/28000' });
    await expect(open({ OPENAI_API_KEY: 'b' })).rejects.toThrow(
      /another OPENAI_API_KEY.*image-analysis stop/,
    );
    const other = await open({ OPENAI_API_KEY: 'a', LIMITS: '100/28000' });
    expect(said.at(-1)).toContain('keeps its own LIMITS');
    await other.release();
    await engine.release();
  });

  test('starts no worker for one who only looks', async () => {
    const engine = await open({}, false);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(stub()).toEqual([]);
    const worker = await open({});
    await until(() => Promise.resolve(stub().length === 1));
    await Promise.all([engine.release(), worker.release()]);
  });

  test('does not listen to one who cannot read its file', async () => {
    const engine = await open();
    const socket = connect({ port: engineFiles(dataDir).engine.read()?.controlPort ?? 0, host: '127.0.0.1' });
    socket.write(`${JSON.stringify({ do: 'hello', token: 'guess', worker: true })}\n{"do":"stop"}\n`);
    await once(socket, 'close');
    expect(await attach(dataDir, { worker: false })).not.toBeNull();
    await engine.release();
  });

  test('says where to look when the server does not start', async () => {
    temporal = '/bin/false';
    await expect(open()).rejects.toThrow(`its last words are in ${join(dataDir, 'server.log')}`);
  });
});

test('a key is compared without being told', () => {
  const config = { ...readConfig({}, '/'), apiKey: 'sk-canary' };
  const settings = workerSettings(config, 'token');
  expect(JSON.stringify(settings)).not.toContain('canary');
  expect(compareSettings(workerSettings(config, 'token'), settings)).toEqual({ must: [], may: [] });
  expect(compareSettings(workerSettings({ ...config, apiKey: null }, 'token'), settings).must).toEqual([
    'OPENAI_API_KEY',
  ]);
  expect(compareSettings(workerSettings({ ...config, maxOutputTokens: 9 }, 'token'), settings).may).toEqual([
    'MAX_OUTPUT_TOKENS',
  ]);
});
