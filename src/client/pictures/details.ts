import { createAtMost } from '../../shared/at-most.ts';
import { files } from '../../shared/names.ts';
import { readAhead } from '../../shared/read-ahead.ts';
import type { ResultStore } from '../../shared/result-store.ts';
import type { ImagePage, ImageResult, Plan, PromptResult, Shard } from '../../shared/types.ts';
import { PAGE_PICTURES, UNASKED } from './columns.ts';
import { readImagePage, readShard } from './read-page.ts';
import { createRecent } from './recent.ts';
import type { RunIndex } from './run-index.ts';
import { timeOf } from './select.ts';
import type { PictureRecord, PictureRow, ShownAnswer } from './types.ts';

/**
 * What a run's shards say of given pictures: descriptions, failures, tokens and tries, which no index holds. All throw
 * an Error that names a file which is gone or damaged.
 */
export interface Details {
  /** In the order of `places`. */
  rowsOf(places: Iterable<number>): Promise<PictureRow[]>;
  /** The same one by one, for as many as there are: reads ahead of what is taken, in flat memory. */
  streamRows(places: Iterable<number>): AsyncGenerator<PictureRow, void, undefined>;
  /** `null` for a place that is no picture's. */
  detailOf(at: number): Promise<PictureRecord | null>;
  /** The same one by one, as `streamRows`. */
  streamDetails(places: Iterable<number>): AsyncGenerator<PictureRecord, void, undefined>;
}

/** Files read at once. */
const AT_ONCE = 16;
/** A shard of four pictures and six answers is some 30 KB in memory. */
const SHARDS_KEPT = 256;
/** A page is some 500 KB in memory. */
const PAGES_KEPT = 8;

export function createDetails(options: { store: ResultStore; plan: Plan; index: RunIndex }): Details {
  const { store, plan, index } = options;
  const shards = createRecent<Shard | null>(SHARDS_KEPT);
  const pages = createRecent<ImagePage>(PAGES_KEPT);
  const bounded = createAtMost(AT_ONCE);

  /** What is recorded of a picture; `null` where nothing was asked. */
  const resultOf = async (at: number): Promise<ImageResult | null> => {
    const { pictures, version } = index;
    if (plan.prompts.every((_, prompt) => pictures.answer(prompt, at) === UNASKED)) return null;
    const batch = index.batchOf(at);
    // A shard may have grown whenever the index has.
    const shard = await shards.get(`${batch} ${version}`, () => bounded(() => readShard(store, batch)));
    if (shard === null)
      throw new Error(`${store.place}/${files.shard(batch)} is gone: it held the answers of these pictures`);
    return shard.images.find((image) => image.page * PAGE_PICTURES + image.index === at) ?? null;
  };

  const rowOf = async (at: number): Promise<PictureRow> => {
    const { pictures } = index;
    const result = await resultOf(at);
    const answers: PictureRow['answers'] = {};
    for (const { id } of plan.prompts) {
      const outcome = result?.prompts[id];
      if (outcome !== undefined) answers[id] = shown(outcome);
    }
    return { at, ...namedPlace(pictures, at), answers };
  };

  const detailOf = async (at: number): Promise<PictureRecord | null> => {
    const { pictures } = index;
    if (!pictures.has(at)) return null;
    const page = Math.floor(at / PAGE_PICTURES);
    const [{ images }, result] = await Promise.all([
      pages.get(String(page), () => bounded(() => readImagePage(store, page))),
      resultOf(at),
    ]);
    const ref = images[at % PAGE_PICTURES];
    if (ref === undefined)
      throw new Error(`${store.place}/${files.page(page)} is damaged: it lacks ${pictures.name(at)}`);
    return {
      at,
      ...namedPlace(pictures, at),
      uri: ref.uri,
      identity: ref.identity,
      bytes: ref.bytes,
      batch: index.batchOf(at),
      startedAt: result?.startedAt ?? null,
      endedAt: result?.endedAt ?? null,
      answers: plan.prompts.map((prompt) => ({ prompt, outcome: result?.prompts[prompt.id] ?? null })),
    };
  };

  return {
    rowsOf: (places) => Promise.all(Array.from(places, rowOf)),
    streamRows: (places) => readAhead(places, rowOf, AT_ONCE),
    detailOf,
    async *streamDetails(places) {
      for await (const detail of readAhead(places, detailOf, AT_ONCE)) if (detail !== null) yield detail;
    },
  };
}

const namedPlace = (
  pictures: RunIndex['pictures'],
  at: number,
): Pick<PictureRow, 'name' | 'camera' | 'time'> => ({
  name: pictures.name(at),
  camera: pictures.camera(at),
  time: timeOf(pictures.clock(at)),
});

function shown(outcome: PromptResult): ShownAnswer {
  if (!outcome.ok) return { error: outcome.failure.kind };
  const { match, count, description } = outcome.result;
  return { match, count, description };
}
