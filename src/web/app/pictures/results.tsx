import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import type { PictureQuery } from '../../../shared/picture-query.ts';
import type { PictureDetail, RunDetail } from '../../api.ts';
import { get } from '../api-client.ts';
import { count, counted, of as ofAll } from '../format.ts';
import { asProblem } from '../hooks.ts';
import { Button } from '../ui/button.tsx';
import { lastNavigation } from '../ui/navigation.ts';
import { announce } from '../ui/live-region.tsx';
import { Progress } from '../ui/progress.tsx';
import { EmptyState, ErrorState } from '../ui/states.tsx';
import { page, server } from './addresses.ts';
import { movesWithAnswers } from './filter.ts';
import { type FoundRows, MOST_FOUND } from './found-rows.ts';
import { Grid, type Shift } from './grid.tsx';
import { comesBackTo, placeIn, rememberPlace } from './places.ts';
import type { PromptName } from './shown-answers.ts';
import type { PictureSource } from './source.ts';

/** A run with many answers a second is asked for the rows in view no more often than this. */
const QUIET_REFRESH_MS = 2000;

export interface ResultsProps {
  run: string;
  detail: RunDetail | null;
  source: PictureSource;
  /** Pictures of the whole run; `null` while unknown. */
  of: number | null;
  query: PictureQuery;
  prompts: PromptName[];
  /** The page was opened, rather than its filter changed: one is taken to where one was before. */
  returned: boolean;
}

/** The pictures found, with a bar that stays in view: how many there are, and what there is to know of them. */
export function Results({ run, detail, source, of, query, prompts, returned }: ResultsProps) {
  const bar = useRef<HTMLDivElement>(null);
  const [covered, setCovered] = useState(0);
  const { shift, refresh } = useRefresh(run, source, query, detail?.listing === true);
  const start = useMemo(() => {
    const focus = comesBackTo(source.address);
    const place = returned || focus || lastNavigation() === 'pop' ? placeIn(source.address) : undefined;
    return place && { ...place, focus };
  }, [source]);
  const total = source.total();
  const search = source.search();
  const failure = source.failure();
  const found = foundWords(total, of, search);

  useLayoutEffect(() => {
    if (bar.current === null) return undefined;
    const observer = new ResizeObserver(([entry]) => setCovered(entry?.borderBoxSize[0]?.blockSize ?? 0));
    observer.observe(bar.current);
    return () => observer.disconnect();
  }, [total === null]);
  const settled = total !== null && search?.state !== 'searching';
  useEffect(() => {
    // Once: a live run's number grows all the time.
    if (settled) announce(found);
  }, [settled]);

  if (total === null) {
    return failure === null ? (
      <GridSkeleton />
    ) : (
      <ErrorState error={asProblem(failure)} retry={source.retry} />
    );
  }
  return (
    <>
      <div class="found" ref={bar}>
        <p>{found}</p>
        {search !== null && <SearchState search={search} source={source} />}
        {refresh !== null && (
          <Button onClick={() => void refresh()}>
            {search === null ? 'Show new answers' : 'Search again'}
          </Button>
        )}
        {failure !== null && (
          <p class="found-failure" role="alert">
            {asProblem(failure).message} <Button onClick={source.retry}>Try again</Button>
          </p>
        )}
      </div>
      {total === 0 ? (
        search?.state !== 'searching' && <NothingFound run={run} detail={detail} of={of} query={query} />
      ) : (
        <Grid
          run={run}
          label={`Pictures, ${found}`}
          total={total}
          row={source.row}
          hrefOf={(row) => page.picture(run, row.at, query)}
          prompts={prompts}
          about={query.prompt}
          covered={covered}
          start={start}
          shift={shift}
          onNeed={source.need}
          onPlace={(place) => rememberPlace(source.address, place)}
        />
      )}
    </>
  );
}

/**
 * Answers that have come since. Where they move no picture they are fetched quietly; else a person says when, and the
 * picture at the top of the window stays there. `refresh` is `null` when there is nothing to be said.
 */
function useRefresh(run: string, source: PictureSource, query: PictureQuery, listing: boolean) {
  const [shift, setShift] = useState<Shift | null>(null);
  const stale = source.stale();
  // Pictures that are still being found can come in between others, whatever the order.
  const quiet = !listing && !movesWithAnswers(query);
  useEffect(() => {
    if (!stale || !quiet) return undefined;
    // Told of again while it is under way, it is stale still.
    const timer = setInterval(source.refresh, QUIET_REFRESH_MS);
    return () => clearInterval(timer);
  }, [stale, quiet, source]);

  const refresh = async (): Promise<void> => {
    const from = placeIn(source.address)?.rank ?? 0;
    const anchor = source.search() === null ? source.row(from) : undefined;
    if (anchor !== undefined) {
      const now = await get<PictureDetail>(server.picture(run, anchor.at, query)).catch(() => null);
      if (now?.rank != null && now.rank !== from) setShift({ from, to: now.rank });
    }
    source.refresh();
  };
  return { shift, refresh: stale && !quiet ? refresh : null };
}

function foundWords(total: number | null, of: number | null, search: FoundRows | null): string {
  const found = total ?? 0;
  if (search?.state === 'searching') return `${counted(found, 'picture')} found so far`;
  return of === null || of === found ? counted(found, 'picture') : `${ofAll(found, of)} pictures`;
}

/** How far a text search is, and why it has ended where it has not seen all. */
function SearchState({ search, source }: { search: FoundRows; source: PictureSource }) {
  const { searched, state } = search;
  const far = searched === null ? 'Searching' : `${ofAll(searched.searched, searched.of)} pictures looked at`;
  if (state === 'searching') {
    return (
      <div class="search-state">
        <span class="small">{far}</span>
        <Progress label="Pictures looked at" done={searched?.searched ?? 0} total={searched?.of ?? 0} />
        <Button onClick={source.stopSearch}>Stop</Button>
      </div>
    );
  }
  if (state === 'done') return null;
  return (
    <div class="search-state">
      <span class="small">
        {state === 'full'
          ? `These are the first ${count(MOST_FOUND)} found. A longer text finds fewer.`
          : `${state === 'stopped' ? 'Stopped' : 'The server was lost'}: ${far}.`}
      </span>
      {state !== 'full' && <Button onClick={source.retry}>Search again</Button>}
    </div>
  );
}

function NothingFound(props: {
  run: string;
  detail: RunDetail | null;
  of: number | null;
  query: PictureQuery;
}) {
  const { run, detail, of, query } = props;
  if (of === 0) {
    return detail?.listing === true ? (
      <EmptyState title="No picture yet">
        <p>The run is looking for pictures in its source. They are shown here as they are found.</p>
      </EmptyState>
    ) : (
      <EmptyState title="The run has no pictures">
        <p>
          Nothing that lies in <code class="anywhere">{detail?.source ?? 'its source'}</code> is a picture
          that it took.
        </p>
      </EmptyState>
    );
  }
  return (
    <EmptyState title="No picture is like that">
      <p>
        {query.text === undefined
          ? 'Take one of the conditions back, or see them all.'
          : 'The text is in no name and in no description of these pictures.'}
      </p>
      <p>
        <Link href={page.pictures(run, {})}>All pictures of the run</Link>
      </p>
    </EmptyState>
  );
}

function GridSkeleton() {
  return (
    <div class="grid-skeleton" role="status">
      <span class="visually-hidden">Loading pictures</span>
      {Array.from({ length: 12 }, (_, cell) => (
        <span key={cell} class="thumb-waiting" aria-hidden="true" />
      ))}
    </div>
  );
}
