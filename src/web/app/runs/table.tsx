import type { ComponentChildren } from 'preact';
import type { RunRow } from '../../api.ts';
import { duration } from '../format.ts';
import { SortHead, Table } from '../ui/table.tsx';
import { Choose, MatchesCell, NameCell, ProgressCell, Started, StateCell, TokensCell } from './cells.tsx';
import { listPath, nextSort, type RunSort, sortedBy, type SortKey } from './list.ts';

/** What the list of runs is made of, as a table or as cards. */
export interface ListProps {
  rows: RunRow[];
  search: string;
  sort: RunSort;
  chosen: string[];
  onChoose: (run: string) => void;
}

export function RunTable({ rows, search, sort, chosen, onChoose }: ListProps) {
  const head = (by: SortKey, text: ComponentChildren, align?: 'end') => (
    <SortHead
      href={listPath(search, nextSort(by, sort))}
      sorted={sortedBy(by, sort)}
      {...(align && { align })}
    >
      {text}
    </SortHead>
  );
  return (
    <div class="card runs-table">
      <Table
        caption="Runs"
        head={
          <>
            <th scope="col">
              <span class="visually-hidden">Compare</span>
            </th>
            {head('run', 'Run')}
            {head('state', 'State')}
            {head('progress', 'Progress')}
            {head('matches', 'Matches')}
            {head('tokens', 'Tokens', 'end')}
            {head('duration', 'Duration', 'end')}
            {head('started', 'Started', 'end')}
          </>
        }
      >
        {rows.map((row) => (
          <tr key={row.run}>
            <td class="runs-choose">
              <Choose row={row} chosen={chosen} onChoose={onChoose} text="" />
            </td>
            <th scope="row">
              <div class="cell">
                <NameCell row={row} />
                <span class="small muted anywhere">{row.source}</span>
              </div>
            </th>
            <td>
              <div class="cell">
                <StateCell row={row} />
              </div>
            </td>
            {row.problem === null ? (
              <>
                <td class="runs-progress">
                  <div class="cell">
                    <ProgressCell row={row} />
                  </div>
                </td>
                <td>
                  <MatchesCell row={row} />
                </td>
                <td class="end">
                  <div class="cell cell-end">
                    <TokensCell row={row} />
                  </div>
                </td>
                <td class="end nowrap">{duration(row.activeMs)}</td>
                <td class="end runs-started">
                  <Started iso={row.startedAt} />
                </td>
              </>
            ) : (
              <td colSpan={5} class="anywhere">
                {row.problem}
              </td>
            )}
          </tr>
        ))}
      </Table>
    </div>
  );
}
