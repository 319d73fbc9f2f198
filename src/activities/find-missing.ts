import { addCounts, countRecorded, noCounts } from '../shared/counts.ts';
import { stands } from '../shared/recorded.ts';
import type { ImagePage, Plan, RecordedPage, Retry, Shard } from '../shared/types.ts';
import { withHeartbeat } from './heartbeat.ts';
import { runFailure } from './run-failure.ts';
import type { RunFiles, RunPlace } from './run-files.ts';
import type { ShardReader } from './shards.ts';

export interface FindMissingInput extends RunPlace {
  page: number;
  /** Number of the page's first batch. */
  firstBatch: number;
  retry: Retry;
}

/** Shards read at once: a bucket answers each in some 50 ms. */
const AT_ONCE = 32;

/** Looks through the shards of a page for questions to ask: those without an outcome, and the failures that are asked again. */
export function createFindMissing(deps: { files: RunFiles; shards: ShardReader }) {
  return async function findMissing(input: FindMissingInput): Promise<RecordedPage> {
    try {
      return await withHeartbeat(async () => {
        const plan = await deps.files.plan(input);
        const page = await deps.files.page(input, input.page);
        const found: RecordedPage = { counts: noCounts(), todo: [] };
        const batches = Math.ceil(page.images.length / plan.batchSize);
        for (let from = 0; from < batches; from += AT_ONCE) {
          const some = Array.from({ length: Math.min(AT_ONCE, batches - from) }, (_, i) => from + i);
          const shards = await Promise.all(some.map((n) => deps.shards.read(input, input.firstBatch + n)));
          for (const [i, n] of some.entries()) {
            const shard = shards[i] ?? null;
            const missing = missingOf({ plan, page, retry: input.retry, first: n * plan.batchSize, shard });
            for (const image of shard?.images ?? [])
              found.counts = addCounts(found.counts, countRecorded(image, plan.prompts.length));
            if (missing !== null) found.todo.push({ batch: input.firstBatch + n, images: missing.images });
          }
        }
        return found;
      });
    } catch (err) {
      throw runFailure(err);
    }
  };
}

/** The pictures of a batch to ask about; `null` when there is nothing to ask. */
function missingOf(about: {
  plan: Plan;
  page: ImagePage;
  retry: Retry;
  first: number;
  shard: Shard | null;
}): { images: number[] | null } | null {
  const { plan, page, retry, first, shard } = about;
  const only = retry.only === undefined ? null : new Set(retry.only);
  const wanted: number[] = [];
  for (const [i, { name, identity }] of page.images.slice(first, first + plan.batchSize).entries()) {
    if (only !== null && !only.has(name) && !only.has(identity)) continue;
    const recorded = shard?.images.find(({ index }) => index === first + i);
    const again = { refused: retry.refused ?? false, images: null };
    if (plan.prompts.some(({ id }) => !stands(recorded?.prompts[id], again))) wanted.push(first + i);
  }
  if (wanted.length === 0) return null;
  return { images: only === null ? null : wanted };
}
