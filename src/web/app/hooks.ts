import { useEffect, useRef, useState } from 'preact/hooks';
import { get, ProblemError } from './api-client.ts';

/** What is known of an answer. Data that was loaded stays while it is asked for again, and when that fails. */
export interface Loaded<T> {
  data: T | null;
  error: ProblemError | null;
  loading: boolean;
  /** Asks again. */
  reload(): void;
}

/**
 * Loads a path of the server, again whenever it changes (the old one's data stays until then), and with `everyMs` again
 * and again while the page is seen. `null` loads nothing.
 */
export function useLoaded<T>(path: string | null, everyMs?: number): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, 'reload'>>({ data: null, error: null, loading: true });
  const [round, setRound] = useState(0);

  useEffect(() => {
    if (path === null) return undefined;
    const abort = new AbortController();
    setState((last) => ({ ...last, loading: true }));
    get<T>(path, abort.signal).then(
      (data) => {
        if (!abort.signal.aborted) setState({ data, error: null, loading: false });
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        setState((last) => ({ data: last.data, error: asProblem(error), loading: false }));
      },
    );
    return () => abort.abort();
  }, [path, round]);

  const again = !state.loading && everyMs !== undefined;
  useEffect(() => {
    if (!again) return undefined;
    const ask = (): void => setRound((n) => n + 1);
    const timer = setTimeout(() => {
      if (document.hidden) document.addEventListener('visibilitychange', ask, { once: true });
      else ask();
    }, everyMs);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', ask);
    };
  }, [again, everyMs, round]);

  return { ...state, reload: () => setRound((n) => n + 1) };
}

export const asProblem = (error: unknown): ProblemError =>
  error instanceof ProblemError
    ? error
    : new ProblemError(0, { problem: error instanceof Error ? error.message : String(error) });

/** Whether a media query holds; follows it. */
export function useMedia(query: string): boolean {
  const [holds, setHolds] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const follow = (): void => setHolds(list.matches);
    follow();
    list.addEventListener('change', follow);
    return () => list.removeEventListener('change', follow);
  }, [query]);
  return holds;
}

/** Narrower than a tablet: tables become cards. */
export const useNarrow = (): boolean => useMedia('(max-width: 47.99rem)');

/** This moment, renewed every so often while the component is there. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** Calls `heard` when a value is another one than at the last rendering; not for the first. */
export function useChange<T>(value: T, heard: (value: T, last: T) => void): void {
  const last = useRef(value);
  useEffect(() => {
    if (last.current !== value) heard(value, last.current);
    last.current = value;
  });
}
