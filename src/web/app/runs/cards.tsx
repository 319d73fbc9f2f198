import { duration } from '../format.ts';
import { Choose, MatchesCell, NameCell, ProgressCell, Started, StateCell, TokensCell } from './cells.tsx';
import type { ListProps } from './table.tsx';

/** The list of runs where there is no room for a table. */
export function RunCards({ rows, chosen, onChoose }: ListProps) {
  return (
    <ul class="run-cards">
      {rows.map((row) => (
        <li key={row.run} class="card run-card">
          <div class="run-card-head">
            <h2 class="cell">
              <NameCell row={row} />
            </h2>
            <div class="cell cell-end">
              <StateCell row={row} />
            </div>
          </div>
          {row.problem === null ? (
            <>
              <p class="small muted anywhere">{row.source}</p>
              <div class="cell">
                <ProgressCell row={row} />
              </div>
              <MatchesCell row={row} />
              <dl class="run-card-facts">
                <dt>Tokens</dt>
                <dd>
                  <TokensCell row={row} />
                </dd>
                <dt>Duration</dt>
                <dd>{duration(row.activeMs)}</dd>
                <dt>Started</dt>
                <dd>
                  <Started iso={row.startedAt} />
                </dd>
              </dl>
              <Choose row={row} chosen={chosen} onChoose={onChoose} text="Compare" />
            </>
          ) : (
            <p class="anywhere">{row.problem}</p>
          )}
        </li>
      ))}
    </ul>
  );
}
