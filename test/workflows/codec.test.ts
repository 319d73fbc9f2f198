import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Client, Connection, type WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import type { ApplicationFailure, DataConverter } from '@temporalio/common';
import { register } from 'tsx/cjs/api';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CodecError } from '../../src/codec/codec.ts';
import { createDataConverter } from '../../src/codec/data-converter.ts';
import { createObserver, planWaitsFor } from '../../src/client/observe.ts';
import { recordedAnswers } from '../../src/client/recorded-answers.ts';
import type { ImageResult, RunInput, RunResult } from '../../src/shared/types.ts';
import { createGcs } from '../../src/worker/adapters/gcs.ts';
import { createOpenStore } from '../../src/worker/adapters/open-store.ts';
import { distinctPicture } from '../helpers/cli.ts';
import { failureOf, keptHistory } from '../helpers/history.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { CANARIES, FROM_CLIENT, KEPT, sing } from '../helpers/sing.ts';
import { startTemporal, type TemporalServer } from '../helpers/temporal-server.ts';
import { until } from '../helpers/until.ts';

// The SDK loads the failure converter by its path, with require: of the sources only with tsx's help.
register();

/** A server of its own, in whose database nothing else is. */
let server: TemporalServer;
let connection: Connection;
let folder: string;
let keysFile: string;
/** Of somebody who has no keys, and of those who have; that one sees payloads as they are kept. */
let without: Client;
let withKeys: Client;

/** Of progress records, where none are. */
const openStore = createOpenStore(createGcs({ apiEndpoint: null }));

const clientWith = (dataConverter?: DataConverter): Client =>
  new Client({ connection, namespace: server.namespace, ...(dataConverter ? { dataConverter } : {}) });

async function keys(name: string, ...ids: string[]): Promise<string> {
  const file = join(folder, name);
  const lines = ids.map((id) => `${id}:${randomBytes(32).toString('base64')}\n`);
  await writeFile(file, lines.join(''), { mode: 0o600 });
  return file;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'codec-'));
  keysFile = await keys('codec-keys', 'k1');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

beforeEach(async () => {
  server = await startTemporal();
  connection = await Connection.connect({ address: server.address });
  without = clientWith();
  withKeys = clientWith(createDataConverter({ codecKeysFile: keysFile }));
});

afterEach(async () => {
  await connection.close();
  await server.close();
});

/** Everything that the server's database holds: SQLite keeps what it is given as it is. */
async function database(): Promise<Buffer> {
  const files = ['', '-wal', '-journal']
    .map((end) => `${server.dbFile}${end}`)
    .filter((file) => existsSync(file));
  return Buffer.concat(await Promise.all(files.map((file) => readFile(file))));
}

describe('words told at every place of a workflow', () => {
  test('without keys stand in the history and in the database, where this test finds them', async () => {
    const { handle, pending } = await sing(server, { dataConverter: {}, client: without, without });
    const [history, kept] = await Promise.all([keptHistory(without, handle.workflowId), database()]);
    expect(pending).toContain(CANARIES.heartbeat);
    expect(KEPT.filter((canary) => !kept.includes(canary))).toEqual([]);
    const ofHistory = KEPT.filter((canary) => canary !== CANARIES.heartbeat);
    expect(ofHistory.filter((canary) => !history.includes(canary))).toEqual([]);
  });

  test('with keys are found in neither, and whoever has the keys reads all', async () => {
    const sung = await sing(server, {
      dataConverter: createDataConverter({ codecKeysFile: keysFile }),
      client: withKeys,
      without,
    });
    const { handle } = sung;
    const [history, kept] = await Promise.all([keptHistory(without, handle.workflowId), database()]);
    for (const [where, text] of Object.entries({ history, pending: sung.pending })) {
      expect(text, where).not.toContain('canary');
    }
    expect(kept.includes('canary')).toBe(false);
    // The search itself works: what stays clear is found.
    for (const clear of ['clear-as-ids-are', 'singEverywhere', 'binary/encrypted', 'Planned']) {
      expect(history, clear).toContain(clear);
      expect(kept.includes(clear), clear).toBe(true);
    }
    expect(history).not.toContain('codec-workflow.ts');
    expect(history).toContain('Encoded failure');

    const described = await handle.describe();
    expect(described.memo).toEqual({ started: FROM_CLIENT.memo, upserted: CANARIES.memo });
    expect(await described.staticSummary()).toBe(FROM_CLIENT.summary);
    expect(await described.staticDetails()).toBe(FROM_CLIENT.details);
    expect(sung.details).toBe(CANARIES.details);
    expect(sung.answers).toEqual([
      `${CANARIES.answer} ${FROM_CLIENT.query}`,
      `${CANARIES.answer} ${FROM_CLIENT.update}`,
    ]);
    expect(sung.heartbeats).toEqual([undefined, CANARIES.heartbeat]);
    const failure: unknown = await handle.result().catch((error: unknown) => error);
    const cause = (failure as WorkflowFailedError).cause as ApplicationFailure;
    expect(cause).toMatchObject({
      message: CANARIES.message,
      type: 'Planned',
      details: [CANARIES.result, FROM_CLIENT.signal],
    });
    expect(cause.cause?.message).toBe(CANARIES.cause);
    expect(cause.stack).toContain('codec-workflow.ts');

    const bare = clientWith(createDataConverter({ codecKeysFile: null }));
    const error: unknown = await bare.workflow
      .getHandle(handle.workflowId)
      .describe()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CodecError);
    expect(String(error)).toMatch(/the key "k1", which this process does not have.*CODEC_KEYS_FILE/);
  });
});

describe('a run', () => {
  let harness: Harness;
  afterEach(() => harness.close());

  const begin = async (
    client: Client,
    workflowId: string,
  ): Promise<WorkflowHandle<() => Promise<RunResult>>> =>
    client.workflow.start<(input: RunInput) => Promise<RunResult>>('analyzeImages', {
      workflowId,
      taskQueue: harness.config.taskQueue,
      args: [{ source: await harness.pictures(4, distinctPicture), name: 'run' }],
      staticSummary: 'canary-summary',
    });

  test('completes, and of its pictures, their descriptions and its folders the server knows nothing', async () => {
    harness = await createHarness(server, {
      env: { CODEC_KEYS_FILE: keysFile },
      simulator: { faults: [{ kind: 'server-error', from: 3, count: 2 }], latency: { medianMs: 300 } },
    });
    const handle = await begin(withKeys, 'image-analysis-run');
    await until(async () => harness.simulator.ledger.length >= 8);
    const seen = await createObserver({
      ...{ client: withKeys, namespace: server.namespace, workflowId: handle.workflowId, now: Date.now },
      store: openStore(folder),
    }).look();
    expect(seen?.fresh).toBe(true);
    expect((await handle.result()).counts).toMatchObject({ answered: 24, failed: 0 });

    const batch = `${handle.workflowId}-batch-1`;
    const answers = await withKeys.workflow.getHandle(batch).query<ImageResult[]>('answers');
    expect(answers).toHaveLength(4);
    expect(await recordedAnswers(withKeys, batch)).toHaveLength(24);
    const { images } = await harness.results('run');
    const texts = images.flatMap(({ name, answers: of }) => [
      name,
      ...Object.values(of).flatMap((answer) => ('description' in answer ? [String(answer.description)] : [])),
    ]);
    expect(texts).toHaveLength(28);
    const words = [
      ...texts,
      ...texts.map((text) => text.slice(0, 40)),
      basename(harness.folder),
      'canary',
    ].map((word) => Buffer.from(word).toString('latin1'));
    const kept = (await database()).toString('latin1');
    const histories = await Promise.all([handle.workflowId, batch].map((id) => keptHistory(without, id)));
    for (const text of [kept, ...histories]) expect(words.filter((word) => text.includes(word))).toEqual([]);
    expect(kept).toContain('ImageAnalysisRun');
    expect(histories.join()).toContain('askModel');
  });

  test('that fails tells why to whoever has the keys alone', async () => {
    harness = await createHarness(server, { env: { CODEC_KEYS_FILE: keysFile } });
    const handle = await withKeys.workflow.start<(input: RunInput) => Promise<RunResult>>('analyzeImages', {
      workflowId: 'image-analysis-run',
      taskQueue: harness.config.taskQueue,
      args: [{ source: join(harness.folder, 'canary-not-there') }],
    });
    expect(await failureOf(handle)).toContain('canary-not-there');
    expect(await keptHistory(without, handle.workflowId)).not.toContain('canary');
    expect((await database()).includes('canary')).toBe(false);
  });

  test('that began before the keys goes on and completes with them', async () => {
    harness = await createHarness(server, { simulator: { latency: { medianMs: 200 } } });
    const handle = await begin(without, 'image-analysis-run');
    await until(async () => harness.simulator.ledger.length >= 6);
    await harness.stopWorker();
    harness.config.codecKeysFile = keysFile;
    await harness.startWorker();
    expect(
      (await withKeys.workflow.getHandle<() => Promise<RunResult>>(handle.workflowId).result()).counts,
    ).toMatchObject({
      answered: 24,
      failed: 0,
    });
  });

  test('is refused in words to a command with other keys, and to one with none', async () => {
    harness = await createHarness(server, {
      env: { CODEC_KEYS_FILE: keysFile },
      simulator: { latency: { medianMs: 2_000 } },
    });
    const { workflowId } = await begin(withKeys, 'image-analysis-run');
    await until(async () => harness.simulator.ledger.length >= 1);
    for (const codecKeysFile of [null, await keys('others', 'k2')]) {
      const client = clientWith(createDataConverter({ codecKeysFile }));
      const store = openStore(folder);
      const { namespace } = server;
      const look = createObserver({ client, namespace, workflowId, store, now: Date.now }).look();
      await expect(look).rejects.toThrow(/the key "k1", which this process does not have/);
    }
  });

  test('whose worker lacks the key of the command that started it is told so', async () => {
    harness = await createHarness(server);
    const { workflowId } = await begin(withKeys, 'image-analysis-run');
    await until(async () => {
      const waits = await planWaitsFor(withKeys, server.namespace, workflowId);
      return waits?.includes('the key "k1", which this process does not have') === true;
    });
    await withKeys.workflow.getHandle(workflowId).terminate();
  });
});
