import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createRunFiles, planHash } from '../src/activities/run-files.ts';
import { createSaveResults } from '../src/activities/save-results.ts';
import { createShardReader } from '../src/activities/shards.ts';
import { files } from '../src/shared/names.ts';
import type { Progress } from '../src/shared/types.ts';
import { createGcs } from '../src/worker/adapters/gcs.ts';
import { createOpenStore } from '../src/worker/adapters/open-store.ts';
import { placeOf } from '../src/workflows/partition.ts';

const PAGE = 1_000;
const BATCH = 4;

/** The most children of one run (`MOST_CHILDREN`). */
const WINDOW = 500;

/** What one save of the progress record reads in a run whose pictures are listed and none of whose batches has ended. */
export async function measureSave(pictures: number): Promise<{ reads: number; ms: number }> {
  const root = mkdtempSync(join(tmpdir(), 'image-analysis-save-'));
  let reads = 0;
  const openStore = createOpenStore(createGcs());
  const runFiles = createRunFiles((place) => {
    const store = openStore(place);
    return {
      ...store,
      place: store.place,
      read(path) {
        reads += 1;
        return store.read(path);
      },
    };
  });
  const shards = createShardReader(runFiles);
  const save = createSaveResults({ files: runFiles, shards, answersOf: () => Promise.resolve([]) });
  const results = join(root, 'run');
  const text = JSON.stringify({ batchSize: BATCH });
  const pages = Array.from({ length: pictures / PAGE }, () => PAGE);
  const running = Array.from({ length: WINDOW }, (_, batch) => ({
    batch,
    workflowId: `batch-${batch + 1}`,
  }));
  // As far as a save reads it.
  const progress = { batchesDone: 0, begun: running.length, running } as unknown as Progress;
  try {
    await runFiles.store(results).create(files.run, text);
    const started = performance.now();
    await new MockActivityEnvironment().run(save, {
      ...{ results, plan: planHash(text), progress, pages, full: false, final: false },
    });
    return { reads, ms: performance.now() - started };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Milliseconds to find the last batch in the parent's list of pages, which it does several times an event. */
export function measurePlace(pictures: number): number {
  const pages = Array.from({ length: pictures / PAGE }, () => PAGE);
  const times = 200;
  const started = performance.now();
  for (let n = 0; n < times; n += 1) placeOf(pictures / BATCH - 1, pages, BATCH);
  return (performance.now() - started) / times;
}
