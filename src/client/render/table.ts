import stringWidth from 'string-width';
import { cut, pad } from './format.ts';

export interface Column {
  title: string;
  /** Numbers stand to the right. */
  align?: 'left' | 'right';
  /** Gives way when the terminal is too narrow. One column should. */
  shrinks?: boolean;
}

const GAP = '  ';
const NARROWEST = 8;

/** Rows under their titles, no line wider than `width`. Cells are cleaned of control characters. */
export function table(columns: Column[], rows: string[][], width: number): string[] {
  const widths = columns.map(({ title }, at) =>
    Math.max(stringWidth(title), ...rows.map((row) => stringWidth(cut(row[at] ?? '', 4000)))),
  );
  const shrinking = columns.findIndex((column) => column.shrinks === true);
  const excess = widths.reduce((sum, w) => sum + w, 0) + GAP.length * (columns.length - 1) - width;
  if (excess > 0 && shrinking >= 0) {
    widths[shrinking] = Math.max(NARROWEST, (widths[shrinking] ?? 0) - excess);
  }
  const line = (cells: string[]): string =>
    cut(
      columns
        .map(({ align }, at) => {
          const room = widths[at] ?? 0;
          return pad(cut(cells[at] ?? '', room), room, align === 'right' ? 'right' : 'left');
        })
        .join(GAP)
        .trimEnd(),
      width,
    );
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}
