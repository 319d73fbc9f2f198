import { randomBytes } from 'node:crypto';
import { rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { StoredAnswer } from '../activities/ports.ts';
import { StoreError } from '../shared/result-store.ts';
import { type Gcs, parseGcsPlace } from './adapters/gcs.ts';
import { gcsStoreError } from './adapters/gcs-store.ts';
import { storeError } from './adapters/folder-store.ts';
import { createOpenAnswers } from './adapters/open-answers.ts';
import { createOpenStore } from './adapters/open-store.ts';
import { ANSWERS, type PlaceUse, RESULTS } from './adapters/store-path.ts';

/**
 * Writes, reads and removes a file below a results place, in a hidden folder of its own that no run could have.
 * Throws a {@link StoreError} that names the place.
 */
export function tryResults(place: string, gcs: Gcs): Promise<void> {
  return inPlaceOfItsOwn(place, RESULTS, gcs, async (own) => {
    const store = createOpenStore(gcs)(own);
    await store.create('try.json', '{}\n');
    if ((await store.read('try.json')) !== '{}\n') throw unreadable(place, RESULTS);
  });
}

/** The same with an answer below the answers' place. */
export function tryAnswers(place: string, gcs: Gcs): Promise<void> {
  return inPlaceOfItsOwn(place, ANSWERS, gcs, async (own) => {
    const store = createOpenAnswers(gcs)(own);
    const key = randomBytes(32).toString('hex');
    await store.write(key, TRIAL);
    if (!(await store.read([key])).has(key)) throw unreadable(place, ANSWERS);
  });
}

const TRIAL: StoredAnswer = {
  answer: {
    match: false,
    count: 0,
    description: 'A trial.',
    sentAt: new Date(0).toISOString(),
    ms: 0,
    route: 'base64',
    usage: null,
    charged: 0,
    model: 'none',
    timings: { signMs: 0, downloadMs: 0, encodeMs: 0, waitMs: 0, modelMs: 0 },
    tries: [],
  },
  run: 'image-analysis-doctor',
  image: '0/0',
};

const unreadable = (place: string, { what, setting }: PlaceUse): StoreError =>
  new StoreError(
    'unreachable',
    `What is written to the ${what} in ${place} is not there a moment later; name another place with ${setting}.`,
  );

/** Makes a place below `place` for `use`, and leaves nothing of it behind, the folders above it included. */
async function inPlaceOfItsOwn(
  place: string,
  use: PlaceUse,
  gcs: Gcs,
  work: (own: string) => Promise<void>,
): Promise<void> {
  const own = `${place.replace(/\/+$/, '')}/.doctor-${randomBytes(6).toString('hex')}`;
  const above = place.startsWith('gs://') ? [] : await foldersToMake(place);
  const remove = (): Promise<void> =>
    own.startsWith('gs://') ? removeObjects(own, use, gcs) : removeFolders(own, above, use);
  try {
    await work(own);
  } catch (error) {
    // What it says counts; where nothing could be written there is mostly nothing to remove.
    await remove().catch(() => undefined);
    throw inWordsOf(place, own, error);
  }
  await remove();
}

/** The place that a person named, in place of ours. */
function inWordsOf(place: string, own: string, error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  return new StoreError(error.kind, error.message.replaceAll(own, place), { cause: error });
}

/** Folders that do not exist yet, from the place upwards. */
async function foldersToMake(place: string): Promise<string[]> {
  const folders: string[] = [];
  for (let at = path.resolve(place); ; at = path.dirname(at)) {
    const found = await stat(at).catch(() => null);
    if (found !== null || at === path.dirname(at)) return folders;
    folders.push(at);
  }
}

async function removeFolders(own: string, above: string[], use: PlaceUse): Promise<void> {
  try {
    await rm(own, { recursive: true, force: true });
  } catch (error) {
    throw storeError(path.dirname(own), 'written', error, use);
  }
  // Those in which somebody has put something meanwhile stay.
  for (const folder of above) await rmdir(folder).catch(() => undefined);
}

async function removeObjects(own: string, use: PlaceUse, gcs: Gcs): Promise<void> {
  const place = parseGcsPlace(own);
  if (typeof place === 'string') return;
  try {
    await (await gcs()).bucket(place.bucket).deleteFiles({ prefix: place.prefix });
  } catch (error) {
    throw gcsStoreError(place, 'written', error, use);
  }
}
