import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRunFiles, planHash } from '../../src/activities/run-files.ts';
import { createSaveSegment } from '../../src/activities/save-segment.ts';
import { createShardReader, keepShard } from '../../src/activities/shards.ts';
import { openPictures, type PictureReader } from '../../src/client/pictures/readers.ts';
import type { RecordedRun } from '../../src/client/runs.ts';
import { files } from '../../src/shared/names.ts';
import type { ResultStore } from '../../src/shared/result-store.ts';
import type { FailureKind, ImageResult, Plan, Progress, PromptResult } from '../../src/shared/types.ts';
import { openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { answered } from '../helpers/outcomes.ts';
import { planOf, progressOf } from './client-data.ts';

const AT = '2025-11-26T02:53:12.000Z';

/** A question's outcome: the count of a match, 0 for none, or why it failed; with what the model said. */
export type Outcome = number | FailureKind | { count: number; description: string };

const resultOf = (outcome: Outcome): PromptResult => {
  if (typeof outcome === 'string')
    return { ok: false, failure: { kind: outcome, message: `It was ${outcome}.`, tries: [] } };
  const { count, description } =
    typeof outcome === 'number' ? { count: outcome, description: `${outcome} seen.` } : outcome;
  return answered({ match: count > 0, count, description });
};

/** A run's folder that is filled as a worker does it, and its reader. */
export interface PicturesRun {
  folder: string;
  plan: Plan;
  store: ResultStore;
  /** Paths of the files that the run's readers have read. */
  looked: string[];
  /** Lists the next page. */
  page(page: number, names: readonly string[]): Promise<void>;
  /** Writes a batch's shard, or adds to it: outcomes of pictures by index in the page and prompt. */
  shard(batch: number, page: number, pictures: Record<number, Record<string, Outcome>>): Promise<void>;
  segment(page: number, firstBatch: number, batches: number): Promise<void>;
  /** Writes the progress record, one second younger than the one before. */
  record(change: Partial<Progress>): Promise<Progress>;
  recorded(): Promise<RecordedRun>;
  read(): Promise<PictureReader>;
  remove(): Promise<void>;
}

export async function makePicturesRun(change: Partial<Plan> = {}): Promise<PicturesRun> {
  const root = await mkdtemp(join(tmpdir(), 'pictures-'));
  const folder = join(root, 'run');
  const store = openFolderStore(folder);
  const plan = planOf({ results: folder, ...change });
  const planText = JSON.stringify(plan);
  await store.create(files.run, planText);
  const looked: string[] = [];
  const openStore = (place: string): ResultStore => {
    const opened = openFolderStore(place);
    return {
      ...opened,
      read(path) {
        looked.push(path);
        return opened.read(path);
      },
    };
  };
  let records = 0;
  const readJson = async <T>(path: string): Promise<T | null> => {
    const text = await store.read(path);
    return text === null ? null : (JSON.parse(text) as T);
  };
  const recorded = async (): Promise<RecordedRun> => ({
    ...{ run: plan.run, root, place: folder, plan },
    progress: await readJson<Progress>(files.progress),
  });

  return {
    folder,
    plan,
    store,
    looked,
    async page(page, names) {
      const images = names.map((name) => ({
        ...{ name, uri: `/pictures/${name}`, identity: `sha256:${name}`, bytes: 1 },
      }));
      await store.create(files.page(page), JSON.stringify({ page, images, skipped: [], next: null }));
    },
    async shard(batch, page, pictures) {
      const images: ImageResult[] = Object.entries(pictures).map(([index, outcomes]) => ({
        ...{ page, index: Number(index), startedAt: AT, endedAt: AT },
        prompts: Object.fromEntries(Object.entries(outcomes).map(([id, outcome]) => [id, resultOf(outcome)])),
      }));
      await keepShard(store, { batch, startedAt: AT, endedAt: AT, images });
    },
    async segment(page, firstBatch, batches) {
      const runFiles = createRunFiles(openFolderStore);
      const saveSegment = createSaveSegment({ files: runFiles, shards: createShardReader(runFiles) });
      await saveSegment({ results: folder, plan: planHash(planText), page, firstBatch, batches });
    },
    async record(change) {
      records += 1;
      const updatedAt = new Date(Date.parse(AT) + records * 1000).toISOString();
      const progress = progressOf({ updatedAt, ...change });
      await store.replace(files.progress, [JSON.stringify(progress)]);
      return progress;
    },
    recorded,
    read: async () => openPictures(openStore, await recorded()),
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

/** What an index says of a picture, by prompt id. */
export function answersOf(
  { index: { pictures } }: PictureReader,
  at: number,
): Record<string, number | string> {
  return Object.fromEntries(
    pictures.prompts.map(({ id }, prompt) => {
      const code = pictures.answer(prompt, at);
      return [id, code >= 0 ? code : code === -1 ? 'unasked' : pictures.kind(code)];
    }),
  );
}

/** Names of cameras' pictures, in the order of their bytes. */
export const names = (count: number, camera = 'cam'): string[] =>
  Array.from({ length: count }, (_, n) => {
    const time = new Date(Date.UTC(2025, 10, 25, 0, 0, n)).toISOString().slice(0, 19);
    return `${camera}_${time.replace(/[-:]/g, '').replace('T', '_')}.jpg`;
  });
