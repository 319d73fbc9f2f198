import { useEffect, useState } from 'preact/hooks';
import type { RunDetail } from '../../api.ts';
import { type Connection, events, get, type ProblemError } from '../api-client.ts';
import { asProblem } from '../hooks.ts';

/** A run as it is heard of: the last word stays when the connection is lost. */
export interface HeardRun {
  run: RunDetail | null;
  connection: Connection;
  /** Why nothing is known of it. */
  error: ProblemError | null;
  /** Asks again after an error. */
  retry(): void;
}

/**
 * Follows a run by server-sent events. A stream cannot say why it was refused (no such run, no longer signed in), so
 * whenever it breaks the run is asked for in the plain way too.
 */
export function useRun(name: string): HeardRun {
  const [run, setRun] = useState<RunDetail | null>(null);
  const [connection, setConnection] = useState<Connection>('connecting');
  const [error, setError] = useState<ProblemError | null>(null);
  const [round, setRound] = useState(0);

  useEffect(() => {
    const path = `/api/runs/${encodeURIComponent(name)}`;
    const abort = new AbortController();
    let heard = false;
    const take = (detail: RunDetail): void => {
      heard = true;
      setRun(detail);
      setError(null);
    };
    const ask = (): void => {
      get<RunDetail>(path, abort.signal).then(
        (detail) => {
          if (!abort.signal.aborted) take(detail);
        },
        (refused: unknown) => {
          if (!abort.signal.aborted && !heard) setError(asProblem(refused));
        },
      );
    };
    const close = events(`${path}/events`, { run: (data) => take(data as RunDetail) }, (now) => {
      setConnection(now);
      if (now === 'lost') ask();
    });
    return () => {
      abort.abort();
      close();
    };
  }, [name, round]);

  const retry = (): void => {
    setError(null);
    setRound((n) => n + 1);
  };
  return { run, connection, error, retry };
}
