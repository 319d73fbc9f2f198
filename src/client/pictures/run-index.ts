import { files } from '../../shared/names.ts';
import { readAhead } from '../../shared/read-ahead.ts';
import type { ResultStore } from '../../shared/result-store.ts';
import { isEnd } from '../../shared/run-state.ts';
import type { Plan, Progress, Shard } from '../../shared/types.ts';
import { type Draft, draftOf, noPictures, PAGE_PICTURES, type Pictures } from './columns.ts';
import { readJson, readPage, readShard, type ReadPage } from './read-page.ts';

/** All pictures of one run, in memory as far as lists, filters and sums need them. */
export interface RunIndex {
  readonly run: string;
  /** What is known now: never changes, {@link refresh} puts another one in its place. */
  readonly pictures: Pictures;
  /** Another one whenever anything of `pictures` is. */
  readonly version: string;
  /** `updatedAt` of the progress record that this is as new as; `null` before the first one. */
  readonly updatedAt: string | null;
  /** Number of the batch that the picture is in. */
  batchOf(at: number): number;
  /**
   * Reads what may have changed since; nothing when the run has written no newer record. Several at a time are one.
   *
   * @returns Whether anything changed.
   * @throws Error that names a file which is gone or damaged; the index is then as it was.
   */
  refresh(): Promise<boolean>;
}

/** Files read at once: a bucket answers each in some 50 ms, and a segment is half a megabyte. */
const AT_ONCE = 16;

/**
 * Opens a run's pictures: from the index segments, and from the listed pages and the shards where a page is not summed
 * up yet. Answers that are in no shard (of a batch under way) are not seen.
 *
 * @throws Error that names a file which is gone or damaged.
 */
export async function openRunIndex(options: {
  store: ResultStore;
  plan: Plan;
  /** `null` before the run's first record. */
  progress: Progress | null;
}): Promise<RunIndex> {
  const { store, plan } = options;
  let pictures = noPictures(plan.prompts);
  let progress: Progress | null = null;
  let changes = 0;
  /** Pictures of each page, and the number of its first batch. */
  let pages: { size: number; firstBatch: number; summedUp: boolean }[] = [];
  /** Batches of pages that are not summed up, of which everything was read. */
  const settled = new Set<number>();
  /** Batches of summed up pages that were under way: their page's segment is older than their shard. */
  let again = new Set<number>();
  let refreshing: Promise<boolean> | null = null;

  const look = async (now: Progress | null): Promise<boolean> => {
    const [listed, summedUp] = await Promise.all([
      numbersIn(store, 'images'),
      numbersIn(store, 'index').then((numbers) => new Set(numbers)),
    ]);
    const count = Math.max(-1, ...listed, ...summedUp) + 1;
    // A run that has ended may have summed up its pages anew, after answers that failed were asked again.
    const all = now === null || isEnd(now.state);
    if (all) settled.clear();
    const isKnown = (page: number): boolean =>
      pages[page] !== undefined && (pages[page].summedUp || !summedUp.has(page));
    const toRead = numbers(count).filter((page) => all || !isKnown(page));

    const draft = draftOf(pictures, count * PAGE_PICTURES);
    const found: typeof pages = pages.slice();
    const read = (page: number): Promise<ReadPage> => readPage(store, page, summedUp.has(page));
    for await (const one of readAhead(toRead, read, AT_ONCE)) {
      found[one.page] = { size: one.pictures.length, firstBatch: 0, summedUp: one.summedUp };
      addPage(draft, plan, one);
    }
    let firstBatch = 0;
    for (const page of found) {
      page.firstBatch = firstBatch;
      firstBatch += Math.ceil(page.size / plan.batchSize);
    }

    const underWay = new Set(now?.running.map(({ batch }) => batch));
    for (const batch of underWay) settled.delete(batch);
    const shards = await addShards(draft, found, now, new Set([...underWay, ...(all ? [] : again)]));

    // All is read: only now does anything change.
    const next = draft.finish();
    const changed = next !== pictures;
    [pictures, pages, progress] = [next, found, now];
    for (const batch of shards) if (!underWay.has(batch)) settled.add(batch);
    again = underWay;
    if (changed) changes += 1;
    return changed;
  };

  /** Returns the batches to which only asking again can add anything. */
  const addShards = async (
    draft: Draft,
    found: typeof pages,
    now: Progress | null,
    more: Iterable<number>,
  ): Promise<number[]> => {
    const batches = new Set(more);
    for (const page of found) {
      if (page.summedUp) continue;
      const end = Math.min(page.firstBatch + Math.ceil(page.size / plan.batchSize), now?.begun ?? Infinity);
      for (let batch = page.firstBatch; batch < end; batch += 1) if (!settled.has(batch)) batches.add(batch);
    }
    const whole: number[] = [];
    for await (const shard of readAhead([...batches], (batch) => readShard(store, batch), AT_ONCE)) {
      if (shard === null) continue;
      addShard(draft, shard);
      if (isWhole(shard, found)) whole.push(shard.batch);
    }
    return whole;
  };

  const isWhole = ({ batch, images }: Shard, found: typeof pages): boolean => {
    const page = found.findLast(({ firstBatch }) => firstBatch <= batch);
    const left = page === undefined ? 0 : page.size - (batch - page.firstBatch) * plan.batchSize;
    return (
      images.length === Math.min(left, plan.batchSize) &&
      images.every((image) => plan.prompts.every(({ id }) => image.prompts[id] !== undefined))
    );
  };

  const refresh = async (): Promise<boolean> => {
    const now = await readJson<Progress>(store, files.progress, (read) => Array.isArray(read.running));
    return now !== null && now.updatedAt === progress?.updatedAt ? false : look(now);
  };

  await look(options.progress);
  return {
    run: plan.run,
    get pictures() {
      return pictures;
    },
    get version() {
      return `${progress?.updatedAt ?? 'planned'}.${changes}`;
    },
    get updatedAt() {
      return progress?.updatedAt ?? null;
    },
    batchOf(at) {
      const { firstBatch = 0 } = pages[Math.floor(at / PAGE_PICTURES)] ?? {};
      return firstBatch + Math.floor((at % PAGE_PICTURES) / plan.batchSize);
    },
    refresh() {
      refreshing ??= refresh().finally(() => (refreshing = null));
      return refreshing;
    },
  };
}

function addPage(draft: Draft, { prompts }: Plan, { page, pictures }: ReadPage): void {
  for (const [index, picture] of pictures.entries()) {
    const at = page * PAGE_PICTURES + index;
    draft.picture(at, picture);
    if (picture.answers === undefined) continue;
    for (const { id } of prompts) {
      const value = picture.answers[id];
      if (value !== undefined) draft.answer(at, id, value);
    }
  }
}

function addShard(draft: Draft, shard: Shard): void {
  for (const { page, index, prompts } of shard.images)
    for (const [prompt, outcome] of Object.entries(prompts))
      // As in an index line, where a match counts 1 at least.
      draft.answer(
        page * PAGE_PICTURES + index,
        prompt,
        !outcome.ok ? outcome.failure.kind : outcome.result.match ? Math.max(1, outcome.result.count) : 0,
      );
}

/** Numbers of the files directly in a folder, `000033.json`. */
async function numbersIn(store: ResultStore, folder: string): Promise<number[]> {
  const names = await store.list(folder);
  return names.flatMap((name) => (/^\d{6,}\.json$/.test(name) ? [Number.parseInt(name, 10)] : []));
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
