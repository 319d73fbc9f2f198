import type { Cell } from '../../api.ts';

/** Below so many answered pictures a share says little; the cell is marked. */
export const FEW = 20;

/** How one cell of a heat table is shown. */
export interface HeatCell {
  matches: number;
  answered: number;
  /** Matches of answered, 0 to 1; `null` where no picture was answered. */
  share: number | null;
  /** Shade from 0 (no match) to 5 (the largest share of the prompt's column). */
  shade: number;
  /** Fewer than {@link FEW} pictures stand behind it. */
  few: boolean;
}

/** One row of a heat table. */
export interface HeatRow {
  key: string;
  /** What the pictures of the row have in common. */
  label: string;
  pictures: number;
  cells: Record<string, Cell>;
  /** Address of the row's pictures, or of those that matched a prompt. */
  hrefOf: (prompt: string | null) => string;
}

const SHADES = 5;

const shareOf = ({ matches, answered }: Cell): number | null => (answered === 0 ? null : matches / answered);

/**
 * Shades one prompt's cells against each other: a rare defect's column has a darkest cell as a frequent one's has.
 * Cells of few pictures do not set the scale as long as there are others (1 of 1 would pale all the rest).
 */
export function heatColumn(cells: (Cell | undefined)[]): HeatCell[] {
  const known = cells.map((cell) => cell ?? { answered: 0, matches: 0 });
  const sure = known.filter((cell) => cell.answered >= FEW);
  const scale = Math.max(0, ...(sure.length > 0 ? sure : known).map((cell) => shareOf(cell) ?? 0));
  return known.map((cell) => {
    const share = shareOf(cell);
    const shade =
      share === null || share === 0
        ? 0
        : scale === 0
          ? SHADES
          : Math.min(SHADES, Math.max(1, Math.ceil((share / scale) * SHADES - 1e-9)));
    return { ...cell, share, shade, few: cell.answered > 0 && cell.answered < FEW };
  });
}

/** `07:00–07:59`, the hour as the clock of the names has it. */
export const hourName = (hour: number): string => {
  const two = String(hour).padStart(2, '0');
  return `${two}:00–${two}:59`;
};
