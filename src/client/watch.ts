import { connectRunning } from './connection.ts';
import { standingOf } from './control-run.ts';
import type { Deps } from './deps.ts';
import { configOf, lookAtRun, type RunNow } from './look-at-run.ts';
import type { Snapshot } from './live-view.ts';
import { createObserver, type Observer } from './observe.ts';
import { hasEnded, type RecordedRun, type Runs } from './runs.ts';

/** Looks at one run again and again, as {@link lookAtRun} does once. */
export interface Watcher {
  look(): Promise<WatchedRun>;
  close(): Promise<void>;
}

export interface WatchedRun extends RunNow {
  /** It does not go on by itself, whether it came to its end or was ended from outside. */
  ended: boolean;
}

/** A worker that is busy with other things answers late: so long its last word stands. */
const GRACE_MS = 15_000;

type Running = NonNullable<Awaited<ReturnType<typeof connectRunning>>>;

/**
 * Keeps one connection and one observer as long as the run answers, so that the last minute is whole; leaves the server
 * when it has not done so for a while, so that an engine that nobody else needs can end. Starts nothing.
 */
export function createWatcher(deps: Deps, runs: Runs, first: RecordedRun): Watcher {
  const config = configOf(deps, first);
  const { workflowId } = first.plan;
  let open: { server: Running; observer: Observer } | null = null;
  let last: { seen: Snapshot; at: number } | null = null;

  const close = async (): Promise<void> => {
    const closing = open?.server.close();
    open = null;
    await closing;
  };

  const connect = async (recorded: RecordedRun): Promise<typeof open> => {
    const server = await connectRunning(config);
    if (server === null) return null;
    const observer = createObserver({
      client: server.client,
      namespace: config.namespace,
      workflowId,
      store: deps.openStore(recorded.place),
      now: deps.now,
    });
    return { server, observer };
  };

  /** What the run says itself; `null` when it does not answer, `closed` when it was ended from outside. */
  const ask = async (recorded: RecordedRun): Promise<Snapshot | 'closed' | null> => {
    try {
      open ??= await connect(recorded);
      if (open === null) return null;
      const { is } = await standingOf(open.server.client, workflowId);
      if (is === 'closed') return 'closed';
      const live = is === 'running' ? await open.observer.look() : null;
      return live?.fresh === true ? live : null;
    } catch {
      return null;
    }
  };

  return {
    async look() {
      const before = (await runs.read(first.run)) ?? first;
      const seen = hasEnded(before) ? null : await ask(before);
      if (seen !== null && seen !== 'closed') {
        last = { seen, at: deps.now() };
        return { recorded: before, live: seen, silent: null, ended: false };
      }
      if (seen === null && !hasEnded(before) && last !== null && deps.now() - last.at < GRACE_MS)
        return { recorded: before, live: { ...last.seen, fresh: false }, silent: null, ended: false };
      await close();
      // The last record of a run that ended just now came with its end.
      const recorded = seen === 'closed' ? ((await runs.read(first.run)) ?? before) : before;
      const now = await lookAtRun(deps, recorded);
      return { ...now, ended: now.live === null && (seen === 'closed' || hasEnded(recorded)) };
    },
    close,
  };
}
