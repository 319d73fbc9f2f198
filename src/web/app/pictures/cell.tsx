import { Component } from 'preact';
import type { PictureRow } from '../../api.ts';
import { count } from '../format.ts';
import { MatchBadge } from '../ui/badge.tsx';
import { badgesOf, baseName, pictureWords, type PromptName, withFirst } from './shown-answers.ts';
import { Thumb } from './thumb.tsx';

/** Badges for which a cell has room; the others are a number. */
const ROOM = 1;

/** Characters at a name's end that are never cut off: its time, most of the time. */
const TAIL = 13;

export interface CellProps {
  run: string;
  /** Rank in the grid, from 0. */
  place: number;
  total: number;
  row: PictureRow | undefined;
  href: string;
  prompts: PromptName[];
  /** Prompt that the filter is about. */
  about: string | undefined;
  tabbable: boolean;
  /** Pixels of the cell in the grid, and of the picture in it. */
  left: number;
  top: number;
  width: number;
  height: number;
  thumbHeight: number;
  /** Its picture is not to be fetched now. */
  hold: boolean;
}

/**
 * One picture of the grid. The link stays the same element while its row is loaded, so that it keeps the focus; the grid
 * follows it. Of dozens of cells few are another at each frame of a scroll: the others are not drawn again.
 */
export class Cell extends Component<CellProps> {
  override shouldComponentUpdate(next: CellProps): boolean {
    const { props } = this;
    return (Object.keys(next) as (keyof CellProps)[]).some((name) => next[name] !== props[name]);
  }

  override render() {
    const { run, place, total, row, href, prompts, about, tabbable, hold, ...box } = this.props;
    return (
      <li
        class="grid-cell"
        aria-setsize={total}
        aria-posinset={place + 1}
        style={{
          transform: `translate(${box.left}px, ${box.top}px)`,
          width: `${box.width}px`,
          height: `${box.height}px`,
        }}
      >
        <a
          class="cell-link"
          data-place={place}
          tabIndex={tabbable ? 0 : -1}
          href={href}
          {...(row === undefined && {
            'aria-disabled': 'true',
            'aria-label': `Picture ${count(place + 1)}, loading`,
          })}
        >
          {row === undefined ? (
            <span class="thumb thumb-waiting" style={{ height: `${box.thumbHeight}px` }} />
          ) : (
            <>
              <Thumb
                key={row.at}
                run={run}
                at={row.at}
                alt={pictureWords(row, prompts)}
                width={box.width}
                height={box.thumbHeight}
                hold={hold}
              />
              <Caption row={row} prompts={prompts} about={about} />
            </>
          )}
        </a>
      </li>
    );
  }
}

/** Says what the picture's alternative text has said already. */
function Caption({
  row,
  prompts,
  about,
}: {
  row: PictureRow;
  prompts: PromptName[];
  about: string | undefined;
}) {
  const name = baseName(row.name);
  const { matches, errors } = badgesOf(row, prompts);
  const shown = withFirst(matches, about).slice(0, ROOM);
  const more = matches.length - shown.length;
  return (
    <span class="caption" aria-hidden="true" title={row.name}>
      <span class="caption-name">
        <span class="caption-start">{name.slice(0, -TAIL)}</span>
        <span class="caption-end">{name.slice(-TAIL)}</span>
      </span>
      <span class="caption-badges">
        {shown.map(({ prompt, name, count: n }) => (
          <MatchBadge key={prompt} name={name} n={n} />
        ))}
        {more > 0 && <span class="caption-more">+{more}</span>}
        {errors > 0 && (
          <span class="caption-errors">
            <span class="badge-mark" />
            {/* Beside what matched there is room for the number alone. */}
            {matches.length === 0 ? `${errors} unanswered` : errors}
          </span>
        )}
        {matches.length === 0 && errors === 0 && <span class="caption-none">no match</span>}
      </span>
    </span>
  );
}
