import type { PictureQuery } from '../../shared/picture-query.ts';
import type { PictureReader } from './readers.ts';
import { select } from './select.ts';
import type { PictureRow, Searched } from './types.ts';

/** Rows found since the last step, and how far the search is. */
export interface SearchStep extends Searched {
  rows: PictureRow[];
}

/** A step is told after so many pictures, or found ones, whichever comes first. */
const LOOKED_AT = 250;
const FOUND = 20;

/**
 * Looks for a query's `text` in the names and descriptions of the pictures that the rest of the query finds, in its
 * order and whatever the case: in the descriptions of the query's prompt where it names one. Reads the shards as it
 * goes and keeps none, so memory stays flat. The last step has `searched` equal to `of`.
 *
 * @throws PictureQueryError for a prompt that the run has not; the signal's reason when it aborts; Error that names a
 *   file which is gone or damaged.
 */
export async function* searchPictures(
  reader: Pick<PictureReader, 'index' | 'details'>,
  query: PictureQuery,
  signal?: AbortSignal,
): AsyncGenerator<SearchStep, void, undefined> {
  const places = select(reader.index.pictures, query);
  const text = (query.text ?? '').toLowerCase();
  let [searched, found, told] = [0, 0, 0];
  let rows: PictureRow[] = [];
  signal?.throwIfAborted();
  for await (const row of reader.details.streamRows(places)) {
    signal?.throwIfAborted();
    searched += 1;
    if (holds(row, text, query.prompt)) {
      found += 1;
      rows.push(row);
    }
    if (rows.length < FOUND && searched - told < LOOKED_AT) continue;
    yield { rows, searched, of: places.length, found };
    [rows, told] = [[], searched];
  }
  if (searched > told || searched === 0) yield { rows, searched, of: places.length, found };
}

function holds({ name, answers }: PictureRow, text: string, prompt: string | undefined): boolean {
  if (name.toLowerCase().includes(text)) return true;
  return Object.entries(answers).some(
    ([id, answer]) =>
      (prompt === undefined || id === prompt) &&
      'description' in answer &&
      answer.description.toLowerCase().includes(text),
  );
}

/** {@link select} with the query's `text` too, which takes a search through the shards where one is given. */
export async function selectWithText(
  reader: Pick<PictureReader, 'index' | 'details'>,
  query: PictureQuery,
  signal?: AbortSignal,
): Promise<Int32Array> {
  if (query.text === undefined || query.text === '') return select(reader.index.pictures, query);
  const found: number[] = [];
  for await (const { rows } of searchPictures(reader, query, signal)) found.push(...rows.map(({ at }) => at));
  return Int32Array.from(found);
}
