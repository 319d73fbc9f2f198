import { addCounts, noCounts } from '../shared/counts.ts';
import { files } from '../shared/names.ts';
import type { ImagePage, ImageResult, IndexLine, Segment, Shard } from '../shared/types.ts';
import { minutesOf, triesOf } from './minutes.ts';
import { runFailure } from './run-failure.ts';
import type { RunFiles, RunPlace } from './run-files.ts';
import { countShard } from './salvage-batch.ts';
import type { ShardReader } from './shards.ts';

export interface SaveSegmentInput extends RunPlace {
  page: number;
  /** The page's batches: the first one's number, and how many. */
  firstBatch: number;
  batches: number;
}

/** Sums up a page's shards in one immutable index segment: all that lists and sums of a large run need to read. */
export function createSaveSegment(deps: { files: RunFiles; shards: ShardReader }) {
  return async function saveSegment(input: SaveSegmentInput): Promise<void> {
    try {
      const page = await deps.files.page(input, input.page);
      const shards: Shard[] = [];
      for (let batch = input.firstBatch; batch < input.firstBatch + input.batches; batch += 1) {
        const shard = await deps.shards.read(input, batch);
        if (shard !== null) shards.push(shard);
      }
      const segment = summarize(page, shards);
      await deps.files.store(input.results).create(files.segment(input.page), `${JSON.stringify(segment)}\n`);
    } catch (err) {
      throw runFailure(err);
    }
  };
}

function summarize(page: ImagePage, shards: readonly Shard[]): Segment {
  const results = shards.flatMap((shard) => shard.images.map((image) => ({ batch: shard.batch, image })));
  return {
    page: page.page,
    counts: shards.reduce((sum, shard) => addCounts(sum, countShard(shard)), noCounts()),
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
