import type { PictureRow, Searched } from '../../api.ts';

/** Rows that a text search has found so far, and how far it is. */
export interface FoundRows {
  rows: PictureRow[];
  /** `null` until the server has said something. */
  searched: Searched | null;
  state: 'searching' | 'done' | 'stopped' | 'full' | 'lost';
}

/** Rows kept of one search: more than a person looks through, and a bound for the memory. */
export const MOST_FOUND = 5_000;

export const NOTHING_FOUND_YET: FoundRows = { rows: [], searched: null, state: 'searching' };

/** What the stream says, or what happens to it. */
export type SearchEvent =
  | { said: 'rows'; rows: PictureRow[] }
  | { said: 'searched'; searched: Searched }
  | { said: 'end' }
  | { said: 'lost' }
  | { said: 'stop' };

/** The next state of a search. Once it has ended nothing changes it; `full`: it found more than {@link MOST_FOUND}. */
export function afterSearchEvent(found: FoundRows, event: SearchEvent, most = MOST_FOUND): FoundRows {
  if (found.state !== 'searching') return found;
  switch (event.said) {
    case 'rows': {
      const rows = [...found.rows, ...event.rows];
      return rows.length > most ? { ...found, rows: rows.slice(0, most), state: 'full' } : { ...found, rows };
    }
    case 'searched':
      return { ...found, searched: event.searched };
    case 'end':
      return { ...found, state: 'done' };
    case 'lost':
      return { ...found, state: 'lost' };
    case 'stop':
      return { ...found, state: 'stopped' };
  }
}
