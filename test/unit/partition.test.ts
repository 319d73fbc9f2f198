import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BatchPlace, batchesIn, placeOf } from '../../src/workflows/partition.ts';

test.each([
  { pages: [], batches: 0 },
  { pages: [0], batches: 0 },
  { pages: [1], batches: 1 },
  { pages: [4], batches: 1 },
  { pages: [5], batches: 2 },
  { pages: [339], batches: 85 },
  { pages: [1000, 1000, 3], batches: 501 },
  { pages: [3, 0, 3], batches: 2 },
])('$pages pictures are $batches batches of four', ({ pages, batches }) => {
  expect(batchesIn(pages, 4)).toBe(batches);
});

test.each([
  { batch: 0, pages: [], place: undefined },
  { batch: 0, pages: [10], place: { batch: 0, page: 0, first: 0, images: 4 } },
  { batch: 2, pages: [10], place: { batch: 2, page: 0, first: 8, images: 2 } },
  { batch: 3, pages: [10], place: undefined },
  { batch: 3, pages: [10, 0, 5], place: { batch: 3, page: 2, first: 0, images: 4 } },
  { batch: 4, pages: [10, 0, 5], place: { batch: 4, page: 2, first: 4, images: 1 } },
])('batch $batch of pages $pages', ({ batch, pages, place }) => {
  expect(placeOf(batch, pages, 4)).toEqual(place);
});

test('every picture is in exactly one batch, in order, and no batch spans two pages', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(50), { maxLength: 10 }),
      fc.integer({ min: 1, max: 16 }),
      (pages, batchSize) => {
        const places: BatchPlace[] = [];
        for (
          let place = placeOf(0, pages, batchSize);
          place;
          place = placeOf(places.length, pages, batchSize)
        ) {
          places.push(place);
        }
        expect(places).toHaveLength(batchesIn(pages, batchSize));
        const covered = places.flatMap(({ page, first, images }) =>
          Array.from({ length: images }, (_, i) => `${page}/${first + i}`),
        );
        expect(covered).toEqual(
          pages.flatMap((images, page) => Array.from({ length: images }, (_, i) => `${page}/${i}`)),
        );
        expect(places.every(({ images }) => images >= 1 && images <= batchSize)).toBe(true);
      },
    ),
  );
});
