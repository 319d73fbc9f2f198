import type { AnswerStore, StoredAnswer } from '../../activities/ports.ts';
import { createAnswerTally, type AnswerCache } from '../../shared/answer-cache.ts';
import { StoreError } from '../../shared/result-store.ts';
import { createAtMost } from '../../shared/at-most.ts';
import type { Gcs, GcsPlace } from './gcs.ts';
import { gcsProblem } from './gcs.ts';
import { type ListedObject, listObjects } from './gcs-listing.ts';
import { createGcsPictureKeys } from './gcs-picture-keys.ts';
import { gcsStoreError, openGcsStore } from './gcs-store.ts';
import { ANSWERS } from './store-path.ts';
import { seal, unseal } from './stored-answer.ts';

/** Requests that are open at once. */
const REQUESTS_AT_ONCE = 64;

/** What was recorded of a picture so lately may be of an answer that is about to be written. */
const SETTLED_MS = 60_000;

/**
 * Answers in a bucket, for workers that share it: one object an answer, of which the first writer's stays. It is
 * written over where it is damaged, and where another run wrote it: a run that asks afresh must find its own again.
 * Which answers are about which picture is recorded beside them, before the answer is kept: see
 * {@link createGcsPictureKeys}.
 */
export function openGcsAnswers(place: GcsPlace, gcs: Gcs): AnswerStore & AnswerCache {
  const objects = openGcsStore(place, gcs, ANSWERS);
  const atMost = createAtMost(REQUESTS_AT_ONCE);
  const pictures = createGcsPictureKeys(place, gcs, objects);

  const read = async (key: string): Promise<StoredAnswer | null> => {
    const text = await objects.read(objectOf(key));
    return text === null ? null : unseal(key, parsed(text));
  };

  /** `false`: somebody wrote it anew in the meantime, or removed it. */
  async function remove(object: ListedObject): Promise<boolean> {
    try {
      const file = (await gcs()).bucket(place.bucket).file(object.name);
      await file.delete({ ifGenerationMatch: object.generation });
      return true;
    } catch (error) {
      if (['missing', 'precondition'].includes(gcsProblem(error).kind)) return false;
      throw gcsStoreError(place, 'written', error, ANSWERS);
    }
  }

  return {
    place: objects.place,

    async read(keys) {
      const found = await Promise.all(keys.map((key) => atMost(() => read(key))));
      const answers = new Map<string, StoredAnswer>();
      for (const [i, answer] of found.entries()) if (answer) answers.set(keys[i] ?? '', answer);
      return answers;
    },

    write: (key, entry, picture) =>
      atMost(async () => {
        if (picture !== undefined) await pictures.add(picture, key);
        const text = `${JSON.stringify(seal(key, entry))}\n`;
        if (await objects.create(objectOf(key), text)) return;
        if ((await read(key))?.run === entry.run) return;
        await objects.replace(objectOf(key), [text]).catch((error: unknown) => {
          // Another worker did the same, with an answer as good as this.
          if (!(error instanceof StoreError) || error.kind !== 'conflict') throw error;
        });
      }),

    async stats() {
      const tally = createAnswerTally();
      for await (const page of listed(place, gcs)) for (const object of page) tally.add(object);
      return tally.stats();
    },

    async prune({ now, olderThanMs }) {
      const pruned = { damaged: 0, old: 0, bytes: 0, kept: 0 };
      const look = async (object: ListedAnswer): Promise<void> => {
        const old = olderThanMs !== null && now - object.writtenMs > olderThanMs;
        if ((old || (await read(object.key)) === null) && (await remove(object))) {
          pruned[old ? 'old' : 'damaged'] += 1;
          pruned.bytes += object.bytes;
        } else pruned.kept += 1;
      };
      for await (const page of listed(place, gcs)) {
        await Promise.all(page.map((object) => atMost(() => look(object))));
      }
      await pictures.prune(now - SETTLED_MS, (key) => objects.has(objectOf(key)));
      return pruned;
    },

    async old({ now, olderThanMs }) {
      const tally = createAnswerTally();
      for await (const page of listed(place, gcs)) {
        for (const object of page) if (now - object.writtenMs > olderThanMs) tally.add(object);
      }
      const { entries, bytes } = tally.stats();
      return { entries, bytes };
    },

    keysOf: (picture) => pictures.keysOf(picture),

    async forget(picture, keys) {
      const removed = await Promise.all(
        keys.map((key) => atMost(() => pictures.removeObject(objectOf(key)))),
      );
      await pictures.remove(picture);
      return removed.filter(Boolean).length;
    },
  };
}

const objectOf = (key: string): string => `${key.slice(0, 2)}/${key.slice(2)}`;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

interface ListedAnswer extends ListedObject {
  key: string;
}

/** The answers' objects, a page at a time: no other object below the place is looked at, or removed. */
async function* listed(place: GcsPlace, gcs: Gcs): AsyncGenerator<ListedAnswer[]> {
  for await (const objects of listObjects(place, gcs, ANSWERS)) {
    yield objects.flatMap((object) => {
      const key = /^([0-9a-f]{2})\/([0-9a-f]{62})$/.exec(object.path);
      return key === null ? [] : [{ ...object, key: `${key[1] ?? ''}${key[2] ?? ''}` }];
    });
  }
}
