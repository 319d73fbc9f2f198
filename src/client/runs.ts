import { questionsOf } from '../shared/counts.ts';
import { files } from '../shared/names.ts';
import type { ListRuns, OpenStore, ResultStore } from '../shared/result-store.ts';
import type { ResultsFile } from '../shared/results.ts';
import { isEnd } from '../shared/run-state.ts';
import type { Plan, Progress } from '../shared/types.ts';

/** What a run's folder says of it. Written by a worker; nothing here needs one. */
export interface RecordedRun {
  run: string;
  /** The folder or `gs://` place that holds it among others. */
  root: string;
  /** The run's own folder or `gs://` place. */
  place: string;
  plan: Plan;
  /** `null` before its first record. */
  progress: Progress | null;
}

/** The one reader of what runs have written. Needs no worker and no server. */
export interface Runs {
  /** Names of everything that looks like a run, newest first. */
  names(): Promise<string[]>;
  /** `null` where there is no such run, or its plan was not written yet. */
  read(run: string): Promise<RecordedRun | null>;
  /** The run of that name, or the newest one; `null` when there is none. */
  find(run: string | undefined): Promise<RecordedRun | null>;
  /** The newest run that has not ended. */
  latestUnfinished(): Promise<RecordedRun | null>;
  /** The newest run that has not ended; where all have, the newest one that lacks answers. */
  latestToResume(): Promise<RecordedRun | null>;
  results(recorded: RecordedRun): Promise<ResultsFile | null>;
}

const IS_TIME = /^\d{8}_\d{6}$/;

export const hasEnded = ({ progress }: RecordedRun): boolean => progress !== null && isEnd(progress.state);

/** Every question of every picture is answered. */
export const isComplete = ({ progress }: RecordedRun): boolean =>
  progress?.state === 'complete' &&
  progress.counts.answered >= questionsOf(progress.images, progress.promptsPerImage, progress.counts);

export function createRuns(options: { root: string; openStore: OpenStore; listRuns: ListRuns }): Runs {
  const { root, openStore, listRuns } = options;

  const read = async (run: string): Promise<RecordedRun | null> => {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(run)) return null;
    const place = `${root}/${run}`;
    const store = openStore(place);
    const plan = await readJson<Plan>(store, files.run);
    if (plan === null) return null;
    return { run, root, place, plan, progress: await readJson<Progress>(store, files.progress) };
  };

  // Names that are times are sorted by age already; among the names that people gave, the plan tells.
  const newest = async (wanted: (recorded: RecordedRun) => boolean): Promise<RecordedRun | null> => {
    const names = await listRuns(root);
    const found: RecordedRun[] = [];
    for (const name of names.filter((name) => !IS_TIME.test(name))) {
      const recorded = await read(name);
      if (recorded !== null && wanted(recorded)) found.push(recorded);
    }
    for (const name of names.filter((name) => IS_TIME.test(name))) {
      const recorded = await read(name);
      if (recorded === null || !wanted(recorded)) continue;
      found.push(recorded);
      break;
    }
    return found.sort((a, b) => b.plan.createdAt.localeCompare(a.plan.createdAt))[0] ?? null;
  };

  return {
    names: () => listRuns(root),
    read,
    find: (run) => (run === undefined ? newest(() => true) : read(run)),
    latestUnfinished: () => newest((recorded) => !hasEnded(recorded)),
    latestToResume: async () =>
      (await newest((recorded) => !hasEnded(recorded))) ??
      (await newest((recorded) => !isComplete(recorded))),
    results: (recorded) => readJson<ResultsFile>(openStore(recorded.place), files.results),
  };
}

/** A file that is not there is `null`; one that is no JSON is an error that names it. */
async function readJson<T>(store: ResultStore, path: string): Promise<T | null> {
  const text = await store.read(path);
  if (text === null) return null;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new Error(`${store.place}/${path} is no JSON: somebody changed it`);
  }
}
