import { files } from '../shared/names.ts';
import { readAhead } from '../shared/read-ahead.ts';
import type { ImagePage, ImageResult, Plan, Progress, Shard } from '../shared/types.ts';
import type { AnsweredBatch } from './compose-results.ts';
import type { RunFiles, RunPlace } from './run-files.ts';
import type { AnswersOf } from './salvage-batch.ts';
import { mergeImages, type ShardReader } from './shards.ts';

/** One look at the batches of a run. */
export interface BatchLook extends RunPlace {
  progress: Pick<Progress, 'begun' | 'running'>;
  /** Pictures of each listed page. */
  pages: number[];
  /** Names of the files in the run's folder `shards`. */
  shards: ReadonlySet<string>;
}

export interface BatchDeps {
  files: RunFiles;
  shards: ShardReader;
  answersOf: AnswersOf;
}

/** Whether the batch can have answers in a shard. */
export const hasShard = (look: BatchLook, batch: number): boolean =>
  batch < look.progress.begun && look.shards.has(files.shard(batch).slice('shards/'.length));

/**
 * All batches of the listed pages in the order of their pictures, as often as `all` is called the same: from their
 * shards, and of those under way what their workflows have answered beyond that. Memory stays flat: only what is under
 * way is kept.
 *
 * @param mustAnswer - A workflow that does not say what it has answered fails the look; otherwise its shard must do.
 */
export function createAnsweredBatches(deps: BatchDeps, plan: Plan, look: BatchLook, mustAnswer: boolean) {
  const running = new Map(look.progress.running.map(({ batch, workflowId }) => [batch, workflowId]));
  const underWay = new Map<number, AnsweredBatch>();

  async function answered({ batch, images }: Place, shard: Shard | null): Promise<AnsweredBatch> {
    const recorded = { ms: shard && durationOf(shard), images: shard?.images ?? [] };
    const workflowId = running.get(batch);
    if (workflowId === undefined || isWhole(plan, images, recorded.images)) return recorded;
    const known = underWay.get(batch) ?? {
      ms: null,
      images: mergeImages(recorded.images, await answersOf(workflowId)),
    };
    underWay.set(batch, known);
    return known;
  }

  async function answersOf(workflowId: string): Promise<ImageResult[]> {
    try {
      return await deps.answersOf(workflowId);
    } catch (err) {
      if (mustAnswer) throw err;
      return [];
    }
  }

  return async function* all(): AsyncGenerator<{ page: ImagePage; batch: AnsweredBatch }> {
    const read = async (place: Place): Promise<{ place: Place; shard: Shard | null }> => ({
      place,
      shard: hasShard(look, place.batch) ? await deps.shards.read(look, place.batch) : null,
    });
    for await (const { place, shard } of readAhead(placesOf(look.pages, plan.batchSize), read))
      yield { page: await deps.files.page(look, place.page), batch: await answered(place, shard) };
  };
}

/** A batch by its number, and how many pictures of which page it has. */
interface Place {
  batch: number;
  page: number;
  images: number;
}

function* placesOf(pages: readonly number[], batchSize: number): Generator<Place> {
  let batch = 0;
  for (const [page, images] of pages.entries()) {
    for (let first = 0; first < images; first += batchSize, batch += 1)
      yield { batch, page, images: Math.min(batchSize, images - first) };
  }
}

/** Nothing can be added to it: an answer is never replaced. */
const isWhole = (plan: Plan, images: number, recorded: readonly ImageResult[]): boolean =>
  recorded.length === images &&
  recorded.every((image) => plan.prompts.every(({ id }) => image.prompts[id]?.ok === true));

/** Of a batch that went on after a while nobody knows how long it took. */
const durationOf = (shard: Shard): number | null =>
  shard.images.some(({ resumed }) => resumed === true)
    ? null
    : Date.parse(shard.endedAt) - Date.parse(shard.startedAt);
