import { Link, useLocation, useSearch } from 'wouter-preact';
import type { Comparison, RunRow } from '../../api.ts';
import { count, counted, dateTime } from '../format.ts';
import { useLoaded } from '../hooks.ts';
import { page, server } from '../pictures/addresses.ts';
import { ComparedRow } from '../pictures/compared-row.tsx';
import { pagesOf } from '../pictures/pages.ts';
import { runOptions } from '../pictures/run-options.ts';
import { CHANGE_WORDS, CHANGES } from '../pictures/shown-answers.ts';
import { StateBadge } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { Select } from '../ui/field.tsx';
import { Heading } from '../ui/heading.tsx';
import { EmptyState, ErrorState, Notice, Skeleton } from '../ui/states.tsx';
import { runPath } from '../ui/tabs.tsx';

/** Pictures of one page. */
const TAKE = 30;

export function ComparePage({ left, right }: { left: string; right: string }) {
  const params = new URLSearchParams(useSearch());
  const onlyChanged = params.get('only') !== 'all';
  const from = Math.max(0, Math.floor(Number(params.get('from')) || 0));
  const { data, error, loading, reload } = useLoaded<Comparison>(
    server.compare(left, right, from, TAKE, onlyChanged),
  );

  return (
    <>
      <div class="page-head">
        <Heading title={`${left} and ${right}`}>Compare two runs</Heading>
      </div>
      <div class="stack">
        <Sides left={left} right={right} />
        {left === right && <Notice title="Both sides are the same run: nothing can differ." />}
        {error !== null && <ErrorState error={error} retry={reload} />}
        {data === null && error === null && <Skeleton what="the comparison" lines={12} />}
        {data !== null && (
          <>
            <Runs data={data} />
            <Warnings data={data} />
            <Changes data={data} />
            <Pictures data={data} from={from} onlyChanged={onlyChanged} loading={loading} />
          </>
        )}
      </div>
    </>
  );
}

/** Which runs; the left one is what the right one is held against. */
function Sides({ left, right }: { left: string; right: string }) {
  const [, navigate] = useLocation();
  const { data } = useLoaded<RunRow[]>('/api/runs');
  const options = data === null ? [] : runOptions(data);
  const withOwn = (own: string) =>
    options.some(({ value }) => value === own) ? options : [{ value: own, text: own }, ...options];
  return (
    <div class="compare-sides">
      <Select
        label="Before"
        value={left}
        options={withOwn(left)}
        onChange={(run) => navigate(page.compare(run, right))}
      />
      <Select
        label="After"
        value={right}
        options={withOwn(right)}
        onChange={(run) => navigate(page.compare(left, run))}
      />
      <Link href={page.compare(right, left)} class="button">
        Swap
      </Link>
    </div>
  );
}

function Runs({ data }: { data: Comparison }) {
  return (
    <div class="row">
      {[data.left, data.right].map(({ run, model, startedAt, state }, index) => (
        <span key={index} class="row">
          {index === 1 && <span aria-hidden="true">→</span>}
          <Link href={runPath(run)}>{run}</Link>
          <span class="muted small">
            {model}, {dateTime(startedAt)}
          </span>
          <StateBadge state={state} />
        </span>
      ))}
    </div>
  );
}

/** What makes the two less than alike. */
function Warnings({ data }: { data: Comparison }) {
  const { onlyLeft, onlyRight, pictures, left, right } = data;
  const reworded = data.prompts.filter(({ textChanged }) => textChanged);
  const said = [
    ...(reworded.length === 0
      ? []
      : [
          `The words of ${reworded.map(({ name }) => name).join(', ')} differ: what changed may be the question.`,
        ]),
    ...(onlyLeft.length === 0 ? [] : [`Only ${left.run} asked: ${onlyLeft.join(', ')}.`]),
    ...(onlyRight.length === 0 ? [] : [`Only ${right.run} asked: ${onlyRight.join(', ')}.`]),
    ...(pictures.onlyLeft === 0 ? [] : [`${counted(pictures.onlyLeft, 'picture')} of ${left.run} alone.`]),
    ...(pictures.onlyRight === 0 ? [] : [`${counted(pictures.onlyRight, 'picture')} of ${right.run} alone.`]),
  ];
  if (said.length === 0) return null;
  return (
    <Notice title="Not everything can be compared" tone="block">
      <ul class="compare-warnings">
        {said.map((line) => (
          <li key={line} class="anywhere">
            {line}
          </li>
        ))}
      </ul>
    </Notice>
  );
}

function Changes({ data }: { data: Comparison }) {
  if (data.prompts.length === 0) {
    return (
      <EmptyState title="The two runs share no question">
        <p>Questions are held against each other by their ids.</p>
      </EmptyState>
    );
  }
  return (
    <Card title="Changes" aside={`${counted(data.pictures.both, 'picture')} in both`}>
      <div class="table-scroll" role="region" aria-label="Changes of each question" tabIndex={0}>
        <table class="table">
          <caption class="visually-hidden">Changes of each question</caption>
          <thead>
            <tr>
              <th scope="col">Question</th>
              {CHANGES.map((change) => (
                <th key={change} scope="col" class="end">
                  {CHANGE_WORDS[change]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {data.prompts.map(({ id, name, textChanged, changes }) => (
              <tr key={id}>
                <th scope="row">
                  {name}
                  {textChanged && <span class="reworded"> words differ</span>}
                </th>
                {CHANGES.map((change) => (
                  <td key={change} class={changes[change] === 0 ? 'end muted' : 'end'}>
                    {count(changes[change])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Pictures(props: { data: Comparison; from: number; onlyChanged: boolean; loading: boolean }) {
  const { data, from, onlyChanged, loading } = props;
  const [, navigate] = useLocation();
  const address = (start: number, changedOnly = onlyChanged): string => {
    const search = new URLSearchParams({
      ...(!changedOnly && { only: 'all' }),
      ...(start > 0 && { from: String(start) }),
    });
    return page.compare(data.left.run, data.right.run, search.toString());
  };
  const { previous, next, words } = pagesOf(from, TAKE, data.total);
  const [left, right] = [data.left.run, data.right.run];
  return (
    <section class="stack-s" aria-labelledby="compared" aria-busy={loading}>
      <div class="card-head">
        <h2 id="compared">Picture by picture</h2>
        <label class="check">
          <input
            type="checkbox"
            checked={onlyChanged}
            onChange={({ currentTarget }) => navigate(address(0, currentTarget.checked))}
          />
          Only what changed
        </label>
      </div>
      {data.total === 0 ? (
        <EmptyState title={onlyChanged ? 'No answer changed' : 'The two runs share no picture'}>
          <p>
            {onlyChanged
              ? `Of ${counted(data.pictures.both, 'picture')} in both, every match and count is the same.`
              : 'Pictures are held against each other by their names.'}
          </p>
        </EmptyState>
      ) : (
        <>
          <p class="small muted">{words}</p>
          <ul class="compared-list">
            {data.rows.map((row) => (
              <ComparedRow key={row.name} row={row} left={left} right={right} prompts={data.prompts} />
            ))}
          </ul>
          <nav class="row" aria-label="Pages of pictures">
            {previous !== null && (
              <Link href={address(previous)} class="button">
                Earlier pictures
              </Link>
            )}
            {next !== null && (
              <Link href={address(next)} class="button">
                More pictures
              </Link>
            )}
          </nav>
        </>
      )}
    </section>
  );
}
