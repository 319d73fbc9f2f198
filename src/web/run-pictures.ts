import { createPictureReaders, type PictureReader } from '../client/pictures/readers.ts';
import { readJson } from '../client/pictures/read-page.ts';
import { createRecent } from '../client/pictures/recent.ts';
import { selectWithText } from '../client/pictures/search.ts';
import { PAGE_PICTURES, type Pictures } from '../client/pictures/columns.ts';
import { filtersOf } from '../client/pictures/select.ts';
import type { RecordedRun, Runs } from '../client/runs.ts';
import { files } from '../shared/names.ts';
import { formatQuery, type PictureQuery } from '../shared/picture-query.ts';
import type { OpenStore } from '../shared/result-store.ts';
import type { ImagePage, ImageRef } from '../shared/types.ts';
import { noSuchRun } from './params.ts';

/** The pictures of runs as the page's routes need them: opened once, and what was found kept for the next rows of it. */
export interface RunPictures {
  /** The run's record, a second old at most. Throws a `PageProblem` of status 404. */
  recorded(run: string): Promise<RecordedRun>;
  /** As new as the record. Throws as `recorded`, and an Error that names a file which is gone or damaged. */
  open(run: string): Promise<{ recorded: RecordedRun; reader: PictureReader }>;
  /** Places of the pictures that a query finds. Throws a `PictureQueryError`. */
  find(reader: PictureReader, query: PictureQuery): Promise<Int32Array>;
  /** Keeps what a search through the whole run has found. */
  keep(reader: PictureReader, version: string, query: PictureQuery, places: Int32Array): void;
  filters(reader: PictureReader): ReturnType<typeof filtersOf>;
  /** The version that `open` gives now; `null` as long as nobody has opened the run's pictures. */
  version(recorded: RecordedRun): Promise<string | null>;
  /** A listed picture; `null` where there is none. Reads no answer. */
  imageAt(recorded: RecordedRun, at: number): Promise<ImageRef | null>;
}

/** Runs kept open; two of them are compared. */
const OPEN_RUNS = 6;
/** Each is 400 KB for 100,000 pictures. */
const FINDS_KEPT = 24;
/** A page of a thousand pictures is some 500 KB in memory. */
const PAGES_KEPT = 16;
/** How old a run's record may be that rows are shown from: someone who scrolls asks many times a second. */
const RECORD_MS = 1_000;
const RECORDS_KEPT = 50;

export function createRunPictures(options: {
  runs: Pick<Runs, 'read'>;
  openStore: OpenStore;
  now(): number;
}): RunPictures {
  const { runs, openStore, now } = options;
  const readers = createPictureReaders({ openStore, max: OPEN_RUNS });
  const records = createRecent<RecordedRun | null>(RECORDS_KEPT);
  const finds = createRecent<Int32Array>(FINDS_KEPT);
  const pages = createRecent<ImagePage | null>(PAGES_KEPT);
  const filters = new WeakMap<Pictures, ReturnType<typeof filtersOf>>();
  const opened = new Set<string>();

  const keyOf = ({ plan }: PictureReader, version: string, query: PictureQuery): string =>
    [plan.results, plan.createdAt, version, formatQuery(query)].join('\n');

  const recorded = async (run: string): Promise<RecordedRun> => {
    const found = await records.get(`${run} ${Math.floor(now() / RECORD_MS)}`, () => runs.read(run));
    if (found === null) throw noSuchRun(run);
    return found;
  };

  return {
    recorded,
    async open(run) {
      const found = await recorded(run);
      opened.add(run);
      return { recorded: found, reader: await readers.open(found) };
    },
    find: (reader, query) =>
      finds.get(keyOf(reader, reader.index.version, query), () => selectWithText(reader, query)),
    keep(reader, version, query, places) {
      void finds.get(keyOf(reader, version, query), () => Promise.resolve(places));
    },
    filters({ index: { pictures } }) {
      const known = filters.get(pictures) ?? filtersOf(pictures);
      filters.set(pictures, known);
      return known;
    },
    async version(now) {
      return opened.has(now.run) ? (await readers.open(now)).index.version : null;
    },
    async imageAt({ place, plan }, at) {
      const number = Math.floor(at / PAGE_PICTURES);
      const page = await pages.get(`${place} ${plan.createdAt} ${String(number)}`, () =>
        readJson<ImagePage>(openStore(place), files.page(number), (read) => Array.isArray(read.images)),
      );
      return page?.images[at % PAGE_PICTURES] ?? null;
    },
  };
}
