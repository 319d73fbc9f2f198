/** Where the cells of a grid of pictures lie: arithmetic alone, in CSS pixels. */
export interface GridLayout {
  columns: number;
  rows: number;
  cellWidth: number;
  thumbHeight: number;
  /** Of a cell with its caption, without the gap to the next row. */
  rowHeight: number;
  gap: number;
}

const GAP = 12;
const NARROW = 600;
/** Smallest cell: two fit side by side on a phone. */
const MIN_CELL = { narrow: 150, wide: 210 };
/** Two lines of caption, in root font sizes, so that it grows with a reader's own text size. */
const CAPTION_REM = 4;

/**
 * @param width of the grid
 * @param total pictures
 * @param rem the root font size
 */
export function layoutOf(width: number, total: number, rem: number): GridLayout {
  const least = width < NARROW ? MIN_CELL.narrow : MIN_CELL.wide;
  const columns = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
  const cellWidth = Math.max(1, Math.floor((width - GAP * (columns - 1)) / columns));
  const thumbHeight = Math.round((cellWidth * 2) / 3);
  const rowHeight = thumbHeight + Math.round(CAPTION_REM * rem);
  return { columns, rows: Math.ceil(total / columns), cellWidth, thumbHeight, rowHeight, gap: GAP };
}

/** Height of all rows with the gaps between them. */
export const heightOf = ({ rows, rowHeight, gap }: GridLayout): number =>
  rows === 0 ? 0 : rows * (rowHeight + gap) - gap;

/**
 * Tallest element that we make. Browsers cut an element off higher up: Firefox at some 17.9 million px, Chromium and
 * Safari at some 33.5 million.
 */
export const MAX_HEIGHT = 12_000_000;

/**
 * A grid taller than a browser can draw, told by a shorter element: one pixel scrolled in the element is `factor` pixels
 * of the grid, so that its first row is at the element's top and its last at its bottom.
 */
export interface Scale {
  /** Of the element. */
  height: number;
  factor: number;
  /** Scrolled pixels of the element after which the grid's end is reached. */
  travel: number;
}

export function scaleOf(height: number, viewport: number, most: number = MAX_HEIGHT): Scale {
  if (height <= most || most <= viewport)
    return { height, factor: 1, travel: Math.max(0, height - viewport) };
  return { height: most, factor: (height - viewport) / (most - viewport), travel: most - viewport };
}

/** Grid's pixel at the viewport's top when the element is scrolled by `y`; above the element (`y` < 0) both are the same. */
export const gridOffset = (scale: Scale, y: number): number =>
  y <= 0 || scale.factor === 1 ? y : Math.min(y, scale.travel) * scale.factor + Math.max(0, y - scale.travel);

/** The reverse of {@link gridOffset}. */
export const elementOffset = (scale: Scale, offset: number): number => {
  const end = scale.travel * scale.factor;
  return offset <= 0 || scale.factor === 1
    ? offset
    : Math.min(offset, end) / scale.factor + Math.max(0, offset - end);
};

/** Where in the element a row that starts at the grid's pixel `start` is drawn while the element is scrolled by `y`. */
export const drawnAt = (scale: Scale, start: number, y: number): number =>
  scale.factor === 1 ? start : start - gridOffset(scale, y) + y;

/**
 * Grid offset that shows a row: unchanged when the row is wholly in view.
 * @param covered pixels at the viewport's top that something sticky covers
 */
export function offsetToShow(
  layout: GridLayout,
  row: number,
  view: { offset: number; height: number; covered: number },
  align: 'auto' | 'center' = 'auto',
): number {
  const start = row * (layout.rowHeight + layout.gap);
  const end = start + layout.rowHeight;
  const top = view.offset + view.covered;
  const bottom = view.offset + view.height;
  if (start >= top && end <= bottom) return view.offset;
  const room = view.height - view.covered;
  if (align === 'center') return start - view.covered - Math.max(0, (room - layout.rowHeight) / 2);
  return start < top ? start - view.covered - layout.gap : end + layout.gap - view.height;
}
