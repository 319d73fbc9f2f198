import { Link, useLocation } from 'wouter-preact';
import type { PictureQuery } from '../../../shared/picture-query.ts';
import type { RunRow, Summary } from '../../api.ts';
import { count, percent, shareOf } from '../format.ts';
import { useLoaded } from '../hooks.ts';
import { page, server } from '../pictures/addresses.ts';
import { Conditions } from '../pictures/conditions.tsx';
import { changed, conditionsOf } from '../pictures/filter.ts';
import { FEW } from '../pictures/heat.ts';
import { heatRows } from '../pictures/heat-rows.ts';
import { HeatTable } from '../pictures/heat-table.tsx';
import { runOptions } from '../pictures/run-options.ts';
import { useQuery } from '../pictures/use-query.ts';
import { useNewAnswers, useRun } from '../pictures/use-run.ts';
import { StateBadge } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { Select } from '../ui/field.tsx';
import { Heading } from '../ui/heading.tsx';
import { RunHead } from '../ui/layout.tsx';
import { BlockedBanner, EmptyState, ErrorState, Skeleton } from '../ui/states.tsx';

export function SummaryPage({ run }: { run: string }) {
  const live = useRun(run);
  const { query, wrong } = useQuery();
  const {
    data: summary,
    error,
    reload,
  } = useLoaded<Summary>(wrong === null ? server.summary(run, query) : null);
  useNewAnswers(live.version, reload);
  const conditions = conditionsOf(query, live.data?.questionsAsked ?? []);

  return (
    <>
      <RunHead run={run} current="summary">
        <Heading title="Summary" />
        {live.data !== null && <StateBadge state={live.data.state} />}
      </RunHead>
      <div class="stack">
        {live.data?.block != null && <BlockedBanner block={live.data.block} />}
        {conditions.length > 0 && (
          <div class="stack-s">
            <p>Of the pictures with:</p>
            <Conditions conditions={conditions} hrefOf={(without) => page.summary(run, without)} />
          </div>
        )}
        {wrong !== null ? (
          <ErrorState error={{ message: `The address asks for what cannot be: ${wrong.message}` }} />
        ) : error !== null && summary === null ? (
          <ErrorState error={error} retry={reload} />
        ) : summary === null ? (
          <Skeleton what="the summary" lines={12} />
        ) : summary.cameras.length === 0 ? (
          <EmptyState title="There is nothing to sum up yet">
            <p>No picture {conditions.length > 0 ? 'is like that.' : 'was found so far.'}</p>
          </EmptyState>
        ) : (
          <Tables run={run} query={query} summary={summary} />
        )}
        <CompareWith run={run} />
      </div>
    </>
  );
}

function Tables({ run, query, summary }: { run: string; query: PictureQuery; summary: Summary }) {
  const { cameras, hours, days } = heatRows(query, summary, (asked) => page.pictures(run, asked));
  const { prompts } = summary;
  return (
    <>
      <Card title="Questions">
        <Totals run={run} query={query} prompts={prompts} />
      </Card>
      <p class="prose small">
        In the tables below a cell is the pictures that match, of those with an answer to the question. The
        darker it is, the larger their share, from none to the largest in its column. A cell with a dashed
        edge stands for fewer than {FEW} pictures: its share says little.
      </p>
      <Card title="By camera" aside="as the names tell it">
        <HeatTable caption="Matches by camera" head="Camera" rows={cameras} prompts={prompts} />
      </Card>
      <Card title="By hour of the day" aside="time as the names tell it; no time zone is applied">
        <HeatTable caption="Matches by hour of the day" head="Hour" rows={hours} prompts={prompts} />
      </Card>
      <Card title="By day" aside="day as the names tell it; no time zone is applied">
        <HeatTable caption="Matches by day" head="Day" rows={days} prompts={prompts} />
      </Card>
    </>
  );
}

function Totals(props: { run: string; query: PictureQuery; prompts: Summary['prompts'] }) {
  const { run, query, prompts } = props;
  const link = (n: number, change: Parameters<typeof changed>[1]) =>
    n === 0 ? (
      '0'
    ) : (
      <Link
        href={page.pictures(
          run,
          changed(query, { match: undefined, count: undefined, error: undefined, ...change }),
        )}
      >
        {count(n)}
      </Link>
    );
  return (
    <div class="table-scroll" role="region" aria-label="Totals of each question" tabIndex={0}>
      <table class="table">
        <caption class="visually-hidden">Totals of each question</caption>
        <thead>
          <tr>
            <th scope="col">Question</th>
            {['Matches', 'Of answered', 'Share', 'Counted', 'Failed', 'Not asked'].map((head) => (
              <th key={head} scope="col" class="end">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {prompts.map(({ id, name, answered, matches, counted, failed, unasked }) => (
            <tr key={id}>
              <th scope="row">{name}</th>
              <td class="end">{link(matches, { prompt: id, match: 'yes' })}</td>
              <td class="end">{count(answered)}</td>
              <td class="end nowrap">{answered === 0 ? '–' : percent(shareOf(matches, answered))}</td>
              <td class="end">{count(counted)}</td>
              <td class="end">{link(failed, { prompt: id, error: 'any' })}</td>
              <td class="end">{link(unasked, { prompt: id, error: 'unasked' })}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The way to the comparison. */
function CompareWith({ run }: { run: string }) {
  const [, navigate] = useLocation();
  const { data } = useLoaded<RunRow[]>('/api/runs');
  const others = (data ?? []).filter((row) => row.run !== run);
  if (others.length === 0) return null;
  return (
    <div class="compare-with">
      <Select
        label="Compare with an earlier or later run"
        value=""
        options={[{ value: '', text: 'Choose a run' }, ...runOptions(others)]}
        onChange={(other) => {
          // The older one is the left one: a change is what the newer one says.
          const [left, right] = [run, other].sort((a, b) => startOf(data, a) - startOf(data, b));
          if (left !== undefined && right !== undefined) navigate(page.compare(left, right));
        }}
      />
    </div>
  );
}

const startOf = (rows: RunRow[] | null, run: string): number =>
  Date.parse(rows?.find((row) => row.run === run)?.startedAt ?? '') || 0;
