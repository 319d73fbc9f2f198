import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useLocation } from 'wouter-preact';
import { lastNavigation } from './navigation.ts';

/**
 * A page's `h1`. Names the document, and takes the focus after each change of the path, so that a screen reader says
 * where one is; changes of the query alone (a filter) leave the focus where it is.
 */
export function Heading(props: { title: string; children?: ComponentChildren }) {
  const ref = useRef<HTMLHeadingElement>(null);
  const [path] = useLocation();
  useEffect(() => {
    document.title = `${props.title} · image-analysis`;
  }, [props.title]);
  useEffect(() => {
    if (lastNavigation() === 'first') return;
    if (lastNavigation() === 'push') window.scrollTo(0, 0);
    ref.current?.focus({ preventScroll: true });
  }, [path]);
  return (
    <h1 ref={ref} tabIndex={-1}>
      {props.children ?? props.title}
    </h1>
  );
}
