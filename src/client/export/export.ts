import type { PictureQuery } from '../../shared/picture-query.ts';
import type { Details } from '../pictures/details.ts';
import type { RunIndex } from '../pictures/run-index.ts';
import { searchPictures, selectWithText } from '../pictures/search.ts';
import { select } from '../pictures/select.ts';
import type { PictureRecord } from '../pictures/types.ts';
import type { RecordedRun } from '../runs.ts';
import { csvOf } from './csv.ts';
import type { ExportFormat } from './formats.ts';
import { htmlOf } from './html.ts';
import { jsonOf, ndjsonOf } from './json.ts';
import { rowsOf, type ExportRow } from './rows.ts';

/** Bytes of a small picture (JPEG, PNG or WebP) for the report; `null` where there is none to show. */
export type ThumbnailOf = (at: number, picture: PictureRecord) => Promise<Uint8Array | null>;

export interface ExportInput {
  run: RecordedRun;
  index: RunIndex;
  details: Details;
  /** Which pictures, in which order. With a `prompt` the answers to that one alone are exported. */
  query: PictureQuery;
  /** When the report says that it was made. */
  generated: Date;
  /** For the HTML report; without it the report has no pictures. */
  thumbnail?: ThumbnailOf;
  /** Ends it: nothing more is read. */
  signal?: AbortSignal;
}

/** Pictures whose rows are given out together. */
const AT_ONCE = 50;

/**
 * A run's answers as text, in pieces and in flat memory however many there are. Rows come while a text is still searched
 * for; a report begins with its sums, and so after the search. Holds neither a signed URL nor a key: a
 * picture is named by its place. Throws a `PictureQueryError` for a prompt that the run has not, and an Error that names
 * a file of the run which is gone or damaged, and the signal's reason when it aborts a search.
 */
export async function* createExport(
  format: ExportFormat,
  input: ExportInput,
): AsyncGenerator<string, void, undefined> {
  // A prompt that the run has not is told before anything is given out.
  const places = select(input.index.pictures, input.query);
  switch (format) {
    case 'json':
      return yield* jsonOf(groupsOf(input, places));
    case 'ndjson':
      return yield* ndjsonOf(groupsOf(input, places));
    case 'csv':
      return yield* csvOf(groupsOf(input, places));
    case 'html':
      return yield* htmlOf(input, await selectWithText(input, input.query, input.signal));
  }
}

async function* groupsOf(input: ExportInput, all: Int32Array): AsyncGenerator<ExportRow[], void, undefined> {
  const { run, details, query } = input;
  for await (const places of foundIn(input, all)) {
    let rows: ExportRow[] = [];
    let pictures = 0;
    for await (const picture of details.streamDetails(places)) {
      rows.push(...rowsOf(run, picture, query.prompt));
      pictures += 1;
      if (pictures % AT_ONCE !== 0) continue;
      yield rows;
      rows = [];
    }
    if (rows.length > 0) yield rows;
  }
}

/** Of all that the rest of the query finds, what its text does: at once without one, else as the search goes on. */
async function* foundIn(
  input: ExportInput,
  all: Int32Array,
): AsyncGenerator<Iterable<number>, void, undefined> {
  const { query, signal } = input;
  if (query.text === undefined || query.text === '') {
    yield all;
    return;
  }
  for await (const { rows } of searchPictures(input, query, signal)) {
    if (rows.length > 0) yield rows.map(({ at }) => at);
  }
}
