import { useEffect, useReducer } from 'preact/hooks';
import type { PicturePage, PictureRow, Searched } from '../../api.ts';
import type { PictureQuery } from '../../../shared/picture-query.ts';
import { events, get } from '../api-client.ts';
import { page, server } from './addresses.ts';
import { afterSearchEvent, type FoundRows, NOTHING_FOUND_YET, type SearchEvent } from './found-rows.ts';
import { createRanges, type PageFacts } from './ranges.ts';

/** The pictures that a query finds, as a grid needs them. */
export interface PictureSource {
  /** Address of the grid that shows it. */
  address: string;
  /** Calls `heard` whenever something of it is another, until the returned function is called. */
  listen: (heard: () => void) => () => void;
  row: (place: number) => PictureRow | undefined;
  /** The rows that are in view. */
  need: (first: number, last: number) => void;
  /** How many there are; `null` until something is known. */
  total: () => number | null;
  /** What is known of the whole run; `null` until it is, and of a text search. */
  facts: () => PageFacts | null;
  failure: () => unknown;
  retry: () => void;
  tell: (version: string) => void;
  stale: () => boolean;
  refresh: () => void;
  /** Nobody looks any more: stops what is under way, keeps what is there. */
  rest: () => void;
  /** How far a text search is; `null` where none is needed. */
  search: () => FoundRows | null;
  stopSearch: () => void;
}

/** Rows of one request: a screen and a half of a desk. */
const TAKE = 60;
/** Ranges kept: 3,600 rows, some megabytes with their descriptions. */
const KEEP = 60;

function emitter(): { listen: PictureSource['listen']; emit: () => void } {
  const listeners = new Set<() => void>();
  return {
    listen(heard) {
      listeners.add(heard);
      return () => listeners.delete(heard);
    },
    emit() {
      for (const heard of listeners) heard();
    },
  };
}

function rangedSource(run: string, query: PictureQuery): PictureSource {
  const { listen, emit } = emitter();
  const ranges = createRanges({
    take: TAKE,
    keep: KEEP,
    fetchPage: (from, take, aborted) => get<PicturePage>(server.pictures(run, query, from, take), aborted),
    onChange: emit,
  });
  return {
    ...ranges,
    address: page.pictures(run, query),
    listen,
    total: () => ranges.facts()?.total ?? null,
    search: () => null,
    stopSearch: () => undefined,
  };
}

/** Text is not in the index: the server reads every description, and tells what it finds while it does. */
function searchedSource(run: string, query: PictureQuery): PictureSource {
  const { listen, emit } = emitter();
  let found = NOTHING_FOUND_YET;
  let close = (): void => undefined;
  let version: string | null = null;
  let stale = false;

  const hear = (event: SearchEvent): void => {
    found = afterSearchEvent(found, event);
    if (found.state !== 'searching') close();
    emit();
  };
  const start = (): void => {
    found = NOTHING_FOUND_YET;
    stale = false;
    close = events(
      server.search(run, query),
      {
        rows: (rows) => hear({ said: 'rows', rows: rows as PictureRow[] }),
        searched: (searched) => hear({ said: 'searched', searched: searched as Searched }),
        end: () => hear({ said: 'end' }),
      },
      // Begun again by the browser it would find everything twice.
      (connection) => connection === 'lost' && hear({ said: 'lost' }),
    );
    emit();
  };
  start();

  return {
    address: page.pictures(run, query),
    listen,
    row: (place) => found.rows[place],
    need: () => undefined,
    total: () => found.rows.length,
    facts: () => null,
    failure: () => null,
    retry: start,
    tell(said) {
      stale ||= version !== null && said !== version;
      version = said;
      emit();
    },
    stale: () => stale && found.state !== 'searching',
    refresh: start,
    rest: () => undefined,
    search: () => found,
    stopSearch: () => hear({ said: 'stop' }),
  };
}

let kept: PictureSource | null = null;

/**
 * The source of a grid. The last one is kept, so that who looked at one picture returns to rows that are there; one for
 * another address ends it.
 */
export function sourceOf(run: string, query: PictureQuery): PictureSource {
  const address = page.pictures(run, query);
  if (kept?.address === address) return kept;
  kept?.stopSearch();
  kept?.rest();
  kept = query.text === undefined ? rangedSource(run, query) : searchedSource(run, query);
  return kept;
}

/** Renders a component again whenever something of the source is another. */
export function useChanges(source: PictureSource): void {
  const [, render] = useReducer((n: number) => n + 1, 0);
  useEffect(() => source.listen(() => render(undefined)), [source]);
}
