import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Link } from 'wouter-preact';

/**
 * A table that scrolls sideways by itself where it is too wide; only then can the keyboard reach it, to scroll it.
 * `caption` names it for those who hear it.
 */
export function Table(props: { caption: string; head: ComponentChildren; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  const [scrolls, setScrolls] = useState(false);
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const resized = new ResizeObserver(() => setScrolls(element.scrollWidth > element.clientWidth));
    resized.observe(element);
    if (element.firstElementChild !== null) resized.observe(element.firstElementChild);
    return () => resized.disconnect();
  }, []);
  const reachable = scrolls ? ({ role: 'region', 'aria-label': props.caption, tabIndex: 0 } as const) : {};
  return (
    <div ref={box} class="table-scroll" {...reachable}>
      <table class="table">
        <caption class="visually-hidden">{props.caption}</caption>
        <thead>
          <tr>{props.head}</tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </div>
  );
}

/** A column's head that sorts by it: a link, since the order stands in the address. */
export function SortHead(props: {
  href: string;
  sorted: 'ascending' | 'descending' | null;
  align?: 'end';
  children: ComponentChildren;
}) {
  return (
    <th scope="col" aria-sort={props.sorted ?? undefined} class={props.align === 'end' ? 'end' : undefined}>
      <Link href={props.href} replace class="sort">
        {props.children}
        <span aria-hidden="true" class="sort-mark">
          {props.sorted === 'ascending' ? '▲' : props.sorted === 'descending' ? '▼' : ''}
        </span>
      </Link>
    </th>
  );
}
