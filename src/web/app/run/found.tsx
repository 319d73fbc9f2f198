import { Link } from 'wouter-preact';
import type { RunDetail } from '../../api.ts';
import { clockWithSeconds, count, dateTime, percent, shareOf } from '../format.ts';
import { Card } from '../ui/card.tsx';
import { Bar } from '../ui/progress.tsx';
import { Table } from '../ui/table.tsx';
import { runPath } from '../ui/tabs.tsx';
import { KINDS } from '../words.ts';

/** Matches of each question, with the way to their pictures. */
export function Matches({ run }: { run: RunDetail }) {
  const most = Math.max(1, ...run.prompts.map(({ matches }) => matches));
  return (
    <Card title="Matches" aside={`in ${count(run.pictures)} ${run.pictures === 1 ? 'picture' : 'pictures'}`}>
      <Table
        caption="Matches by question"
        head={
          <>
            <th scope="col">Question</th>
            <th scope="col" class="end">
              Pictures
            </th>
            <th scope="col" class="end">
              Share
            </th>
            <th scope="col" class="bar-column">
              <span class="visually-hidden">Drawn</span>
            </th>
          </>
        }
      >
        {run.prompts.map(({ id, name, matches }) => (
          <tr key={id}>
            <th scope="row">
              {matches > 0 ? (
                <Link href={runPath(run.run, `/pictures?prompt=${encodeURIComponent(id)}&match=yes`)}>
                  {name}
                </Link>
              ) : (
                name
              )}
            </th>
            <td class={matches > 0 ? 'end matched' : 'end muted'}>{count(matches)}</td>
            <td class="end muted nowrap">{percent(shareOf(matches, run.pictures))}</td>
            <td class="bar-column">
              <Bar share={matches / most} />
            </td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

/** What has no answer, by reason, and the last of it in full. */
export function Errors({ run }: { run: RunDetail }) {
  if (run.errors.length === 0 && run.recentFailures.length === 0) return null;
  return (
    <Card title="Without an answer" aside={`${count(run.failed)} of ${count(run.questions)} questions`}>
      {run.errors.length > 0 && (
        <Table
          caption="Failed questions by reason"
          head={
            <>
              <th scope="col">Reason</th>
              <th scope="col" class="end">
                Questions
              </th>
              <th scope="col">
                <span class="visually-hidden">Pictures</span>
              </th>
            </>
          }
        >
          {run.errors.map(({ kind, questions }) => (
            <tr key={kind}>
              <th scope="row">
                {KINDS[kind]} <code class="muted">{kind}</code>
              </th>
              <td class="end failed">{count(questions)}</td>
              <td class="end">
                <Link href={runPath(run.run, `/pictures?error=${kind}`)}>
                  Pictures<span class="visually-hidden"> with {kind}</span>
                </Link>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {run.recentFailures.length > 0 && <RecentFailures run={run} />}
    </Card>
  );
}

/** Last ones shown; the pictures' page has all. */
const SHOWN = 10;

function RecentFailures({ run }: { run: RunDetail }) {
  const names = new Map(run.prompts.map(({ id, name }) => [id, name]));
  const lines = run.recentFailures.slice(-SHOWN).reverse();
  return (
    <details open={run.errors.length === 0}>
      <summary>The last failures</summary>
      <ul class="failures">
        {lines.map(({ at, image, prompt, kind, message }) => (
          <li key={`${at} ${image} ${prompt}`} class="failure">
            <p class="small muted">
              <time dateTime={at} title={dateTime(at)}>
                {clockWithSeconds(at)}
              </time>{' '}
              · {names.get(prompt) ?? prompt} · {kind}
            </p>
            <p class="anywhere">{image}</p>
            <p class="small anywhere">{message}</p>
          </li>
        ))}
      </ul>
    </details>
  );
}
