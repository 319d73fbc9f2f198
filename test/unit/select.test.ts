import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { draftOf, noPictures, type Pictures } from '../../src/client/pictures/columns.ts';
import { filtersOf, neighboursOf, select } from '../../src/client/pictures/select.ts';
import { compareNatural } from '../../src/shared/natural-order.ts';
import { placeInName } from '../../src/shared/picture-name.ts';
import { type PictureQuery, PictureQueryError } from '../../src/shared/picture-query.ts';
import type { FailureKind } from '../../src/shared/types.ts';

const PROMPTS = [
  { id: 'crowd', name: 'Crowd' },
  { id: 'pothole', name: 'Pothole' },
];

interface Plain {
  at: number;
  name: string;
  answers: Record<string, number | FailureKind>;
}

function picturesOf(rows: readonly Plain[]): Pictures {
  const draft = draftOf(noPictures(PROMPTS), Math.max(0, ...rows.map(({ at }) => at + 1)));
  for (const { at, name, answers } of rows) {
    draft.picture(at, { name, identity: name });
    for (const [id, value] of Object.entries(answers)) draft.answer(at, id, value);
  }
  return draft.finish();
}

/** What `select` promises, row by row. */
function naively(rows: readonly Plain[], query: PictureQuery): number[] {
  const ids = query.prompt === undefined ? ['crowd', 'pothole'] : [query.prompt];
  const values = ({ answers }: Plain): (number | FailureKind | undefined)[] => ids.map((id) => answers[id]);
  const counts = (row: Plain): number[] => values(row).filter((value) => typeof value === 'number');
  const place = ({ name }: Plain): { camera: string | null; time: string | null } => placeInName(name);
  const wanted = rows.filter((row) => {
    const { match, count, error, camera, day, hour } = query;
    if (match === 'yes' && !counts(row).some((n) => n > 0)) return false;
    if (match === 'no' && !(counts(row).length > 0 && counts(row).every((n) => n === 0))) return false;
    if (count !== undefined && !counts(row).some((n) => n >= count)) return false;
    if (error === 'unasked' && !values(row).includes(undefined)) return false;
    if (error === 'any' && !values(row).some((value) => typeof value === 'string')) return false;
    if (error !== undefined && error !== 'any' && error !== 'unasked' && !values(row).includes(error))
      return false;
    if (camera !== undefined && (place(row).camera ?? 'none') !== camera) return false;
    if (day !== undefined && (place(row).time?.slice(0, 10) ?? 'none') !== day) return false;
    const told = place(row).time?.slice(11, 13);
    return hour === undefined || (told === undefined ? 'none' : Number(told)) === hour;
  });
  const named = wanted.toSorted((a, b) => compareNatural(a.name, b.name) || a.at - b.at);
  const sort = query.sort ?? 'name';
  const sign = sort.startsWith('-') ? -1 : 1;
  if (sort === 'name') return named.map(({ at }) => at);
  if (sort === '-name') return named.reverse().map(({ at }) => at);
  const key = (row: Plain): string | number | null =>
    sort.endsWith('time') ? place(row).time : Math.max(0, ...counts(row));
  return named
    .sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === y) return 0;
      if (x === null || y === null) return x === null ? 1 : -1;
      return x < y ? -sign : sign;
    })
    .map(({ at }) => at);
}

const value = fc.oneof(fc.nat(3), fc.constantFrom<FailureKind>('Refused', 'Lost'));
const name = fc
  .tuple(
    fc.constantFrom('cam9', 'Cam10', 'CAM9', 'b'),
    fc.constantFrom('_20251125_112143', '_20251125_230000', '_20251124_112143', '_1', ''),
  )
  .map(([camera, time]) => `${camera}${time}.jpg`);
const rows = fc
  .array(
    fc.record({
      name,
      answers: fc.record({ crowd: value, pothole: value }, { requiredKeys: [] }),
      gap: fc.nat(2),
    }),
    { maxLength: 30 },
  )
  .map((list) => {
    let next = 0;
    return list.map(({ gap, ...row }) => ({ ...row, at: (next += gap + 1) }));
  });
const query: fc.Arbitrary<PictureQuery> = fc.record(
  {
    prompt: fc.constantFrom('crowd', 'pothole'),
    match: fc.constantFrom('yes', 'no'),
    count: fc.integer({ min: 1, max: 3 }),
    error: fc.constantFrom('any', 'unasked', 'Refused', 'Timeout'),
    camera: fc.constantFrom('cam9', 'Cam10', 'nowhere', 'none'),
    day: fc.constantFrom('2025-11-25', '2025-11-24', 'none'),
    hour: fc.constantFrom(11, 23, 'none' as const),
    sort: fc.constantFrom('name', '-name', 'time', '-time', 'count', '-count'),
  },
  { requiredKeys: [] },
);

describe('select', () => {
  test('finds what a look at each row finds, in the same order', () => {
    fc.assert(
      fc.property(rows, query, (rows, query) => {
        expect([...select(picturesOf(rows), query)]).toEqual(naively(rows, query));
      }),
      { numRuns: 1_000 },
    );
  });

  test('refuses a prompt that the run has not, and names those that it has', () => {
    const pictures = picturesOf([]);
    expect(() => select(pictures, { prompt: 'cat' })).toThrow(PictureQueryError);
    expect(() => select(pictures, { prompt: 'cat' })).toThrow('crowd, pothole');
  });

  test('sorts 100,000 pictures of 200 cameras in a moment, and again without sorting', () => {
    const pictures = picturesOf(
      Array.from({ length: 100_000 }, (_, at) => ({
        at,
        name: `2025-11-25/ROAD_SIDE_10_246_${Math.floor(at / 500)}_9_20251125_${String(100_000 + (at % 500))}.jpg`,
        answers: {},
      })),
    );
    const start = performance.now();
    const found = select(pictures, {});
    const sorted = performance.now();
    expect(select(pictures, {})).toEqual(found);
    expect([found[0], found.length]).toEqual([0, 100_000]);
    expect(sorted - start).toBeLessThan(2_000);
  });
});

test('filters can choose from the cameras and days that there are', () => {
  const pictures = picturesOf(
    ['cam10_20251125_112143', 'cam9_20251125_112143', 'cam9_20251124_000000', 'holiday'].map((name, at) => ({
      ...{ at, name, answers: {} },
    })),
  );
  expect(filtersOf(pictures)).toEqual({ cameras: ['cam9', 'cam10'], days: ['2025-11-24', '2025-11-25'] });
});

test.each([
  [5, { previous: null, next: 9, rank: 0, total: 3 }],
  [9, { previous: 5, next: 2, rank: 1, total: 3 }],
  [2, { previous: 9, next: null, rank: 2, total: 3 }],
  [7, { previous: null, next: null, rank: null, total: 3 }],
])('neighbours of %i', (at, neighbours) => {
  expect(neighboursOf(Int32Array.of(5, 9, 2), at)).toEqual(neighbours);
});
