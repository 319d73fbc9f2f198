import { useState } from 'preact/hooks';
import { Link, useLocation, useSearch } from 'wouter-preact';
import type { PageInfo, RunRow } from '../../api.ts';
import { count, counted } from '../format.ts';
import { useChange, useLoaded, useNarrow } from '../hooks.ts';
import { RunCards } from '../runs/cards.tsx';
import { choose, comparePath, listPath, type RunSort, searchRuns, sortOf, sortRuns } from '../runs/list.ts';
import { RunTable } from '../runs/table.tsx';
import { Button, Command } from '../ui/button.tsx';
import { SearchField, Select } from '../ui/field.tsx';
import { Heading } from '../ui/heading.tsx';
import { announce } from '../ui/live-region.tsx';
import { EmptyState, ErrorState, Notice, Skeleton } from '../ui/states.tsx';
import { STATES } from '../words.ts';

/** How often the list is asked for while it is seen. */
const EVERY_MS = 3000;

/** Runs shown at first, and how many more at a time. */
const SHOWN = 100;

const SORTS: { value: RunSort; text: string }[] = [
  { value: '-started', text: 'Newest first' },
  { value: 'started', text: 'Oldest first' },
  { value: 'state', text: 'What concerns you first' },
  { value: '-matches', text: 'Most matches first' },
  { value: '-tokens', text: 'Most tokens first' },
  { value: '-duration', text: 'Longest first' },
  { value: 'progress', text: 'Least progress first' },
  { value: 'source', text: 'By source' },
];

/** Every run of the results place, live or ended. Search and order stand in the address. */
export function RunsPage() {
  const { data, error, reload } = useLoaded<RunRow[]>('/api/runs', EVERY_MS);
  useChange(data, tellChanges);
  return (
    <>
      <div class="page-head">
        <Heading title="Runs" />
        {data !== null && data.length > 0 && <p class="muted">{counted(data.length, 'run')}</p>}
      </div>
      <div class="stack">
        {error !== null &&
          (data === null ? (
            <ErrorState error={error} retry={reload} />
          ) : (
            <Notice title="The list is not brought up to date now; it is tried again.">
              <p class="small">{error.message}</p>
            </Notice>
          ))}
        {data === null && error === null && <Skeleton what="the runs" lines={9} />}
        {data?.length === 0 && <NoRuns />}
        {data !== null && data.length > 0 && <Runs rows={data} />}
      </div>
    </>
  );
}

function Runs({ rows }: { rows: RunRow[] }) {
  const query = new URLSearchParams(useSearch());
  const [, navigate] = useLocation();
  const narrow = useNarrow();
  const [chosen, setChosen] = useState<string[]>([]);
  const [shown, setShown] = useState(SHOWN);

  const search = query.get('q') ?? '';
  const sort = sortOf(query.get('sort'));
  const found = sortRuns(searchRuns(rows, search), sort);
  const props = {
    rows: found.slice(0, shown),
    search,
    sort,
    chosen,
    onChoose: (run: string) => setChosen((now) => choose(now, run)),
  };
  const known = SORTS.some(({ value }) => value === sort);

  return (
    <>
      <search class="toolbar">
        <SearchField
          label="Search"
          value={search}
          placeholder="Name, source, state, question"
          onChange={(q) => navigate(listPath(q, sort), { replace: true })}
        />
        <Select
          label="Order"
          value={sort}
          options={known ? SORTS : [...SORTS, { value: sort, text: 'By column' }]}
          onChange={(value) => navigate(listPath(search, sortOf(value)), { replace: true })}
        />
        {search !== '' && (
          <p class="toolbar-note muted" role="status">
            {count(found.length)} of {counted(rows.length, 'run')} found
          </p>
        )}
      </search>
      {found.length === 0 ? (
        <EmptyState title="No run is found">
          <p>
            Nothing here matches “{search}”. <Link href={listPath('', sort)}>Show all runs</Link>
          </p>
        </EmptyState>
      ) : narrow ? (
        <RunCards {...props} />
      ) : (
        <RunTable {...props} />
      )}
      {found.length > shown && (
        <div>
          <Button onClick={() => setShown(shown + SHOWN)}>
            Show {count(Math.min(SHOWN, found.length - shown))} more
          </Button>
        </div>
      )}
      <CompareBar rows={rows} chosen={chosen} onClear={() => setChosen([])} />
    </>
  );
}

function CompareBar(props: { rows: RunRow[]; chosen: string[]; onClear: () => void }) {
  const { rows, chosen } = props;
  const path = comparePath(rows, chosen);
  if (chosen.length === 0) return null;
  return (
    <div class="compare-bar" role="region" aria-label="Comparison">
      <p>
        {chosen.map((run, i) => (
          <span key={run} class="anywhere">
            {i > 0 && ' and '}
            <strong>{run}</strong>
          </span>
        ))}
        {path === null && '. Choose one more to compare it with.'}
      </p>
      <div class="row">
        {path !== null && (
          <Link href={path} class="button button-primary">
            Compare the two
          </Link>
        )}
        <Button kind="quiet" onClick={props.onClear}>
          Choose none
        </Button>
      </div>
    </div>
  );
}

/** Nothing was analysed yet: how that is done. */
function NoRuns() {
  const { data } = useLoaded<PageInfo>('/api/page');
  return (
    <EmptyState title="No run yet">
      <p>
        A run asks the model its questions about every picture of a bucket or a folder. Start one in a
        terminal; it appears here at once.
      </p>
      <Command line="image-analysis run gs://my-bucket/my-pictures/" />
      <p>To look around first, without a key and at no cost:</p>
      <Command line="npm start" />
      {data !== null && (
        <p class="small muted anywhere">
          This page shows the runs in <code>{data.root}</code>.
        </p>
      )}
    </EmptyState>
  );
}

/** Says which runs came or changed their state, to those who hear the page. */
function tellChanges(rows: RunRow[] | null, last: RunRow[] | null): void {
  if (rows === null || last === null) return;
  const before = new Map(last.map((row) => [row.run, row.state]));
  const said = rows
    .filter((row) => before.get(row.run) !== row.state)
    .map((row) => (before.has(row.run) ? `${row.run}: ${STATES[row.state].word}` : `New run ${row.run}`));
  if (said.length > 0) announce(said.join('. '));
}
