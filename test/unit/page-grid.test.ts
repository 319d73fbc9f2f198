import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { moved } from '../../src/web/app/pictures/grid-keys.ts';
import {
  drawnAt,
  elementOffset,
  gridOffset,
  heightOf,
  layoutOf,
  MAX_HEIGHT,
  offsetToShow,
  scaleOf,
} from '../../src/web/app/pictures/grid-layout.ts';
import { createSlots } from '../../src/web/app/pictures/slots.ts';

describe('layout', () => {
  test.each([
    { what: 'a phone of 390 px', width: 358, columns: 2 },
    { what: 'a desk of 1280 px', width: 1216, columns: 5 },
    { what: 'a sliver', width: 80, columns: 1 },
  ])('$what has $columns columns that fit', ({ width, columns }) => {
    const layout = layoutOf(width, 100, 16);
    expect(layout.columns).toBe(columns);
    expect(layout.rows).toBe(Math.ceil(100 / columns));
    expect(columns * layout.cellWidth + (columns - 1) * layout.gap).toBeLessThanOrEqual(width);
  });

  test('one picture is one row, none is no height', () => {
    expect(heightOf(layoutOf(358, 1, 16))).toBe(layoutOf(358, 1, 16).rowHeight);
    expect(heightOf(layoutOf(358, 0, 16))).toBe(0);
  });

  test('the caption grows with the reader’s text', () => {
    expect(layoutOf(358, 1, 32).rowHeight - layoutOf(358, 1, 16).rowHeight).toBe(64);
  });
});

describe('scale', () => {
  test('100,000 pictures on a phone are drawn in an element that every browser can make', () => {
    const scale = scaleOf(heightOf(layoutOf(358, 100_000, 16)), 844);
    expect(scale.height).toBeLessThanOrEqual(MAX_HEIGHT);
  });

  test('a grid that fits is not scaled', () => {
    const scale = scaleOf(5000, 800);
    expect(scale).toEqual({ height: 5000, factor: 1, travel: 4200 });
    expect(drawnAt(scale, 1234, 777)).toBe(1234);
  });

  test('a grid too tall begins at the element’s top and ends at its bottom', () => {
    const scale = scaleOf(50_000_000, 800, 1_000_000);
    expect(gridOffset(scale, 0)).toBe(0);
    expect(gridOffset(scale, 999_200)).toBeCloseTo(49_999_200, 3);
    expect(drawnAt(scale, 0, 0)).toBe(0);
    expect(drawnAt(scale, 50_000_000 - 200, 999_200)).toBeCloseTo(1_000_000 - 200, 3);
  });

  test('what is scrolled to is where the window is then, and rows at the window’s top are drawn there', () => {
    const heights = fc.integer({ min: 1, max: 80_000_000 });
    fc.assert(
      fc.property(
        heights,
        fc.integer({ min: 300, max: 2000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (height, viewport, part) => {
          const scale = scaleOf(height, viewport, 1_000_000);
          const offset = part * Math.max(0, height - viewport);
          const y = elementOffset(scale, offset);
          expect(y).toBeLessThanOrEqual(Math.max(0, scale.height - viewport) + 1e-6);
          expect(gridOffset(scale, y)).toBeCloseTo(offset, 2);
          expect(drawnAt(scale, offset, y)).toBeCloseTo(y, 2);
        },
      ),
    );
  });
});

describe('a row is brought into view', () => {
  const layout = layoutOf(358, 1000, 16);
  const step = layout.rowHeight + layout.gap;
  test.each([
    { what: 'in view: nothing moves', row: 2, offset: step, expected: step },
    { what: 'above: to the top, below the bar', row: 0, offset: 3 * step, expected: -44 - layout.gap },
    { what: 'below: to the bottom', row: 9, offset: 0, expected: 10 * step - 800 },
  ])('$what', ({ row, offset, expected }) => {
    expect(offsetToShow(layout, row, { offset, height: 800, covered: 44 })).toBe(expected);
  });
});

describe('keys', () => {
  // Three columns, ten pictures: 0 1 2 / 3 4 5 / 6 7 8 / 9
  const shape = { columns: 3, total: 10, page: 2 };
  test.each([
    { key: 'ArrowRight', from: 2, to: 3 },
    { key: 'ArrowRight', from: 9, to: 9 },
    { key: 'ArrowLeft', from: 3, to: 2 },
    { key: 'ArrowLeft', from: 0, to: 0 },
    { key: 'ArrowDown', from: 1, to: 4 },
    { key: 'ArrowDown', from: 7, to: 9 },
    { key: 'ArrowDown', from: 9, to: 9 },
    { key: 'ArrowUp', from: 9, to: 6 },
    { key: 'ArrowUp', from: 1, to: 1 },
    { key: 'PageDown', from: 1, to: 7 },
    { key: 'PageDown', from: 5, to: 9 },
    { key: 'PageUp', from: 7, to: 1 },
    { key: 'PageUp', from: 4, to: 1 },
    { key: 'Home', from: 5, to: 3 },
    { key: 'End', from: 3, to: 5 },
    { key: 'End', from: 9, to: 9 },
    { key: 'j', from: 3, to: null },
    { key: 'Enter', from: 3, to: null },
  ])('$key at $from leads to $to', ({ key, from, to }) => {
    expect(moved(from, { key }, shape)).toBe(to);
  });

  test.each([
    { press: { key: 'Home', ctrlKey: true }, to: 0 },
    { press: { key: 'End', ctrlKey: true }, to: 9 },
    { press: { key: 'ArrowDown', ctrlKey: true }, to: null },
    { press: { key: 'ArrowLeft', altKey: true }, to: null },
    { press: { key: 'ArrowLeft', metaKey: true }, to: null },
    { press: { key: 'ArrowLeft', shiftKey: true }, to: null },
  ])('with $press', ({ press, to }) => {
    expect(moved(5, press, shape)).toBe(to);
  });

  test('of no picture none moves', () => {
    expect(moved(0, { key: 'ArrowRight' }, { ...shape, total: 0 })).toBeNull();
  });
});

describe('elements of the pictures that are drawn', () => {
  const drawn = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);
  const keysOf = (slots: { key: number }[]) => slots.map(({ key }) => key);

  test('a picture keeps its element as long as it is drawn, and all are in the pictures’ order', () => {
    const slots = createSlots();
    const before = slots.assign(drawn(0, 6), false);
    const after = slots.assign(drawn(3, 9), false);
    expect(after.map(({ place }) => place)).toEqual([3, 4, 5, 6, 7, 8]);
    expect(keysOf(after).slice(0, 3)).toEqual(keysOf(before).slice(3));
    expect(new Set(keysOf([...before, ...after])).size).toBe(9);
  });

  test('in a rush those of pictures gone by are used again, and none is moved', () => {
    const slots = createSlots();
    const before = keysOf(slots.assign(drawn(0, 6), true));
    const after = slots.assign(drawn(4, 10), true);
    expect(keysOf(after)).toEqual(before);
    expect(after.map(({ place }) => place)).toEqual([6, 7, 8, 9, 4, 5]);
    expect(keysOf(slots.assign(drawn(100, 106), true))).toEqual(before);
  });

  test('after it they are in the pictures’ order again, each as it was', () => {
    const slots = createSlots();
    slots.assign(drawn(0, 6), true);
    const rushed = new Map(slots.assign(drawn(4, 10), true).map(({ place, key }) => [place, key]));
    const rested = slots.assign(drawn(4, 10), false);
    expect(rested.map(({ place }) => place)).toEqual(drawn(4, 10));
    for (const { place, key } of rested) expect(key).toBe(rushed.get(place));
  });
});
