import { describe, expect, test } from 'vitest';
import { formatQuery } from '../../src/shared/picture-query.ts';
import { FEW, heatColumn, hourName } from '../../src/web/app/pictures/heat.ts';
import { heatRows } from '../../src/web/app/pictures/heat-rows.ts';
import { pagesOf } from '../../src/web/app/pictures/pages.ts';

const cell = (matches: number, answered: number) => ({ matches, answered });

describe('a column of a heat table', () => {
  test.each([
    {
      what: 'is shaded from none to the largest share',
      cells: [cell(0, 100), cell(1, 100), cell(25, 100), cell(50, 100)],
      shades: [0, 1, 3, 5],
    },
    {
      what: 'of a rare match has a darkest cell too',
      cells: [cell(1, 10_000), cell(2, 10_000)],
      shades: [3, 5],
    },
    { what: 'is not paled by one of one', cells: [cell(1, 1), cell(20, 100)], shades: [5, 5] },
    { what: 'of few pictures alone is shaded among them', cells: [cell(1, 2), cell(2, 2)], shades: [3, 5] },
    { what: 'without any match has no shade', cells: [cell(0, 5), cell(0, 0)], shades: [0, 0] },
    { what: 'has no shade where there is no answer', cells: [undefined, cell(3, 30)], shades: [0, 5] },
  ])('$what', ({ cells, shades }) => {
    expect(heatColumn(cells).map(({ shade }) => shade)).toEqual(shades);
  });

  test('no share is none of none', () => {
    expect(heatColumn([cell(0, 0), cell(0, 9), cell(3, 12)]).map(({ share }) => share)).toEqual([
      null,
      0,
      0.25,
    ]);
  });

  test('few pictures are marked, no picture is not few', () => {
    const marked = heatColumn([cell(0, 0), cell(1, 1), cell(1, FEW - 1), cell(1, FEW)]).map(({ few }) => few);
    expect(marked).toEqual([false, true, true, false]);
  });
});

test('an hour is named from its first to its last minute', () => {
  expect([0, 23].map(hourName)).toEqual(['00:00–00:59', '23:00–23:59']);
});

describe('a heat table leads to the pictures behind it', () => {
  const cells = { pothole: cell(1, 2) };
  const { cameras, hours, days } = heatRows(
    { camera: 'A', error: 'any', sort: '-time' },
    {
      cameras: [
        { camera: 'B 1', pictures: 2, cells },
        { camera: null, pictures: 1, cells },
      ],
      hours: [{ hour: 0, pictures: 2, cells }],
      days: [{ day: '2025-11-25', pictures: 2, cells }],
    },
    formatQuery,
  );

  test('a cell to its matches, whatever else was asked of the answers', () => {
    expect(cameras[0]?.hrefOf('pothole')).toBe('prompt=pothole&match=yes&camera=B+1&sort=-time');
    expect(hours[0]?.hrefOf('pothole')).toBe('prompt=pothole&match=yes&camera=A&hour=0&sort=-time');
    expect(days[0]?.hrefOf('pothole')).toBe('prompt=pothole&match=yes&camera=A&day=2025-11-25&sort=-time');
  });

  test('a row to its pictures, with all that was asked', () => {
    expect(days[0]?.hrefOf(null)).toBe('error=any&camera=A&day=2025-11-25&sort=-time');
  });

  test('what the names do not tell is named so and leads to those pictures', () => {
    expect(cameras[1]).toMatchObject({ label: 'No camera in the name', pictures: 1 });
    expect(cameras[1]?.hrefOf('pothole')).toBe('prompt=pothole&match=yes&camera=none&sort=-time');
  });
});

test.each([
  { from: 0, total: 10, expected: { previous: null, next: null, words: '1 to 10 of 10 pictures' } },
  { from: 0, total: 31, expected: { previous: null, next: 30, words: '1 to 30 of 31 pictures' } },
  { from: 30, total: 31, expected: { previous: 0, next: null, words: '31 to 31 of 31 pictures' } },
  { from: 10, total: 3000, expected: { previous: 0, next: 40, words: '11 to 40 of 3,000 pictures' } },
  { from: 90, total: 31, expected: { previous: 60, next: null, words: 'none; there are 31' } },
])('a page from $from of $total', ({ from, total, expected }) => {
  expect(pagesOf(from, 30, total)).toEqual(expected);
});
