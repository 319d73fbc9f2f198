import type { Config } from '../config.ts';
import { standingOf, type Standing } from '../client/control-run.ts';
import type { Snapshot } from '../client/live-view.ts';
import { lookLive } from '../client/look-at-run.ts';
import { createObserver, type Observer, unreadableBecause } from '../client/observe.ts';
import { hasEnded, type RecordedRun, type Runs } from '../client/runs.ts';
import type { OpenStore } from '../shared/result-store.ts';
import type { Servers } from './servers.ts';

/** What can be seen of a run at one moment. */
export interface Sight {
  recorded: RecordedRun;
  /** What its workflow says now; `null`: its record is all there is. */
  live: Snapshot | null;
  /** What its server knows of its workflow; `unreachable`: no server answers. */
  standing: Standing['is'] | 'unreachable';
  /** Whether a worker is seen polling; `null` when nobody says. */
  worker: boolean | null;
  /** Its record says that another server has not ended it, and which. */
  elsewhere: string | null;
  /** Why what its workflow says cannot be read here, for a person; its record is all there is then. `null`: nothing is in the way. */
  unreadable: string | null;
  /** Its workflow in the Temporal Web UI, and that of a batch. */
  webUi(workflowId: string): string | null;
}

/** Looks at runs for as long as somebody watches, from the same reader as the command line. Changes nothing. */
export interface Live {
  /** The run now, from a look that is a second old at most; `null` where there is no such run. */
  look(run: string): Promise<Sight | null>;
  /** The same of a run whose record was just read. */
  lookAt(recorded: RecordedRun): Promise<Sight>;
  /** Tells what is seen, about every second, until the returned function is called. One look serves all who watch. */
  watch(run: string, tell: (sight: Sight) => void): () => void;
  /** Looks anew at once: something was done to the run. */
  changed(run: string): void;
  close(): void;
}

const LOOK_MS = 1_000;
/** An ended run changes when somebody goes on with it elsewhere. */
const ENDED_LOOK_MS = 5_000;
/** While its workflow answers, a run's record is read only now and then. */
const RECORD_MS = 5_000;

export interface LiveOptions {
  runs: Pick<Runs, 'read'>;
  servers: Servers;
  /** The configuration of the server on which a run lives. */
  configOf(recorded: RecordedRun): Config;
  openStore: OpenStore;
  now(): number;
}

export function createLive({ runs, servers, configOf, openStore, now }: LiveOptions): Live {
  const watched = new Map<string, Watched>();
  const seen = new Map<string, { at: number; sight: Promise<Sight> }>();
  let closed = false;

  const recordOnly = (recorded: RecordedRun): Sight => ({
    recorded,
    live: null,
    standing: 'unreachable',
    worker: null,
    elsewhere: null,
    unreadable: null,
    webUi: () => null,
  });

  /** `keep` remembers the observer between looks: it knows the requests of the last minute. */
  const lookNow = async (
    recorded: RecordedRun,
    keep: { observer?: Observer; of?: unknown },
  ): Promise<Sight> => {
    const config = configOf(recorded);
    const reached = await servers.reach(config).catch(() => null);
    if (reached === null) return recordOnly(recorded);
    const { server, id, worker } = reached;
    const { workflowId } = recorded.plan;
    let standing: Sight['standing'] = 'unreachable';
    if (keep.of !== server) {
      keep.of = server;
      keep.observer = createObserver({
        client: server.client,
        namespace: server.namespace,
        workflowId,
        store: openStore(recorded.place),
        now,
      });
    }
    try {
      const { is } = await server.client.withDeadline(Date.now() + DESCRIBE_MS, () =>
        standingOf(server.client, workflowId),
      );
      standing = is;
      const theirs = recorded.progress?.server;
      return {
        recorded,
        // Without a worker nobody answers, and each question would wait in vain.
        live:
          worker === false || keep.observer === undefined
            ? null
            : await lookLive(is, recorded, keep.observer),
        standing: is,
        worker,
        elsewhere:
          theirs === undefined || theirs.id === id || hasEnded(recorded) || is === 'running'
            ? null
            : theirs.label,
        unreadable: null,
        webUi: server.webUi,
      };
    } catch (error) {
      const unreadable = unreadableBecause(error);
      if (unreadable !== null)
        return { ...recordOnly(recorded), standing, worker, unreadable, webUi: server.webUi };
      servers.lost(config);
      return recordOnly(recorded);
    }
  };

  const lookAt = (recorded: RecordedRun): Promise<Sight> => {
    const { run } = recorded;
    const watching = watched.get(run)?.last;
    if (watching !== undefined && watching !== null) return Promise.resolve(watching);
    const last = seen.get(run);
    if (last !== undefined && now() - last.at < LOOK_MS) return last.sight;
    const sight = lookNow(recorded, {});
    seen.set(run, { at: now(), sight });
    for (const [key, { at }] of seen) if (now() - at > ENDED_LOOK_MS) seen.delete(key);
    return sight;
  };

  const poll = async (run: string, watch: Watched): Promise<void> => {
    let recorded: RecordedRun | null = null;
    let readAt = -Infinity;
    while (watch.listeners.size > 0 && !closed) {
      try {
        if (watch.last?.live == null || now() - readAt >= RECORD_MS || watch.again) {
          recorded = (await runs.read(run)) ?? recorded;
          readAt = now();
        }
        watch.again = false;
        if (recorded !== null) {
          const sight = await lookNow(recorded, watch.keep);
          watch.last = sight;
          for (const tell of watch.listeners) tell(sight);
        }
      } catch {
        // A record that cannot be read now: what was seen last stands.
      }
      const ended = watch.last !== null && watch.last.live === null && hasEnded(watch.last.recorded);
      if (!watch.again) await watch.sleep(ended ? ENDED_LOOK_MS : LOOK_MS);
    }
  };

  return {
    async look(run) {
      const watching = watched.get(run)?.last;
      if (watching !== undefined && watching !== null) return watching;
      const recorded = await runs.read(run);
      return recorded === null ? null : lookAt(recorded);
    },
    lookAt,
    watch(run, tell) {
      let watch = watched.get(run);
      if (watch === undefined) {
        watch = createWatched();
        watched.set(run, watch);
        watch.listeners.add(tell);
        void poll(run, watch);
      } else {
        watch.listeners.add(tell);
        if (watch.last !== null) tell(watch.last);
      }
      const of = watch;
      return () => {
        of.listeners.delete(tell);
        if (of.listeners.size > 0) return;
        if (watched.get(run) === of) watched.delete(run);
        of.wake();
      };
    },
    changed(run) {
      seen.delete(run);
      const watch = watched.get(run);
      if (watch === undefined) return;
      watch.again = true;
      watch.wake();
    },
    close() {
      closed = true;
      for (const watch of watched.values()) watch.wake();
      watched.clear();
    },
  };
}

const DESCRIBE_MS = 3_000;

interface Watched {
  listeners: Set<(sight: Sight) => void>;
  last: Sight | null;
  keep: { observer?: Observer; of?: unknown };
  /** Something was done: the next look is due. */
  again: boolean;
  sleep(ms: number): Promise<void>;
  wake(): void;
}

function createWatched(): Watched {
  let wake = (): void => undefined;
  return {
    listeners: new Set(),
    last: null,
    keep: {},
    again: false,
    sleep: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        // Nobody's end waits for a look.
        timer.unref();
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
    wake: () => wake(),
  };
}
