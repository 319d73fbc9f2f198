import { useEffect, useRef, useState } from 'preact/hooks';
import type { PicturesVersion, RunDetail } from '../../api.ts';
import { type Connection, events } from '../api-client.ts';
import { type Loaded, useLoaded } from '../hooks.ts';
import { server } from './addresses.ts';

export interface LiveRun extends Loaded<RunDetail> {
  connection: Connection;
  /** Version of the run's pictures; `null` until something was told. */
  version: string | null;
}

/** A run as it is now: loaded at first, then as the server tells of it. */
export function useRun(run: string): LiveRun {
  const loaded = useLoaded<RunDetail>(server.run(run));
  const [told, setTold] = useState<RunDetail | null>(null);
  const [version, setVersion] = useState<string | null>(null);
  const [connection, setConnection] = useState<Connection>('connecting');

  useEffect(
    () =>
      events(
        server.events(run),
        {
          run: (detail) => setTold(detail as RunDetail),
          pictures: (pictures) => setVersion((pictures as PicturesVersion).version),
        },
        setConnection,
      ),
    [run],
  );

  return { ...loaded, data: told ?? loaded.data, connection, version };
}

/** Sums and single pictures follow a run with many answers a second no more often than this. */
const NEWS_MS = 2500;

/** Calls `heard` some time after answers came, once for all that came in between. */
export function useNewAnswers(version: string | null, heard: () => void): void {
  const last = useRef(version);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const now = useRef(heard);
  now.current = heard;
  useEffect(() => {
    const news = last.current !== null && version !== last.current;
    last.current = version;
    if (!news || timer.current !== undefined) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      now.current();
    }, NEWS_MS);
  }, [version]);
  useEffect(() => () => clearTimeout(timer.current), []);
}
