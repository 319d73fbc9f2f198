/** What a grid must know to tell where a key leads. */
export interface GridShape {
  columns: number;
  total: number;
  /** Whole rows that fit the viewport. */
  page: number;
}

export interface KeyPress {
  key: string;
  ctrlKey?: boolean;
  metaKey?: boolean;
  altKey?: boolean;
  shiftKey?: boolean;
}

/**
 * Place that a key moves the selection to, as in the grid pattern of the ARIA practices: arrows by one cell or row, Home
 * and End in the row, with Ctrl in all, Page keys by a viewport. `null`: the key moves nothing and is the browser's.
 */
export function moved(from: number, press: KeyPress, { columns, total, page }: GridShape): number | null {
  if (total === 0 || press.altKey || press.metaKey || press.shiftKey) return null;
  const last = total - 1;
  const row = from - (from % columns);
  const within = (to: number): number => Math.min(last, Math.max(0, to));
  if (press.ctrlKey) return press.key === 'Home' ? 0 : press.key === 'End' ? last : null;
  switch (press.key) {
    case 'ArrowRight':
      return within(from + 1);
    case 'ArrowLeft':
      return within(from - 1);
    case 'ArrowDown':
      // Below the last but one row there may be no cell in this column: the last one is what is meant.
      return from + columns <= last ? from + columns : row + columns <= last ? last : from;
    case 'ArrowUp':
      return from - columns >= 0 ? from - columns : from;
    case 'PageDown':
      return within(from + columns * Math.max(1, page) <= last ? from + columns * Math.max(1, page) : last);
    case 'PageUp':
      return from - columns * Math.max(1, page) >= 0 ? from - columns * Math.max(1, page) : from % columns;
    case 'Home':
      return row;
    case 'End':
      return within(row + columns - 1);
    default:
      return null;
  }
}
