import { StoreError } from '../../shared/result-store.ts';

/** What a place holds, in the words of its errors, and the flag or setting that names another one. */
export interface PlaceUse {
  what: string;
  setting: string;
}

export const RESULTS: PlaceUse = { what: 'results', setting: '--results' };
export const ANSWERS: PlaceUse = { what: 'answers', setting: 'ANSWERS' };

/**
 * Checks the name of a run's file or folder: relative, with `/`, and never out of the run's own folder.
 * Throws a {@link StoreError} `invalid`.
 */
export function checkStorePath(place: string, relative: string): string {
  const parts = relative.split('/');
  const sound =
    !relative.includes('\\') &&
    !relative.includes('\0') &&
    !parts.some((part) => ['', '.', '..'].includes(part));
  if (sound) return relative;
  throw new StoreError(
    'invalid',
    `${JSON.stringify(relative)} is no path below ${place}: give a relative one, with "/" between its parts.`,
  );
}
