import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRunFiles, planHash } from '../../src/activities/run-files.ts';
import { createSaveBatch } from '../../src/activities/save-batch.ts';
import { createSaveResults } from '../../src/activities/save-results.ts';
import { createSaveSegment } from '../../src/activities/save-segment.ts';
import { createShardReader } from '../../src/activities/shards.ts';
import { files } from '../../src/shared/names.ts';
import { openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { planOf, progressOf } from './client-data.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'folder-gone-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('a folder that goes away while its run is at work is not made anew, but told', () => {
  const runFiles = createRunFiles(openFolderStore);
  const deps = {
    files: runFiles,
    shards: createShardReader(runFiles),
    answersOf: () => Promise.resolve([]),
  };
  const at = '2025-11-26T02:53:12.000Z';
  const shard = { batch: 0, startedAt: at, endedAt: at, images: [] };
  const progress = progressOf({ images: 0 });

  test.each([
    ['saveBatch', (place) => createSaveBatch(deps)({ ...place, shard })],
    ['saveSegment', (place) => createSaveSegment(deps)({ ...place, page: 0, firstBatch: 0, batches: 1 })],
    [
      'saveResults',
      (place) => createSaveResults(deps)({ ...place, progress, pages: [0], full: true, final: false }),
    ],
  ] satisfies [string, (place: { results: string; plan: string }) => Promise<unknown>][])(
    'by %s',
    async (_, save) => {
      const results = join(root, 'run');
      const text = JSON.stringify(planOf({ results }));
      const store = openFolderStore(results);
      await store.create(files.run, text);
      await store.create(files.page(0), JSON.stringify({ page: 0, images: [], skipped: [], next: null }));
      const place = { results, plan: planHash(text) };
      const act = (): Promise<unknown> => new MockActivityEnvironment().run(() => save(place));
      await act();
      await rm(results, { recursive: true });
      await expect(act()).rejects.toMatchObject({
        type: 'Blocked',
        message: `${results}/run.json is gone. Put the file back as it was, then resume the run.`,
      });
      expect(await readdir(root)).toEqual([]);
    },
  );
});
