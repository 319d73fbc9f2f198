import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRunFiles, planHash, type RunFiles, type RunPlace } from '../../src/activities/run-files.ts';
import { createShardReader, keepShard } from '../../src/activities/shards.ts';
import type { ResultStore } from '../../src/shared/result-store.ts';
import { stands } from '../../src/shared/recorded.ts';
import type { BatchRetry, FailureKind, ImageResult, PromptResult, Shard } from '../../src/shared/types.ts';
import { openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { answered } from '../helpers/outcomes.ts';
import { planOf } from './client-data.ts';

const failed = (kind: FailureKind, more: object = {}): PromptResult => ({
  ok: false,
  failure: { kind, message: kind, tries: [], ...more },
});

const image = (index: number, prompts: ImageResult['prompts']): ImageResult => ({
  page: 0,
  index,
  startedAt: '2025-11-26T02:53:12.000Z',
  endedAt: '2025-11-26T02:54:12.000Z',
  prompts,
});

const shard = (...images: ImageResult[]): Shard => ({
  batch: 0,
  startedAt: '2025-11-26T02:53:12.000Z',
  endedAt: '2025-11-26T02:54:12.000Z',
  images,
});

let folder: string;
let place: RunPlace;
let runFiles: RunFiles;
const plan = planOf({ batchSize: 2 });
const ids = plan.prompts.map(({ id }) => id);
const whole = (index: number): ImageResult =>
  image(index, Object.fromEntries(ids.map((id) => [id, answered()])));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shards-'));
  runFiles = createRunFiles(openFolderStore);
  const text = JSON.stringify(plan);
  place = { results: folder, plan: planHash(text) };
  await openFolderStore(folder).create('run.json', text);
});
afterEach(() => rm(folder, { recursive: true }));

describe('a shard', () => {
  const keep = (next: Shard): Promise<Shard> => keepShard(openFolderStore(folder), next);

  test('is added to: an answer is kept over a failure, the newer of two failures counts, a new picture finds its place', async () => {
    const older = answered({ description: 'the older answer' });
    await keep(shard(image(1, { a: older, b: failed('Refused'), c: failed('ProviderError') })));
    const kept = await keep(
      shard(
        image(1, { a: answered({ description: 'a newer one' }), b: failed('Lost'), c: answered() }),
        image(0, { a: answered() }),
      ),
    );
    expect(kept.images.map(({ index }) => index)).toEqual([0, 1]);
    expect(kept.images[1]?.prompts).toEqual({ a: older, b: failed('Lost'), c: answered() });
    expect(await createShardReader(runFiles).read(place, 0)).toEqual(kept);
    // What is late takes nothing away.
    expect(await keep(shard(image(1, { c: failed('Lost') })))).toMatchObject({ images: kept.images });
  });

  test('is added to what another writer put there meanwhile', async () => {
    const store = openFolderStore(folder);
    await keep(shard(image(0, { a: answered() })));
    let others = 0;
    const slow: ResultStore = {
      ...store,
      async read(path) {
        const text = await store.read(path);
        others += 1;
        if (others <= 2) await keep(shard(image(others, { a: answered() })));
        return text;
      },
    };
    const kept = await keepShard(slow, shard(image(3, { a: answered() })));
    expect(kept.images.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect(await createShardReader(runFiles).read(place, 0)).toEqual(kept);
  });

  test('is given up, with the reason, where another writer comes in between every time', async () => {
    const store = openFolderStore(folder);
    await keep(shard());
    let others = 0;
    const slow: ResultStore = {
      ...store,
      async read(path) {
        const text = await store.read(path);
        await keep(shard(image((others += 1), { a: answered() })));
        return text;
      },
    };
    await expect(keepShard(slow, shard(image(0, { a: answered() })))).rejects.toMatchObject({
      name: 'StoreError',
      kind: 'conflict',
    });
    expect(others).toBe(10);
  });

  test.each([
    ['no picture', shard()],
    ['some of its pictures', shard(whole(0))],
    ['a question without an answer', shard(whole(0), image(1, { [ids[0] ?? '']: answered() }))],
  ])('with %s is read again, since it may grow', async (_, first) => {
    const reader = createShardReader(runFiles);
    await keep(first);
    expect(await reader.read(place, 0)).toEqual(first);
    await keep(shard(whole(0), whole(1)));
    expect((await reader.read(place, 0))?.images).toEqual([whole(0), whole(1)]);
  });

  test('in which everything is answered is kept in memory', async () => {
    const reader = createShardReader(runFiles);
    await keep(shard(whole(0), whole(1)));
    await reader.read(place, 0);
    await rm(join(folder, 'shards'), { recursive: true });
    expect((await reader.read(place, 0))?.images).toHaveLength(2);
  });
});

const all = (refused: boolean): BatchRetry => ({ refused, images: null });

test.each<[string, PromptResult | undefined, BatchRetry | null, boolean]>([
  ['no outcome', undefined, null, false],
  ['an answer', answered(), null, true],
  ['an answer, asked again', answered(), all(true), true],
  ['a failure', failed('ProviderError'), null, true],
  ['a failure, asked again', failed('ProviderError'), all(false), false],
  ['a refusal', failed('Refused'), all(false), true],
  ['a refusal, asked again too', failed('Refused'), all(true), false],
  ['a call that a cancel gave up', failed('Lost', { possiblyPaid: true }), null, false],
])('%s stands or is asked', (_, outcome, retry, expected) => {
  expect(stands(outcome, retry)).toBe(expected);
});
