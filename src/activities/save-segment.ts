import { addCounts, noCounts } from '../shared/counts.ts';
import { files } from '../shared/names.ts';
import { readAhead } from '../shared/read-ahead.ts';
import type { ImagePage, ImageResult, IndexLine, Plan, Segment, Shard } from '../shared/types.ts';
import { minutesOf, triesOf } from './minutes.ts';
import { runFailure } from './run-failure.ts';
import { checkFolder, type RunFiles, type RunPlace } from './run-files.ts';
import { countShard } from './salvage-batch.ts';
import type { ShardReader } from './shards.ts';

export interface SaveSegmentInput extends RunPlace {
  page: number;
  /** The page's batches: the first one's number, and how many. */
  firstBatch: number;
  batches: number;
}

/** Sums up a page's shards in one index segment: all that lists and sums of a large run need to read. */
export function createSaveSegment(deps: { files: RunFiles; shards: ShardReader }) {
  return async function saveSegment(input: SaveSegmentInput): Promise<void> {
    try {
      const store = deps.files.store(input.results);
      await checkFolder(store);
      const plan = await deps.files.plan(input);
      const page = await deps.files.page(input, input.page);
      const shards: Shard[] = [];
      const batches = Array.from({ length: input.batches }, (_, n) => input.firstBatch + n);
      for await (const shard of readAhead(batches, (batch) => deps.shards.read(input, batch)))
        if (shard !== null) shards.push(shard);
      const segment = summarize(plan, page, shards);
      const text = `${JSON.stringify(segment)}\n`;
      const path = files.segment(input.page);
      // It is there when answers that failed were asked again.
      if (await store.create(path, text)) return;
      if ((await store.read(path)) !== text) await store.replace(path, [text]);
    } catch (err) {
      throw runFailure(err);
    }
  };
}

function summarize(plan: Plan, page: ImagePage, shards: readonly Shard[]): Segment {
  const results = shards.flatMap((shard) => shard.images.map((image) => ({ batch: shard.batch, image })));
  return {
    page: page.page,
    counts: shards.reduce((sum, shard) => addCounts(sum, countShard(plan, shard)), noCounts()),
    minutes: minutesOf(results.flatMap(({ image }) => triesOf(image))),
    images: results.map(({ batch, image }) => indexLine(page, batch, image)),
  };
}

function indexLine(page: ImagePage, batch: number, image: ImageResult): IndexLine {
  const { name = '', identity = '' } = page.images[image.index] ?? {};
  const answers: IndexLine['answers'] = {};
  for (const [id, outcome] of Object.entries(image.prompts)) {
    if (!outcome.ok) answers[id] = outcome.failure.kind;
    else answers[id] = outcome.result.match ? Math.max(1, outcome.result.count) : 0;
  }
  return { name, identity, batch, answers };
}
