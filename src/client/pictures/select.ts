import { compareNatural } from '../../shared/natural-order.ts';
import { NONE, type PictureQuery, PictureQueryError, type PictureSort } from '../../shared/picture-query.ts';
import { isAnswered, isFailed, isMatch, type Pictures, UNASKED } from './columns.ts';
import type { Neighbours } from './types.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/**
 * Places of the pictures that a query finds, in its order: by name as people sort (`cam 9` before `cam 10`, whatever the
 * case), equal ones by place. Of as large a count or the same time they are in that order too, also backwards; those
 * without a time come last. The query's `text` needs descriptions and is not looked at: `selectWithText` does.
 *
 * @throws PictureQueryError for a prompt that the run has not.
 */
export function select(pictures: Pictures, query: PictureQuery): Int32Array {
  const isWanted = filterOf(pictures, query);
  return inOrder(
    pictures,
    orderByName(pictures).filter((at) => isWanted(at)),
    query,
  );
}

/** The same pictures in the order that the query names; `byName` are in that of their names. */
function inOrder(pictures: Pictures, byName: Int32Array, query: PictureQuery): Int32Array {
  const sort: PictureSort = query.sort ?? 'name';
  if (sort === 'name') return byName;
  const backwards = sort.startsWith('-');
  if (sort === '-name') return byName.toReversed();
  const prompts = promptsOf(pictures, query);
  const keys = new Float64Array(pictures.end);
  for (const at of byName)
    keys[at] =
      sort === 'time' || sort === '-time'
        ? pictures.clock(at)
        : prompts.reduce((most, prompt) => Math.max(most, pictures.answer(prompt, at)), 0);
  return byName.toSorted((a, b) => {
    const [x, y] = [keys[a] ?? NaN, keys[b] ?? NaN];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return backwards ? y - x : x - y;
  });
}

/** Of the names' arrays that are in use: sorting 100,000 names takes a while, and most of the time none is new. */
const ordersByName = new WeakMap<Pictures['names'], Int32Array>();

function orderByName(pictures: Pictures): Int32Array {
  const known = ordersByName.get(pictures.names);
  if (known !== undefined) return known;
  const places: number[] = [];
  for (let at = 0; at < pictures.end; at += 1) if (pictures.has(at)) places.push(at);
  const order = Int32Array.from(
    places.sort((a, b) => compareNatural(pictures.name(a), pictures.name(b)) || a - b),
  );
  ordersByName.set(pictures.names, order);
  return order;
}

/**
 * Whether a picture is one that the query finds, its text left aside.
 *
 * @throws PictureQueryError for a prompt that the run has not.
 */
function filterOf(pictures: Pictures, query: PictureQuery): (at: number) => boolean {
  const prompts = promptsOf(pictures, query);
  const any = (holds: (code: number) => boolean) => (at: number) =>
    prompts.some((prompt) => holds(pictures.answer(prompt, at)));
  const filters: ((at: number) => boolean)[] = [];
  const { match, count, error, camera, day, hour } = query;
  if (match === 'yes') filters.push(any(isMatch));
  if (match === 'no') {
    const [answered, matched] = [any(isAnswered), any(isMatch)];
    filters.push((at) => answered(at) && !matched(at));
  }
  if (count !== undefined) filters.push(any((code) => code >= count));
  if (error === 'unasked') filters.push(any((code) => code === UNASKED));
  else if (error === 'any') filters.push(any(isFailed));
  else if (error !== undefined) filters.push(any((code) => isFailed(code) && pictures.kind(code) === error));
  if (camera !== undefined) {
    const wanted = camera === NONE ? null : camera;
    filters.push((at) => pictures.camera(at) === wanted);
  }
  if (day !== undefined) {
    const wanted = day === NONE ? null : Date.parse(day) / DAY_MS;
    filters.push((at) => dayNumberOf(pictures.clock(at)) === wanted);
  }
  if (hour !== undefined) {
    const wanted = hour === NONE ? null : hour;
    filters.push((at) => hourOf(pictures.clock(at)) === wanted);
  }
  return (at) => filters.every((holds) => holds(at));
}

/** Numbers of the prompts that a query is about. */
function promptsOf({ prompts }: Pictures, { prompt }: PictureQuery): number[] {
  if (prompt === undefined) return prompts.map((_, number) => number);
  const number = prompts.findIndex(({ id }) => id === prompt);
  if (number >= 0) return [number];
  const ids = prompts.map(({ id }) => id).join(', ');
  throw new PictureQueryError('prompt', prompt, `give one that the run asks: ${ids}.`);
}

/** What filters can choose from: cameras in natural order, days in order. */
export function filtersOf(pictures: Pictures): { cameras: string[]; days: string[] } {
  const cameras = new Set<string>();
  const days = new Set<number>();
  for (let at = 0; at < pictures.end; at += 1) {
    const camera = pictures.camera(at);
    if (camera !== null) cameras.add(camera);
    const day = dayNumberOf(pictures.clock(at));
    if (day !== null) days.add(day);
  }
  return {
    cameras: [...cameras].sort((a, b) => compareNatural(a, b) || (a < b ? -1 : 1)),
    days: [...days].sort((a, b) => a - b).map(dayOf),
  };
}

/** Neighbours of a picture among those that a query finds. */
export function neighboursOf(found: Int32Array, at: number): Neighbours {
  const rank = found.indexOf(at);
  const total = found.length;
  if (rank < 0) return { previous: null, next: null, rank: null, total };
  return { previous: found[rank - 1] ?? null, next: found[rank + 1] ?? null, rank, total };
}

/** Civil time and hour of a picture's clock, and its day as days since 1970; `null` where its name tells none. */
export const timeOf = (clock: number): string | null =>
  Number.isNaN(clock) ? null : new Date(clock).toISOString().slice(0, 19);
export const hourOf = (clock: number): number | null =>
  Number.isNaN(clock) ? null : Math.floor(clock / HOUR_MS) % 24;
export const dayNumberOf = (clock: number): number | null =>
  Number.isNaN(clock) ? null : Math.floor(clock / DAY_MS);

/** `2025-11-25`, from its number. */
export const dayOf = (number: number): string => new Date(number * DAY_MS).toISOString().slice(0, 10);
