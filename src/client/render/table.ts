import stringWidth from 'string-width';
import { cut, pad } from './format.ts';

export interface Column {
  title: string;
  /** Numbers stand to the right. */
  align?: 'left' | 'right';
  /** Gives way when the terminal is too narrow; of several the last one first. One column should. */
  shrinks?: boolean;
  /** Left out where even that is not enough; of several the last one first. */
  optional?: boolean;
}

const GAP = '  ';
const NARROWEST = 8;

/** Rows under their titles, no line wider than `width`. Cells are cleaned of control characters. */
export function table(columns: Column[], rows: string[][], width: number): string[] {
  const natural = columns.map(({ title }, at) =>
    Math.max(stringWidth(title), ...rows.map((row) => stringWidth(cut(row[at] ?? '', 4000)))),
  );
  let shown = columns.map((_, at) => at);
  let widths = fitted(columns, natural, shown, width);
  while (sum(shown, widths) > width) {
    const least = shown.findLast((at) => columns[at]?.optional === true);
    if (least === undefined) break;
    shown = shown.filter((at) => at !== least);
    widths = fitted(columns, natural, shown, width);
  }
  const line = (cells: string[]): string =>
    cut(
      shown
        .map((at) => {
          const room = widths[at] ?? 0;
          return pad(cut(cells[at] ?? '', room), room, columns[at]?.align === 'right' ? 'right' : 'left');
        })
        .join(GAP)
        .trimEnd(),
      width,
    );
  return [line(columns.map(({ title }) => title)), ...rows.map(line)];
}

/** Widths of the columns shown, where those that shrink have given way as far as they can and must. */
function fitted(columns: Column[], natural: number[], shown: number[], width: number): number[] {
  const widths = [...natural];
  for (const at of shown.toReversed()) {
    const excess = sum(shown, widths) - width;
    const own = widths[at] ?? 0;
    if (excess <= 0 || columns[at]?.shrinks !== true) continue;
    widths[at] = Math.min(own, Math.max(NARROWEST, own - excess));
  }
  return widths;
}

const sum = (shown: number[], widths: number[]): number =>
  shown.reduce((total, at) => total + (widths[at] ?? 0), GAP.length * Math.max(0, shown.length - 1));
