import { files } from '../shared/names.ts';
import { readAhead } from '../shared/read-ahead.ts';
import type { ImageResult, MinuteLine, Plan, Try } from '../shared/types.ts';
import { type BatchLook, hasShard } from './answered-batches.ts';
import { parsed, type RunFiles } from './run-files.ts';
import type { ShardReader } from './shards.ts';

/** Lines that go with every progress record; older ones are in `minutes.json` and in the index segments. */
const RECENT = 30;

/** `minutes.json` is written again when so many lines have come: fewer than go with the progress record. */
const WRITTEN_EVERY = 20;

/**
 * One line for each minute in which something was sent, from the answers' tries, so that a chart of the run needs no
 * answer. Kept in three places, none of which grows with the run: an index segment has the minutes of its page,
 * `minutes.json` those of the pages that have no segment yet, the progress record the last of these.
 */
export async function saveMinutes(
  deps: { files: RunFiles; shards: ShardReader },
  plan: Plan,
  look: BatchLook,
  final: boolean,
): Promise<MinuteLine[]> {
  const store = deps.files.store(look.results);
  const minutes = minutesOf(await openTries(deps, plan, look));
  const text = await store.read(files.minutes);
  const written = text === null ? [] : parsed<MinuteLine[]>(text, `${look.results}/${files.minutes}`);
  const newLines = minutes.filter((line) => line.at > (written.at(-1)?.at ?? ''));
  if (final || newLines.length >= WRITTEN_EVERY) {
    await store.replace(files.minutes, [`${JSON.stringify(minutes)}\n`]);
  }
  return minutes.slice(-RECENT);
}

/** Tries of the pages that have no segment yet. */
async function openTries(
  deps: { files: RunFiles; shards: ShardReader },
  plan: Plan,
  look: BatchLook,
): Promise<Try[]> {
  const summedUp = new Set(await deps.files.store(look.results).list('index'));
  const open: number[] = [];
  let batch = 0;
  for (const [page, images] of look.pages.entries()) {
    const end = batch + Math.ceil(images / plan.batchSize);
    const isOpen = !summedUp.has(files.segment(page).slice('index/'.length));
    for (; batch < end; batch += 1) if (isOpen && hasShard(look, batch)) open.push(batch);
  }
  const tries: Try[] = [];
  for await (const shard of readAhead(open, (n) => deps.shards.read(look, n)))
    if (shard !== null) tries.push(...shard.images.flatMap(triesOf));
  return tries;
}

/** Sums tries up by the minute in which they were sent, in the order of time. */
export function minutesOf(tries: Iterable<Try>): MinuteLine[] {
  const lines = new Map<string, MinuteLine>();
  for (const t of tries) {
    const at = `${t.at.slice(0, 16)}:00.000Z`;
    const line = lines.get(at) ?? { at, sent: 0, charged: 0, rateLimited: 0, waitMs: 0 };
    lines.set(at, line);
    line.sent += 1;
    line.charged += t.charged;
    if (t.outcome === 'RateLimited') line.rateLimited += 1;
    line.waitMs += t.waitMs ?? 0;
  }
  return [...lines.values()].sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** All tries of a picture that this run has made. */
export const triesOf = (image: ImageResult): Try[] =>
  Object.values(image.prompts).flatMap((outcome) =>
    outcome.ok
      ? outcome.result.recalledFrom === undefined
        ? outcome.result.tries
        : []
      : outcome.failure.tries,
  );
