import { observeWindowRect, type Range, Virtualizer, defaultRangeExtractor } from '@tanstack/virtual-core';
import { useLayoutEffect, useMemo, useReducer, useRef } from 'preact/hooks';
import {
  drawnAt,
  elementOffset,
  type GridLayout,
  gridOffset,
  heightOf,
  type Scale,
  scaleOf,
} from './grid-layout.ts';

/** Rows drawn above and below the window. */
const OVERSCAN = 2;
/** The window has come to rest when it was not scrolled for this long. */
const REST_MS = 120;
/** Who scrolls by a window in less time than this looks at none of the pictures. */
const GLANCE_MS = 100;

export interface WindowRows {
  rows: { index: number; top: number }[];
  scale: Scale;
  /** Pictures rush by, faster than anybody sees them. */
  rushing: boolean;
  /** Of the grid: what is in the window. */
  view: () => { offset: number; height: number };
  /** Puts the grid's pixel `offset` at the window's top. */
  scrollTo: (offset: number) => void;
}

/**
 * Rows of one height in a page that scrolls: those in or near the window, and the row `kept`, wherever it is (it has the
 * focus, which a browser would take from an element that is gone).
 *
 * @param margin top of the rows in the document
 */
export function useWindowRows(layout: GridLayout, margin: number, kept: number | null): WindowRows {
  const [, render] = useReducer((n: number) => n + 1, 0);
  const scale = scaleOf(heightOf(layout), window.innerHeight);
  const now = useRef({ scale, margin });
  now.current = { scale, margin };
  const rushing = useRef(false);

  const rangeExtractor = useMemo(
    () => (range: Range) => {
      const near = defaultRangeExtractor(range);
      return kept === null || kept >= range.count || near.includes(kept)
        ? near
        : [...near, kept].sort((a, b) => a - b);
    },
    [kept],
  );
  const options = {
    count: layout.rows,
    getScrollElement: () => window,
    estimateSize: () => layout.rowHeight,
    gap: layout.gap,
    overscan: OVERSCAN,
    scrollMargin: margin,
    rangeExtractor,
    observeElementRect: observeWindowRect,
    observeElementOffset: (
      _: Virtualizer<Window, Element>,
      tell: (offset: number, moving: boolean) => void,
    ) => {
      let rest: ReturnType<typeof setTimeout> | undefined;
      const offset = (): number =>
        now.current.margin + gridOffset(now.current.scale, window.scrollY - now.current.margin);
      let mark = { at: -Infinity, offset: offset() };
      const rested = (): void => {
        rushing.current = false;
        tell(offset(), false);
      };
      const scrolled = (): void => {
        clearTimeout(rest);
        rest = setTimeout(rested, REST_MS);
        const [at, to] = [performance.now(), offset()];
        if (at - mark.at >= GLANCE_MS) {
          rushing.current = Math.abs(to - mark.offset) / (at - mark.at) > window.innerHeight / GLANCE_MS;
          mark = { at, offset: to };
        }
        tell(to, true);
        // Of a scaled grid the rows lie elsewhere at every pixel, not only where other rows come into view.
        if (now.current.scale.factor !== 1) render(undefined);
      };
      tell(offset(), false);
      window.addEventListener('scroll', scrolled, { passive: true });
      return () => {
        clearTimeout(rest);
        window.removeEventListener('scroll', scrolled);
      };
    },
    // Rows have one height: there is never anything to correct, and where to scroll we reckon ourselves.
    scrollToFn: () => undefined,
    onChange: () => render(undefined),
  };
  // It remembers heights: for another height it is another one.
  const virtualizer = useMemo(() => new Virtualizer<Window, Element>(options), [layout.rowHeight]);
  virtualizer.setOptions(options);
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());

  const y = window.scrollY - margin;
  return {
    rows: virtualizer
      .getVirtualItems()
      .map(({ index, start }) => ({ index, top: drawnAt(scale, start - margin, y) })),
    scale,
    rushing: rushing.current,
    view: () => ({
      offset: gridOffset(now.current.scale, window.scrollY - now.current.margin),
      height: window.innerHeight,
    }),
    scrollTo: (offset) => window.scrollTo(0, now.current.margin + elementOffset(now.current.scale, offset)),
  };
}
