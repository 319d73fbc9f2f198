import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { readResults } from '../chaos/evidence.ts';
import { type Cluster, createCluster } from './cluster.ts';
import { dotEnv, offlineEnv } from './dot-env.ts';

const parts = inject('parts');
const SAMPLES = readdirSync('samples').filter((name) => name.endsWith('.jpg')).length;

/** As the first lines of docker-compose.yml tell a person to try it. */
describe.skipIf(parts === null)('the profile `offline`', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    if (parts === null) return;
    cluster = await createCluster({ parts, dotEnv: dotEnv(offlineEnv()), profiles: ['offline'] });
    // The page asks for a token of a file that a person makes, and the other tests' person has one.
    await cluster.up(['worker', 'worker-version', 'simulator', 'gcs']);
  });
  afterAll(() => cluster?.down());

  test('answers all sample pictures of a bucket, at no account and with no key', async () => {
    const ran = await cluster.exec(
      'worker',
      ['node', 'dist/cli.js', 'run', 'gs://city-cameras/', '--name', 'offline'],
      { timeoutMs: 240_000 },
    );
    expect(ran.code, ran.out + ran.err).toBe(0);
    const { images, label } = readResults(join(cluster.path('worker', '/results'), 'offline'));
    expect(images).toHaveLength(SAMPLES);
    expect(JSON.stringify(images)).not.toContain('"error"');
    expect(label).toMatch(/^SIMULATED/);
  });
});
