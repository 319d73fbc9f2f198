import { createHash, randomUUID } from 'node:crypto';
import type { NativeConnection } from '@temporalio/worker';
import { QUEUE_OF } from '../shared/names.ts';
import type { OpenStore } from '../shared/result-store.ts';

/** In a folder of results or of answers: a name by which two workers see whether it is the same one. */
const MARK = '.image-analysis-place';

/** A poll without work lasts a minute: a worker that the server has not noted for so much longer than another is gone. */
const GONE_AFTER_MS = 75_000;

/**
 * Eight hexadecimal digits of a worker's places (its results and its answers), which go along in its identity, where
 * the others see them. A folder is known by a file in it, which the first worker writes, so that one path on two
 * machines is two places; a bucket is known by its name. A folder that cannot be written is nobody else's.
 */
export async function placesMark(
  { results, answers }: { results: string; answers: string },
  openStore: OpenStore,
): Promise<string> {
  const places = answers.startsWith(`${results}/`) ? [results] : [results, answers];
  const names = await Promise.all(places.map((place) => nameOf(place, openStore)));
  return createHash('sha256').update(names.join('\n')).digest('hex').slice(0, 8);
}

async function nameOf(place: string, openStore: OpenStore): Promise<string> {
  if (place.startsWith('gs://')) return place.replace(/\/+$/, '');
  try {
    const store = openStore(place);
    const mine = randomUUID();
    return (await store.create(MARK, mine)) ? mine : ((await store.read(MARK)) ?? mine);
  } catch {
    return randomUUID();
  }
}

/** A worker's identity: its process and host for a person, a word that is nobody else's, and the mark of its places. */
export const identityWith = (identity: string, mark: string): string => `${identity}.${mark}`;

const markIn = (identity: string): string | null => /\.([0-9a-f]{8})$/.exec(identity)?.[1] ?? null;

/** A worker that polls a queue, as the server tells of it. */
export interface Poller {
  identity: string;
  /** When the server noted it last, in milliseconds of the server's clock. */
  seenAt: number;
}

/** Of the pollers that are still there, the identities of those whose places are others than those of `own`. */
export function blindIn(pollers: readonly Poller[], own: string): string[] {
  const newest = Math.max(...pollers.map(({ seenAt }) => seenAt));
  return pollers
    .filter(({ seenAt }) => newest - seenAt < GONE_AFTER_MS)
    .map(({ identity }) => identity)
    .filter((identity) => (markIn(identity) ?? own) !== own);
}

/** As {@link blindIn}, of the workers that poll a task queue now. Rejects when the server does not say. */
export async function blindWorkers(
  { workflowService }: Pick<NativeConnection, 'workflowService'>,
  { namespace, taskQueue, mark }: { namespace: string; taskQueue: string; mark: string },
): Promise<string[]> {
  const { pollers } = await workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: QUEUE_OF.activities,
  });
  const known = (pollers ?? []).map(({ identity, lastAccessTime: at }) => ({
    identity: identity ?? '',
    seenAt: Number(at?.seconds ?? 0) * 1_000 + (at?.nanos ?? 0) / 1e6,
  }));
  return blindIn(known, mark);
}
