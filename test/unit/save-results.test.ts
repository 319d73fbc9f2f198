import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRunFiles, planHash } from '../../src/activities/run-files.ts';
import { createSaveResults, type SaveResultsInput } from '../../src/activities/save-results.ts';
import { createShardReader } from '../../src/activities/shards.ts';
import { files } from '../../src/shared/names.ts';
import type { ResultsFile } from '../../src/shared/results.ts';
import { createOpenStore } from '../../src/worker/adapters/open-store.ts';
import { createGcs } from '../../src/worker/adapters/gcs.ts';
import { planOf, progressOf } from './client-data.ts';
import { answered } from '../helpers/outcomes.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'save-results-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** 3,000 pictures are listed; of their batches two are begun, and one of these has ended. */
test('looks for the shards of batches that have begun, and for no others', async () => {
  const looked: string[] = [];
  const openStore = createOpenStore(createGcs());
  const runFiles = createRunFiles((place) => {
    const store = openStore(place);
    return {
      ...store,
      async read(path) {
        if (path.startsWith('shards/')) looked.push(path);
        return store.read(path);
      },
    };
  });
  const results = join(folder, 'run');
  const store = openStore(results);
  const plan = JSON.stringify(planOf({ results, batchSize: 4 }));
  await store.create(files.run, plan);
  const pages = [1_000, 1_000, 1_000];
  for (const [page, count] of pages.entries()) {
    const images = Array.from({ length: count }, (_, n) => {
      const name = `camera-${page}-${n}.jpg`;
      return { name, uri: `/pictures/${name}`, identity: `sha256:${name}`, bytes: 1 };
    });
    await store.create(files.page(page), JSON.stringify({ page, images, skipped: [], next: null }));
  }
  const at = '2025-11-26T02:53:12.000Z';
  const image = { page: 0, index: 0, startedAt: at, endedAt: at, prompts: { crowd: answered() } };
  await store.create(
    files.shard(0),
    JSON.stringify({ batch: 0, startedAt: at, endedAt: at, images: [image] }),
  );

  const shards = createShardReader(runFiles);
  const save = createSaveResults({ files: runFiles, shards, answersOf: () => Promise.resolve([]) });
  const progress = progressOf({ batchesDone: 1, begun: 2, running: [{ batch: 1, workflowId: 'batch-2' }] });
  const input = { results, plan: planHash(plan), progress, pages, full: true, final: false };
  await new MockActivityEnvironment().run<[SaveResultsInput], void, typeof save>(save, input);

  expect([...new Set(looked)]).toEqual(['shards/000000.json', 'shards/000001.json']);
  const saved = JSON.parse((await store.read(files.results)) ?? '') as ResultsFile;
  expect(saved.images.map(({ name }) => name)).toEqual(['camera-0-0.jpg']);
});
