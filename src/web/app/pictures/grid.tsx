import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useLocation } from 'wouter-preact';
import type { PictureRow } from '../../api.ts';
import { Cell } from './cell.tsx';
import { moved } from './grid-keys.ts';
import { layoutOf, offsetToShow } from './grid-layout.ts';
import type { Place } from './places.ts';
import type { PromptName } from './shown-answers.ts';
import { createSlots } from './slots.ts';
import { useBox } from './use-box.ts';
import { useWindowRows } from './use-window-rows.ts';

/** Rows are asked for no more often than this while somebody scrolls; those that rush by are not asked for at all. */
const NEED_EVERY_MS = 100;

export interface Shift {
  from: number;
  to: number;
}

export interface GridProps {
  run: string;
  label: string;
  total: number;
  row: (place: number) => PictureRow | undefined;
  hrefOf: (row: PictureRow) => string;
  prompts: PromptName[];
  about: string | undefined;
  /** Pixels at the window's top that something sticky covers. */
  covered: number;
  /** Where somebody was who comes back; with `focus` the picture gets the focus, as it had it. */
  start: (Place & { focus: boolean }) | undefined;
  /** A picture has another rank now: it stays where it is in the window. */
  shift: Shift | null;
  onNeed: (first: number, last: number) => void;
  /** What is in view at the top, and what was selected. */
  onPlace: (place: Place) => void;
}

/** Pictures in rows and columns, of any number: only those near the window are elements of the page. */
export function Grid(props: GridProps) {
  const { total, start, covered } = props;
  const list = useRef<HTMLUListElement>(null);
  const [, navigate] = useLocation();
  const { width, top: margin, rem } = useBox(list);
  const [selected, setSelected] = useState(start?.rank ?? 0);
  const [focused, setFocused] = useState(false);
  const toFocus = useRef<number | null>(null);

  const layout = layoutOf(width, width === 0 ? 0 : total, rem);
  const chosen = Math.min(selected, Math.max(0, total - 1));
  const keptRow = focused ? Math.floor(chosen / layout.columns) : null;
  const { rows, scale, rushing, view, scrollTo } = useWindowRows(layout, margin, keptRow);
  const step = layout.rowHeight + layout.gap;

  const columnsBefore = useRef<number | null>(null);
  useLayoutEffect(() => {
    if (width === 0) return;
    const before = columnsBefore.current;
    columnsBefore.current = layout.columns;
    // Turned or resized: the picture that was at the top stays there.
    if (before === null || before === layout.columns || window.scrollY < margin) return;
    const top = Math.floor((view().offset + covered) / step) * before;
    scrollTo(Math.floor(top / layout.columns) * step - covered);
  }, [layout.columns, width === 0]);

  const ready = width > 0 && total > 0;
  useEffect(() => {
    if (!ready) return;
    if (start === undefined) {
      // Another filter: its pictures are seen from the first one on.
      if (window.scrollY > margin - covered) scrollTo(-covered);
      return;
    }
    if (start.scrollY !== null) window.scrollTo(0, start.scrollY);
    if (!start.focus) return;
    show(chosen, 'center');
    toFocus.current = chosen;
    setFocused(true);
  }, [ready]);

  useLayoutEffect(() => {
    if (props.shift === null) return;
    const { from, to } = props.shift;
    if (chosen === from) setSelected(to);
    const rowsOn = Math.floor(to / layout.columns) - Math.floor(from / layout.columns);
    if (rowsOn !== 0) scrollTo(view().offset + rowsOn * step);
  }, [props.shift]);

  const show = (place: number, align: 'auto' | 'center' = 'auto'): void => {
    const at = view();
    const offset = offsetToShow(layout, Math.floor(place / layout.columns), { ...at, covered }, align);
    if (offset !== at.offset) scrollTo(offset);
  };

  useLayoutEffect(() => {
    if (toFocus.current === null) return;
    const cell = list.current?.querySelector<HTMLElement>(`[data-place="${toFocus.current}"]`);
    if (cell == null) return;
    toFocus.current = null;
    cell.focus({ preventScroll: true });
  });

  const near = rows.filter(({ index }) => index !== keptRow || isNear(index, view(), step));
  const first = (near[0]?.index ?? 0) * layout.columns;
  const last = Math.min(total, ((near.at(-1)?.index ?? 0) + 1) * layout.columns) - 1;
  const place = (): Place => {
    const top = Math.max(0, Math.floor((view().offset + covered) / step)) * layout.columns;
    const inView = chosen >= first && chosen <= last;
    return { rank: inView ? chosen : Math.min(top, total - 1), scrollY: window.scrollY };
  };
  const asked = useRef(0);
  useEffect(() => {
    if (!ready || rushing) return undefined;
    const ask = (): void => {
      asked.current = performance.now();
      props.onNeed(first, last);
      props.onPlace(place());
    };
    const wait = asked.current + NEED_EVERY_MS - performance.now();
    if (wait <= 0) {
      ask();
      return undefined;
    }
    const timer = setTimeout(ask, wait);
    return () => clearTimeout(timer);
  }, [first, last, ready, rushing, chosen]);

  const press = (event: KeyboardEvent): void => {
    const fits = Math.floor((window.innerHeight - covered) / step);
    const to = moved(chosen, event, { columns: layout.columns, total, page: fits });
    if (to === null) return;
    event.preventDefault();
    toFocus.current = to;
    setSelected(to);
    show(to);
  };

  /** Of the clicks on pictures: those that open another tab or window are the browser's. */
  const open = (event: MouseEvent): void => {
    const link = (event.target as HTMLElement).closest('a');
    if (link === null) return;
    if (link.getAttribute('aria-disabled') === 'true') return event.preventDefault();
    props.onPlace(place());
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    navigate(link.getAttribute('href') ?? '');
  };

  const slots = useMemo(createSlots, []);
  const tops = new Map(rows.map(({ index, top }) => [index, top]));
  const places = rows.flatMap(({ index }) => {
    const start = index * layout.columns;
    return Array.from({ length: Math.min(layout.columns, total - start) }, (_, column) => start + column);
  });
  // An element that has the focus must not be moved.
  const drawn = slots.assign(places, rushing && !focused);
  const tabbable = places.includes(chosen) ? chosen : first;

  return (
    <ul
      ref={list}
      class="grid"
      role="list"
      aria-label={props.label}
      style={{ height: `${scale.height}px` }}
      onKeyDown={press}
      onFocusIn={({ target }) => {
        const place = (target as HTMLElement).dataset['place'];
        if (place !== undefined) setSelected(Number(place));
        setFocused(true);
      }}
      onFocusOut={() => setFocused(false)}
      onClick={open}
    >
      {drawn.map(({ place, key }) => {
        const row = props.row(place);
        return (
          <Cell
            key={key}
            run={props.run}
            place={place}
            total={total}
            row={row}
            href={row === undefined ? '' : props.hrefOf(row)}
            prompts={props.prompts}
            about={props.about}
            tabbable={place === tabbable}
            left={(place % layout.columns) * (layout.cellWidth + layout.gap)}
            top={tops.get(Math.floor(place / layout.columns)) ?? 0}
            width={layout.cellWidth}
            height={layout.rowHeight}
            thumbHeight={layout.thumbHeight}
            hold={rushing}
          />
        );
      })}
    </ul>
  );
}

const isNear = (row: number, { offset, height }: { offset: number; height: number }, step: number): boolean =>
  row * step > offset - 2 * height && row * step < offset + 2 * height;
