import { files } from '../shared/names.ts';
import { type Purge, purgedPage, purgedResult } from '../shared/purge.ts';
import type { OpenStore, ResultStore } from '../shared/result-store.ts';
import type { ImagePage, Plan, Progress, Shard } from '../shared/types.ts';
import { pictureHash } from './picture-hash.ts';
import type { AnswerStore } from './ports.ts';
import { createRebuildResults } from './rebuild-results.ts';
import { brokenRun } from './run-failure.ts';
import { createRunFiles, parsed, type RunFiles } from './run-files.ts';
import { keepShard } from './shards.ts';

/** Names are shown so long in a progress record. */
const NAME_SHOWN = 200;

/**
 * Puts tombstones where a run holds a picture, as `Purge.erase` says.
 *
 * The listed page is what tells where the picture is, so it is written after everything that follows from it, and holds
 * the hash of the picture's address from then on: a purge that was cut off at any point is found, and finished, by the
 * next one. Last of all the plan is written anew, whose text is part of every key under which a worker keeps the run's
 * files in memory: one that has lived since before cannot bring the picture back when the run goes on.
 */
export function createErasePicture(deps: { openStore: OpenStore; answers: AnswerStore }): Purge['erase'] {
  return async (results, uri, found, { answersOf, server }) => {
    const store = deps.openStore(results);
    const runFiles = createRunFiles(deps.openStore);
    const hash = pictureHash(uri);
    const plan = await planOf(store);
    const names = found.flatMap(({ name }) => (name === null ? [] : [name]));
    const listed = (await store.list('images')).length;
    const withoutIt = (page: ImagePage): ImagePage => {
      const indexes = found.filter((place) => place.page === page.page).map(({ index }) => index);
      return indexes.length === 0 ? page : purgedPage(page, indexes, hash, page.page + 1 < listed);
    };
    const wrote = new Set<string>();

    for (const place of found) {
      const path = files.shard(place.batch);
      const text = await store.read(path);
      const shard = text === null ? null : parsed<Shard>(text, `${results}/${path}`);
      await keepShard(store, withTombstone(plan, shard, place));
      wrote.add(path);
    }
    await forgetFailures(store, names);

    const pages = new Set(found.map(({ page }) => page));
    const views = createRebuildResults({
      files: withPages(runFiles, withoutIt),
      answers: deps.answers,
      answersOf,
      ...(server === undefined ? {} : { server }),
    });
    for (const path of (await views(results, pages)).wrote) wrote.add(path);

    for (const number of pages) {
      const path = files.page(number);
      const text = await store.read(path);
      if (text === null) throw brokenRun(`${results}/${path} is gone`);
      const page = withoutIt(parsed<ImagePage>(text, `${results}/${path}`));
      await store.replace(path, [`${JSON.stringify(page)}\n`], text);
      wrote.add(path);
    }
    await markPlan(store);
    wrote.add(files.run);
    return { wrote: [...wrote].sort(), named: await stillNamed(store, [...pages].map(files.page), names) };
  };
}

const planOf = async (store: ResultStore): Promise<Plan> =>
  parsed<Plan>(await planText(store), `${store.place}/${files.run}`);

async function planText(store: ResultStore): Promise<string> {
  const text = await store.read(files.run);
  if (text === null) throw brokenRun(`${store.place}/${files.run} is gone`);
  return text;
}

function withTombstone(
  plan: Plan,
  shard: Shard | null,
  { page, index, batch }: { page: number; index: number; batch: number },
): Shard {
  const at = new Date().toISOString();
  const known = shard?.images.find((image) => image.page === page && image.index === index) ?? null;
  const prompts = plan.prompts.map(({ id }) => id);
  return {
    batch,
    startedAt: shard?.startedAt ?? at,
    endedAt: shard?.endedAt ?? at,
    images: [purgedResult(known, { page, index }, prompts, at)],
  };
}

/**
 * The progress record names pictures in its last failures. It gets another time, by which pages that show the run see
 * that it has changed, and all but the same one: by it the run's age is known.
 */
async function forgetFailures(store: ResultStore, names: readonly string[]): Promise<void> {
  const text = await store.read(files.progress);
  if (text === null) return;
  const progress = parsed<Progress>(text, `${store.place}/${files.progress}`);
  const recentFailures = progress.recentFailures.filter(
    ({ image, message }) =>
      !names.some((name) => image === name.slice(-NAME_SHOWN) || message.includes(name)),
  );
  const updatedAt = new Date(Date.parse(progress.updatedAt) + 1).toISOString();
  await store.replace(
    files.progress,
    [`${JSON.stringify({ ...progress, updatedAt, recentFailures })}\n`],
    text,
  );
}

const withPages = (runFiles: RunFiles, change: (page: ImagePage) => ImagePage): RunFiles => ({
  ...runFiles,
  page: async (place, page) => change(await runFiles.page(place, page)),
});

async function markPlan(store: ResultStore): Promise<void> {
  const text = await planText(store);
  const plan = parsed<Plan>(text, `${store.place}/${files.run}`);
  const marked: Plan = { ...plan, purges: (plan.purges ?? 0) + 1 };
  await store.replace(files.run, [`${JSON.stringify(marked, null, 2)}\n`], text);
}

/** Files that have one of the names all the same: a pattern that a person gave, or the cursor of a listing cut short. */
async function stillNamed(
  store: ResultStore,
  pages: readonly string[],
  names: readonly string[],
): Promise<string[]> {
  const named: string[] = [];
  for (const path of [files.run, files.progress, ...pages]) {
    const text = (await store.read(path)) ?? '';
    if (names.some((name) => text.includes(JSON.stringify(name)))) named.push(path);
  }
  return named;
}
