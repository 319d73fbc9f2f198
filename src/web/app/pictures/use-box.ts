import type { RefObject } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';

/** Where an element lies in the document, in CSS pixels. Width 0: not known yet. */
export interface Box {
  width: number;
  top: number;
  /** Root font size. */
  rem: number;
}

/** Follows an element's place: what lies above may become taller or smaller, and the window wider. */
export function useBox(element: RefObject<HTMLElement>): Box {
  const [box, setBox] = useState<Box>({ width: 0, top: 0, rem: 16 });
  useLayoutEffect(() => {
    const measure = (): void => {
      if (element.current === null) return;
      const { width, top } = element.current.getBoundingClientRect();
      const found = {
        width: Math.floor(width),
        top: Math.round(top + window.scrollY),
        rem: parseFloat(getComputedStyle(document.documentElement).fontSize),
      };
      setBox((known) =>
        known.width === found.width && known.top === found.top && known.rem === found.rem ? known : found,
      );
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, []);
  return box;
}
