import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { register } from 'tsx/cjs/api';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createDataConverter } from '../../src/codec/data-converter.ts';
import { workflowIdOf } from '../../src/shared/names.ts';
import { readResults } from '../chaos/evidence.ts';
import { keptHistory } from '../helpers/history.ts';
import { CANARIES, FROM_CLIENT, sing } from '../helpers/sing.ts';
import { dumpOf } from './dump.ts';
import { createScene, type Scene } from './scene.ts';

// The SDK loads the failure converter by its path, with require: of the sources only with tsx's help.
register();

const parts = inject('parts');
const PICTURES = 4;

/** Runs with keys, a word told without them, and then every table of PostgreSQL. */
describe.skipIf(parts === null)('with the codec on', () => {
  let scene: Scene;
  let folder: string;
  let dataConverter: DataConverter;
  let withKeys: Client;

  beforeAll(async () => {
    if (parts === null) return;
    folder = mkdtempSync(join(tmpdir(), 'codec-keys-'));
    const file = join(folder, 'codec-keys');
    writeFileSync(file, `k1:${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    scene = await createScene({ parts, latencyMs: 200, env: { CODEC_KEYS: file } });
    await scene.cluster.up();
    dataConverter = createDataConverter({ codecKeysFile: file });
    withKeys = new Client({ connection: scene.client.connection, namespace: 'default', dataConverter });
  });
  afterAll(async () => {
    await scene?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  test('neither histories nor any table of PostgreSQL hold a word of what was planted', async () => {
    const { client, cluster, address } = scene;
    scene.pictures('hidden', PICTURES);
    const ran = await scene.program('run', '/pictures/hidden', '--name', 'hidden');
    expect(ran.code, ran.out + ran.err).toBe(0);
    const failed = await scene.program('run', '/pictures/canary-not-there', '--name', 'failed');
    expect(failed.code).not.toBe(0);
    expect(failed.err + failed.out).toContain('canary-not-there');
    const sung = await sing(
      { address, namespace: 'default' },
      { client: withKeys, without: client, dataConverter },
    );
    await client.workflow.start('nobodyRunsIt', {
      workflowId: 'clear',
      taskQueue: 'nobody-polls-it',
      memo: { told: 'planted-in-clear' },
      args: ['planted-in-clear'],
    });

    const { images } = readResults(join(cluster.path('worker', '/results'), 'hidden'));
    const descriptions = images.flatMap(({ answers }) =>
      Object.values(answers).flatMap((answer) =>
        'description' in answer ? [String(answer.description).slice(0, 40)] : [],
      ),
    );
    expect(descriptions.length).toBe(PICTURES * 6);
    const planted = [
      ...descriptions,
      ...images.map(({ name }) => name),
      ...Object.values(CANARIES),
      ...Object.values(FROM_CLIENT),
      'canary-not-there',
      '/pictures/hidden',
    ].map((word) => Buffer.from(word).toString('latin1'));
    const within = (text: string): string[] => planted.filter((word) => text.includes(word));

    const run = workflowIdOf('hidden');
    for (const id of [run, `${run}-batch-1`, workflowIdOf('failed'), sung.handle.workflowId]) {
      const history = await keptHistory(client, id);
      expect(within(history), id).toEqual([]);
      expect(history, id).toContain('binary/encrypted');
    }
    expect(await keptHistory(client, 'clear')).toContain('planted-in-clear');

    for (const service of ['temporal', 'postgresql']) await cluster.container(service).stop();
    const dump = await dumpOf(cluster.database(), ['temporal', 'temporal_visibility']);
    for (const [name, { tables, bytes }] of Object.entries(dump)) {
      expect(tables, name).toBeGreaterThan(1);
      expect(within(bytes.toString('latin1')), name).toEqual([]);
      // The search itself works: what was told without keys is found, and so is what stays clear.
      for (const clear of [run, 'planted-in-clear', 'binary/encrypted'])
        expect(bytes.includes(clear), `${name}: ${clear}`).toBe(true);
    }
  });
});
