import { pictureHash } from '../../activities/picture-hash.ts';
import { createAtMost } from '../../shared/at-most.ts';
import type { ResultStore } from '../../shared/result-store.ts';
import type { Gcs, GcsPlace } from './gcs.ts';
import { gcsProblem } from './gcs.ts';
import { listObjects } from './gcs-listing.ts';
import { gcsStoreError } from './gcs-store.ts';
import { ANSWERS } from './store-path.ts';

/** Below the answers' place. */
const FOLDER = 'pictures';

/** Requests that are open at once. */
const REQUESTS_AT_ONCE = 32;

/** Which answers of a store are about which picture: the keys of its answers, by the hash of its address. */
export interface GcsPictureKeys {
  /** One request, whatever is there already. */
  add(picture: string, key: string): Promise<void>;
  keysOf(picture: string): Promise<string[]>;
  remove(picture: string): Promise<void>;
  /** Removes what is said of answers that are gone; what was written since `before` stays. */
  prune(before: number, isKept: (key: string) => Promise<boolean>): Promise<void>;
  /** Removes an object of the store, whatever its version; `false` where there was none. */
  removeObject(path: string): Promise<boolean>;
}

/**
 * The record in a bucket: one object for each answer, whose name says all, so that writers never meet.
 *
 * @param objects - The answers' place.
 */
export function createGcsPictureKeys(place: GcsPlace, gcs: Gcs, objects: ResultStore): GcsPictureKeys {
  const atMost = createAtMost(REQUESTS_AT_ONCE);
  const folderOf = (picture: string): string => {
    const hash = pictureHash(picture);
    return `${FOLDER}/${hash.slice(0, 2)}/${hash.slice(2)}`;
  };

  async function removeObject(path: string): Promise<boolean> {
    try {
      await (
        await gcs()
      )
        .bucket(place.bucket)
        .file(place.prefix + path)
        .delete();
      return true;
    } catch (error) {
      if (gcsProblem(error).kind === 'missing') return false;
      throw gcsStoreError(place, 'written', error, ANSWERS);
    }
  }

  const keysOf = async (picture: string): Promise<string[]> =>
    (await objects.list(folderOf(picture))).filter((name) => /^[0-9a-f]{64}$/.test(name));

  return {
    keysOf,
    removeObject,

    async add(picture, key) {
      await objects.create(`${folderOf(picture)}/${key}`, '\n');
    },

    async remove(picture) {
      for (const key of await keysOf(picture)) await removeObject(`${folderOf(picture)}/${key}`);
    },

    async prune(before, isKept) {
      const below = { bucket: place.bucket, prefix: `${place.prefix}${FOLDER}/` };
      for await (const page of listObjects(below, gcs, ANSWERS)) {
        const settled = page.filter(({ writtenMs }) => writtenMs <= before);
        await Promise.all(
          settled.map(({ path }) =>
            atMost(async () => {
              const [, key] = /^[0-9a-f]{2}\/[0-9a-f]{62}\/([0-9a-f]{64})$/.exec(path) ?? [];
              if (key !== undefined && !(await isKept(key))) await removeObject(`${FOLDER}/${path}`);
            }),
          ),
        );
      }
    },
  };
}
