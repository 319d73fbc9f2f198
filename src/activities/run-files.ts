import { createHash } from 'node:crypto';
import { files } from '../shared/names.ts';
import type { OpenStore, ResultStore } from '../shared/result-store.ts';
import type { ImagePage, ImageRef, Plan } from '../shared/types.ts';
import { brokenRun } from './run-failure.ts';

/** Where an activity finds the run that it works for: the run's folder and the plan's content hash. */
export interface RunPlace {
  results: string;
  plan: string;
}

/** Reads the immutable files of runs, and keeps the last ones read: every call of a run needs the same few. */
export interface RunFiles {
  store(results: string): ResultStore;
  /** Throws a `Blocked` failure when `run.json` is gone or is not the plan that the run started with. */
  plan(place: RunPlace): Promise<Plan>;
  page(place: RunPlace, page: number): Promise<ImagePage>;
  image(place: RunPlace, page: number, index: number): Promise<ImageRef>;
}

const PLANS_KEPT = 20;
/** A page is some 200 KB. */
const PAGES_KEPT = 20;

export function createRunFiles(openStore: OpenStore): RunFiles {
  const plans = new Map<string, Promise<Plan>>();
  const pages = new Map<string, Promise<ImagePage>>();

  async function readPlan(place: RunPlace): Promise<Plan> {
    const text = await openStore(place.results).read(files.run);
    if (text === null) throw brokenRun(`${place.results}/${files.run} is gone`);
    if (planHash(text) !== place.plan)
      throw brokenRun(`${place.results}/${files.run} was changed after the run started`);
    return parsed<Plan>(text, `${place.results}/${files.run}`);
  }

  async function readPage(place: RunPlace, page: number): Promise<ImagePage> {
    const text = await openStore(place.results).read(files.page(page));
    if (text === null) throw brokenRun(`${place.results}/${files.page(page)} is gone`);
    return parsed<ImagePage>(text, `${place.results}/${files.page(page)}`);
  }

  const runFiles: RunFiles = {
    store: openStore,
    plan: (place) => kept(plans, `${place.results} ${place.plan}`, PLANS_KEPT, () => readPlan(place)),
    page: (place, page) =>
      kept(pages, `${place.results} ${place.plan} ${page}`, PAGES_KEPT, () => readPage(place, page)),
    async image(place, page, index) {
      const image = (await runFiles.page(place, page)).images[index];
      if (image === undefined)
        throw brokenRun(`${place.results}/${files.page(page)} has no picture ${index}`);
      return image;
    },
  };
  return runFiles;
}

/**
 * Throws a `Blocked` failure when the run's folder is gone: a plan that was read once is kept in memory, and a folder
 * that is written to is made anew, so nothing else would tell.
 */
export async function checkFolder(store: ResultStore): Promise<void> {
  if (!(await store.has(files.run))) throw brokenRun(`${store.place}/${files.run} is gone`);
}

/** A file's JSON. Throws a `Blocked` failure when it is none: files of a run are written whole. */
export function parsed<T>(text: string, file: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw brokenRun(`${file} is damaged`);
  }
}

/** First 32 hexadecimal digits of the SHA-256 of `run.json`'s text. */
export const planHash = (runJson: string): string =>
  createHash('sha256').update(runJson).digest('hex').slice(0, 32);

/** The value under `key`, made once and kept while it is among the last `most` that were asked for. A failure is not kept. */
export function kept<T>(
  map: Map<string, Promise<T>>,
  key: string,
  most: number,
  make: () => Promise<T>,
): Promise<T> {
  const known = map.get(key);
  map.delete(key);
  const value =
    known ??
    make().catch((err: unknown) => {
      map.delete(key);
      throw err;
    });
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) break;
    map.delete(oldest);
  }
  return value;
}
