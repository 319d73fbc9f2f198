import { useState } from 'preact/hooks';
import { Link } from 'wouter-preact';
import { count, counted, percent } from '../format.ts';
import { Breakable } from '../ui/breakable.tsx';
import { Button } from '../ui/button.tsx';
import { FEW, type HeatCell, heatColumn, type HeatRow } from './heat.ts';
import type { PromptName } from './shown-answers.ts';

/** More rows than this are shown when they are asked for. */
const AT_FIRST = 50;

/** Matches by prompt and by what the rows stand for, each with the pictures behind it. */
export function HeatTable(props: { caption: string; head: string; rows: HeatRow[]; prompts: PromptName[] }) {
  const { caption, head, rows, prompts } = props;
  const [all, setAll] = useState(false);
  const columns = prompts.map(({ id }) => heatColumn(rows.map(({ cells }) => cells[id])));
  const shown = all ? rows : rows.slice(0, AT_FIRST);
  return (
    <>
      <div class="table-scroll" role="region" aria-label={caption} tabIndex={0}>
        <table class="table heat-table">
          <caption class="visually-hidden">{caption}</caption>
          <thead>
            <tr>
              <th scope="col" class="heat-key">
                {head}
              </th>
              <th scope="col" class="end">
                Pictures
              </th>
              {prompts.map(({ id, name }) => (
                <th key={id} scope="col" class="heat-head">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, index) => (
              <tr key={row.key}>
                <th scope="row" class="heat-key anywhere">
                  <Link href={row.hrefOf(null)}>
                    <Breakable text={row.label} />
                  </Link>
                </th>
                <td class="end">{count(row.pictures)}</td>
                {prompts.map(({ id, name }, column) => {
                  const cell = columns[column]?.[index];
                  return (
                    cell && (
                      <HeatData key={id} cell={cell} href={row.hrefOf(id)} about={`${name}, ${row.label}`} />
                    )
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < rows.length && (
        <Button onClick={() => setAll(true)}>Show all {counted(rows.length, 'row')}</Button>
      )}
    </>
  );
}

function HeatData({ cell, href, about }: { cell: HeatCell; href: string; about: string }) {
  const { matches, answered, share, shade, few } = cell;
  if (share === null) {
    return (
      <td class="heat heat-none">
        <span aria-hidden="true">–</span>
        <span class="visually-hidden">no answer yet</span>
      </td>
    );
  }
  const figures = (
    <>
      <span class="heat-matches">{count(matches)}</span>{' '}
      <span class="heat-answered">of {count(answered)}</span>
      {few && <span class="visually-hidden">, few pictures</span>}
    </>
  );
  const says = `${about}: ${percent(share)}${few ? `, of fewer than ${FEW} pictures` : ''}`;
  return (
    <td class={`heat heat-${shade} ${few ? 'heat-few' : ''}`} title={says}>
      {matches > 0 ? (
        <Link href={href} class="heat-link">
          {figures}
          <span class="visually-hidden">, {about}</span>
        </Link>
      ) : (
        <span class="heat-link">{figures}</span>
      )}
    </td>
  );
}
