import { compareNatural } from '../../shared/natural-order.ts';
import { isAnswered, isFailed, isMatch, type Pictures, UNASKED } from './columns.ts';
import type { RunIndex } from './run-index.ts';
import { dayNumberOf, dayOf, hourOf } from './select.ts';
import type { Cell, Summary } from './types.ts';

/** Sums over some pictures of a run, in all and by camera, hour and day of their names. */
export function summarize({ pictures, version }: RunIndex, places: Iterable<number>): Summary {
  const prompts = pictures.prompts.map(({ id, name }) => ({
    ...{ id, name, answered: 0, matches: 0, counted: 0, failed: 0, unasked: 0 },
  }));
  const cameras = createTable<string>(pictures);
  const hours = createTable<number>(pictures);
  const days = createTable<number>(pictures);
  for (const at of places) {
    const clock = pictures.clock(at);
    cameras.add(pictures.camera(at), at);
    hours.add(hourOf(clock), at);
    days.add(dayNumberOf(clock), at);
    for (const [number, sums] of prompts.entries()) {
      const code = pictures.answer(number, at);
      if (code === UNASKED) sums.unasked += 1;
      else if (isFailed(code)) sums.failed += 1;
      else sums.answered += 1;
      if (!isMatch(code)) continue;
      sums.matches += 1;
      sums.counted += code;
    }
  }
  return {
    version,
    prompts,
    cameras: cameras
      .rows()
      .sort((a, b) => b.pictures - a.pictures || compareNatural(a.key ?? '', b.key ?? ''))
      .map(({ key, ...row }) => ({ camera: key, ...row })),
    hours: inOrder(hours.rows()).map(({ key, ...row }) => ({ hour: key, ...row })),
    days: inOrder(days.rows()).map(({ key, ...row }) => ({
      day: key === null ? null : dayOf(key),
      ...row,
    })),
  };
}

interface Row<K> {
  key: K | null;
  pictures: number;
  cells: Record<string, Cell>;
}

/** Counts pictures, answers and matches by a key that each picture has. */
function createTable<K>({ prompts, answer }: Pictures): {
  add(key: K | null, at: number): void;
  rows(): Row<K>[];
} {
  const rows = new Map<K | null, Row<K>>();
  const emptyRow = (key: K | null): Row<K> => ({
    key,
    pictures: 0,
    cells: Object.fromEntries(prompts.map(({ id }) => [id, { answered: 0, matches: 0 }])),
  });
  return {
    add(key, at) {
      const row = rows.get(key) ?? emptyRow(key);
      rows.set(key, row);
      row.pictures += 1;
      for (const [number, { id }] of prompts.entries()) {
        const [cell, code] = [row.cells[id], answer(number, at)];
        if (cell === undefined || !isAnswered(code)) continue;
        cell.answered += 1;
        if (isMatch(code)) cell.matches += 1;
      }
    },
    rows: () => [...rows.values()],
  };
}

/** By key, and last what has none. */
const inOrder = (rows: Row<number>[]): Row<number>[] =>
  rows.sort((a, b) => (a.key === null ? 1 : b.key === null ? -1 : a.key - b.key));
