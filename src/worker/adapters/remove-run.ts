import { readdir, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { createAtMost } from '../../shared/at-most.ts';
import { files } from '../../shared/names.ts';
import { StoreError } from '../../shared/result-store.ts';
import { storeError } from './folder-store.ts';
import type { Gcs, GcsPlace } from './gcs.ts';
import { gcsProblem, parseGcsPlace } from './gcs.ts';
import { listObjects } from './gcs-listing.ts';
import { gcsStoreError } from './gcs-store.ts';
import { RESULTS } from './store-path.ts';
import { systemCode } from './system-problem.ts';

/** What tells that a folder is a run's, and how old it is: it goes last, in this order. */
const LAST: readonly string[] = [files.progress, files.run];

/** Requests that are open at once. */
const REQUESTS_AT_ONCE = 32;

/**
 * Removes a run's folder and all that is in it, also what a person has put there. A removal that is cut off leaves the
 * run's plan, by which it is found again. Throws a {@link StoreError}.
 */
export function createRemoveRun(gcs: Gcs): (place: string) => Promise<void> {
  return async (place) => {
    if (!place.startsWith('gs://')) return removeFolder(path.resolve(place));
    const parsed = parseGcsPlace(place);
    if (typeof parsed === 'string') throw new StoreError('invalid', `The results place ${parsed}`);
    if (parsed.prefix === '')
      throw new StoreError('invalid', `${place} is a whole bucket and no run's place.`);
    await removeObjects(parsed, gcs);
  };
}

async function removeFolder(root: string): Promise<void> {
  try {
    const names = await readdir(root);
    for (const name of [...names.filter((name) => !LAST.includes(name)), ...LAST])
      await rm(path.join(root, name), { recursive: true, force: true });
    await rmdir(root);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw storeError(root, 'written', error);
  }
}

async function removeObjects(place: GcsPlace, gcs: Gcs): Promise<void> {
  const bucket = (await gcs()).bucket(place.bucket);
  const atMost = createAtMost(REQUESTS_AT_ONCE);
  const remove = async (name: string): Promise<void> => {
    try {
      await bucket.file(name).delete();
    } catch (error) {
      if (gcsProblem(error).kind !== 'missing') throw gcsStoreError(place, 'written', error);
    }
  };
  for await (const objects of listObjects(place, gcs, RESULTS)) {
    const early = objects.filter((object) => !LAST.includes(object.path));
    await Promise.all(early.map(({ name }) => atMost(() => remove(name))));
  }
  for (const name of LAST) await remove(place.prefix + name);
}
