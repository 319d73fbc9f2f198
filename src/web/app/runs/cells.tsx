import { Link } from 'wouter-preact';
import type { RunRow } from '../../api.ts';
import { compact, count, counted, dateTime, of } from '../format.ts';
import { Badge, MatchBadge, SimulatedBadge, StateBadge } from '../ui/badge.tsx';
import { Progress } from '../ui/progress.tsx';
import { runPath } from '../ui/tabs.tsx';
import { missingOf, tokensOf } from './list.ts';

/** Matches shown of one run; the others are on its own page. */
const SHOWN_MATCHES = 6;

export function NameCell({ row }: { row: RunRow }) {
  return (
    <>
      <Link href={runPath(row.run)} class="run-name">
        {row.run}
      </Link>
      {(row.simulated || row.model !== '') && (
        <span class="row">
          {row.model !== '' && <span class="small muted">{row.model}</span>}
          {row.simulated && <SimulatedBadge />}
        </span>
      )}
    </>
  );
}

export function StateCell({ row }: { row: RunRow }) {
  if (row.problem !== null) return <Badge tone="error">unreadable</Badge>;
  const missing = missingOf(row);
  return (
    <>
      <StateBadge state={row.state} />
      {row.endedAt !== null && missing > 0 && (
        <span class="small muted nowrap">{count(missing)} without answer</span>
      )}
    </>
  );
}

export function ProgressCell({ row }: { row: RunRow }) {
  if (row.questions === 0) return <span class="muted">no picture yet</span>;
  return (
    <>
      <Progress
        label={`Answers of ${row.run}`}
        done={row.answered}
        failed={row.failed}
        total={row.questions}
      />
      <span class="small">
        {of(row.picturesComplete, row.pictures)}
        {row.listing && '+'} pictures
      </span>
      <span class="small muted">
        {of(row.answered, row.questions)} answers
        {row.failed > 0 && <span class="failed">, {count(row.failed)} failed</span>}
      </span>
    </>
  );
}

/** What matched, most first; of many questions the first few. */
export function MatchesCell({ row }: { row: RunRow }) {
  const matched = row.prompts.filter(({ matches }) => matches > 0).sort((a, b) => b.matches - a.matches);
  if (matched.length === 0) return <span class="muted">{row.answered > 0 ? 'none' : ''}</span>;
  const others = matched.length - SHOWN_MATCHES;
  return (
    <ul class="matches">
      {matched.slice(0, SHOWN_MATCHES).map(({ id, name, matches }) => (
        <li key={id}>
          <Link
            href={runPath(row.run, `/pictures?prompt=${encodeURIComponent(id)}&match=yes`)}
            class="match-link"
          >
            <MatchBadge name={name} n={matches} />
          </Link>
        </li>
      ))}
      {others > 0 && <li class="small muted">and {counted(others, 'other')}</li>}
    </ul>
  );
}

export function TokensCell({ row }: { row: RunRow }) {
  return (
    <>
      <span title={`${count(row.inputTokens)} in, ${count(row.outputTokens)} out`}>
        {compact(tokensOf(row))}
      </span>
      {row.recalled > 0 && <span class="small muted">{compact(row.recalled)} recalled</span>}
    </>
  );
}

/** A run whose record cannot be read tells no time. */
export function Started({ iso }: { iso: string }) {
  return iso === '' ? null : <time dateTime={iso}>{dateTime(iso)}</time>;
}

export function Choose(props: {
  row: RunRow;
  chosen: string[];
  onChoose: (run: string) => void;
  text: string;
}) {
  const { row, chosen } = props;
  const ticked = chosen.includes(row.run);
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={ticked}
        disabled={row.problem !== null || (!ticked && chosen.length >= 2)}
        onChange={() => props.onChoose(row.run)}
      />
      <span class={props.text === '' ? 'visually-hidden' : undefined}>
        {props.text === '' ? `Compare ${row.run}` : props.text}
      </span>
    </label>
  );
}
