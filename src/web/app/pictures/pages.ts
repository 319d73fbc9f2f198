import { count } from '../format.ts';

/** Where a page of a list lies: the starts of its neighbours, `null` at the ends, and `31 to 60 of 120 pictures`. */
export function pagesOf(
  from: number,
  take: number,
  total: number,
): { previous: number | null; next: number | null; words: string } {
  const last = Math.min(total, from + take);
  return {
    previous: from > 0 ? Math.max(0, from - take) : null,
    next: last < total ? last : null,
    words:
      from >= total
        ? `none; there are ${count(total)}`
        : `${count(from + 1)} to ${count(last)} of ${count(total)} pictures`,
  };
}
