import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createRunFiles, planHash } from '../src/activities/run-files.ts';
import { createSaveBatch } from '../src/activities/save-batch.ts';
import { createSaveResults } from '../src/activities/save-results.ts';
import { createSaveSegment } from '../src/activities/save-segment.ts';
import { createShardReader } from '../src/activities/shards.ts';
import { noCounts } from '../src/shared/counts.ts';
import { files } from '../src/shared/names.ts';
import type { ResultStore } from '../src/shared/result-store.ts';
import type { ImagePage, ImageResult, Progress, PromptResult } from '../src/shared/types.ts';
import { createGcs } from '../src/worker/adapters/gcs.ts';
import { createOpenStore } from '../src/worker/adapters/open-store.ts';

const PICTURES = 10_000;
const PAGE = 1_000;
const BATCH = 4;
/** The default limits' pace: one answer in 3.4 seconds. */
const MS_PER_ANSWER = 3_400;

/**
 * `npm run bench:bytes`: writes the files of a run of 10,000 pictures by the real activities, at the cadence that the
 * parent workflow keeps, and prints the bytes written in all beside the size of the final `results.json`.
 */
async function main(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'image-analysis-bytes-'));
  const written = new Map<string, number>();
  const openStore = createOpenStore(createGcs());
  const runFiles = createRunFiles((place) => counting(openStore(place), written));
  const shards = createShardReader(runFiles);
  const environment = new MockActivityEnvironment();
  const prompts = ['crowd', 'parking', 'garbage', 'pothole', 'congestion', 'wrong-way'].map((id) => ({
    id,
    name: id,
    text: id,
  }));
  const results = join(root, 'run');
  const plan = {
    schemaVersion: 1,
    run: 'run',
    results,
    batchSize: BATCH,
    prompts,
    account: {},
    limits: { requestsPerMinute: 480, tokensPerMinute: 28_000 },
  };
  const text = JSON.stringify(plan);
  const place = { results, plan: planHash(text) };
  const store = runFiles.store(results);
  await store.create(files.run, text);
  const answersOf = (): Promise<ImageResult[]> => Promise.resolve([]);
  const saveBatch = createSaveBatch({ files: runFiles });
  const saveSegment = createSaveSegment({ files: runFiles, shards });
  const saveResults = createSaveResults({ files: runFiles, shards, answersOf });
  const pages: number[] = [];
  let savedFull = 0;
  let unsaved = 0;
  const save = async (done: number, full: boolean, final: boolean): Promise<void> => {
    const progress = progressOf(done);
    await environment.run(saveResults, { ...place, progress, pages, full, final });
    if (full) savedFull = done;
  };
  try {
    for (let page = 0; page < PICTURES / PAGE; page += 1) {
      await store.create(files.page(page), JSON.stringify(pageOf(page)));
      pages.push(PAGE);
    }
    for (let batch = 0; batch < PICTURES / BATCH; batch += 1) {
      const first = batch * BATCH;
      const images = Array.from({ length: BATCH }, (_, i) => imageOf(first + i, prompts));
      const at = images[0]?.startedAt ?? '';
      await environment.run(saveBatch, { ...place, shard: { batch, startedAt: at, endedAt: at, images } });
      const done = first + BATCH;
      if (done % PAGE === 0) {
        const firstBatch = (done - PAGE) / BATCH;
        await environment.run(saveSegment, {
          ...place,
          page: done / PAGE - 1,
          firstBatch,
          batches: PAGE / BATCH,
        });
      }
      unsaved += BATCH;
      // Four pictures take longer than 30 seconds at this pace, so each batch is followed by a save.
      if (unsaved >= BATCH) await save(done, done >= savedFull * 1.5, false);
    }
    await save(PICTURES, true, true);
    const final = (await store.read(files.results))?.length ?? 1;
    const all = [...written.values()].reduce((sum, bytes) => sum + bytes, 0);
    for (const [kind, bytes] of written) console.log(`${kind.padEnd(14)} ${(bytes / final).toFixed(2)}`);
    console.log(
      `written in all ${(all / final).toFixed(2)} times the final results.json of ${(final / 2 ** 20).toFixed(1)} MB (limit: 6)`,
    );
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** A store that counts what is written, by kind of file. */
function counting(store: ResultStore, written: Map<string, number>): ResultStore {
  const add = (path: string, bytes: number): void => {
    const kind = path.split('/')[0] ?? path;
    written.set(kind, (written.get(kind) ?? 0) + bytes);
  };
  return {
    ...store,
    place: store.place,
    read: (path) => store.read(path),
    list: (folder) => store.list(folder),
    create(path, text) {
      add(path, Buffer.byteLength(text));
      return store.create(path, text);
    },
    async replace(path, text) {
      const counted = async function* (): AsyncGenerator<string> {
        for await (const chunk of text) {
          add(path, Buffer.byteLength(chunk));
          yield chunk;
        }
      };
      await store.replace(path, counted());
    },
  };
}

const nameOf = (n: number): string =>
  `LANCHESTER_ROAD_PONNURU_RD._SIDE_LALAPET_10_246_8_9_20251125_${String(n).padStart(6, '0')}.jpg`;

const pageOf = (page: number): ImagePage => ({
  page,
  images: Array.from({ length: PAGE }, (_, i) => {
    const name = nameOf(page * PAGE + i);
    return {
      name,
      uri: `gs://city-cameras/2025-11-25/${name}`,
      identity: `gs://city-cameras/2025-11-25/${name}#1764000000000000`,
      bytes: 783_073,
    };
  }),
  skipped: [],
  next: null,
});

function imageOf(n: number, prompts: readonly { id: string }[]): ImageResult {
  const at = (question: number): string =>
    new Date(Date.UTC(2025, 10, 26) + (n * prompts.length + question) * MS_PER_ANSWER).toISOString();
  const outcomes = prompts.map(({ id }, question): [string, PromptResult] => [id, answer(at(question))]);
  return {
    page: Math.floor(n / PAGE),
    index: n % PAGE,
    startedAt: at(0),
    endedAt: at(prompts.length),
    prompts: Object.fromEntries(outcomes),
  };
}

const answer = (at: string): PromptResult => ({
  ok: true,
  result: {
    match: false,
    count: 3,
    description:
      'Three people stand near the left edge of the road, far from each other; no crowd has formed.',
    sentAt: at,
    ms: 9_000,
    route: 'url',
    usage: { inputTokens: 1_600, cachedTokens: 1_280, outputTokens: 60, totalTokens: 1_660 },
    charged: 1_700,
    requestId: 'req_0123456789abcdef0123456789abcdef',
    model: 'gpt-4o-2024-08-06',
    timings: { signMs: 1, downloadMs: 0, encodeMs: 0, waitMs: 0, modelMs: 9_000 },
    tries: [
      {
        at,
        ms: 9_000,
        route: 'url',
        outcome: 'ok',
        charged: 1_700,
        status: 200,
        requestId: 'req_0123456789abcdef0123456789abcdef',
      },
    ],
  },
});

const progressOf = (done: number): Progress => ({
  run: 'run',
  workflowId: 'image-analysis-run',
  state: 'running',
  source: 'gs://city-cameras/2025-11-25/',
  simulated: false,
  model: 'gpt-4o',
  limits: { requestsPerMinute: 480, tokensPerMinute: 28_000, from: 'told', spareTokens: 0 },
  startedAt: '2025-11-26T00:00:00.000Z',
  updatedAt: '2025-11-26T00:00:00.000Z',
  images: PICTURES,
  listed: true,
  skipped: 0,
  batches: PICTURES / BATCH,
  begun: done / BATCH,
  batchesDone: done / BATCH,
  promptsPerImage: 6,
  prompts: [],
  tokensPerCall: 1_700,
  counts: { ...noCounts(), images: done },
  ended: { ...noCounts(), images: done },
  running: [],
  block: null,
  warnings: [],
  recentFailures: [],
  activeMs: 1,
  remainingMs: 1,
  minutes: [],
});

await main();
