import type { Config } from '../config.ts';
import type { Server } from '../client/connection.ts';
import { workersPoll } from '../client/observe.ts';
import { serverIdentity } from '../shared/server-identity.ts';

/** A Temporal server that answers. */
export interface Reached {
  server: Server;
  /** Which one it is, told from every other one. */
  id: string;
  /** Whether a worker is seen polling its task queue, as of some seconds ago; `null` when the server does not say. */
  worker: boolean | null;
}

/** The servers of a page's runs (the demonstration has one of its own), each by one connection for all who ask. */
export interface Servers {
  /** `null` where none answers now. It is looked for anew every few seconds. */
  reach(config: Config): Promise<Reached | null>;
  /** Says that a server has not answered: it is connected to anew, at whatever address it has then. */
  lost(config: Config): void;
  close(): Promise<void>;
}

/** A server that does not answer is looked for again after so long. */
const AGAIN_MS = 3_000;
/** How long the first who asks waits for a server; the page shows what is recorded meanwhile. */
const PATIENCE_MS = 1_000;
/** How long what a server said of its workers is good. */
const WORKER_MS = 5_000;

export function createServers(options: {
  /** Connects, starts nothing; `null` where none answers. */
  connect(config: Config): Promise<Server | null>;
  now(): number;
}): Servers {
  const { connect, now } = options;
  const known = new Map<string, Known>();
  const keyOf = (config: Config): string => config.address ?? config.dataDir;

  const open = async (config: Config): Promise<Connected | null> => {
    const server = await connect(config);
    if (server === null) return null;
    try {
      const { id } = await serverIdentity(server.client.workflowService, server.namespace, server.label);
      return { server, id, polled: null };
    } catch {
      await server.close();
      return null;
    }
  };

  const begin = (config: Config): Known => {
    const begun: Known = { connected: null, goneAt: null, connection: Promise.resolve() };
    begun.connection = open(config)
      .catch(() => null)
      .then((connected) => {
        begun.connected = connected;
        if (connected === null) begun.goneAt = now();
        // The page has ended, or another connection was begun meanwhile.
        else if (known.get(keyOf(config)) !== begun) void closeQuietly(connected);
      });
    known.set(keyOf(config), begun);
    return begun;
  };

  /** One question at a time, and none while the last answer is good. */
  const worker = (connected: Connected): Promise<boolean | null> => {
    const { client, namespace, taskQueue } = connected.server;
    if (connected.polled === null || now() - connected.polled.at > WORKER_MS) {
      connected.polled = { at: now(), answer: workersPoll(client, namespace, taskQueue) };
    }
    return connected.polled.answer;
  };

  return {
    async reach(config) {
      const found = known.get(keyOf(config));
      if (found === undefined) await Promise.race([begin(config).connection, patience()]);
      else if (found.goneAt !== null && now() - found.goneAt > AGAIN_MS) begin(config);
      const connected = known.get(keyOf(config))?.connected ?? null;
      if (connected === null) return null;
      return { server: connected.server, id: connected.id, worker: await worker(connected) };
    },
    lost(config) {
      const found = known.get(keyOf(config));
      if (found === undefined || found.connected === null) return;
      void closeQuietly(found.connected);
      known.set(keyOf(config), { ...found, connected: null, goneAt: now() });
    },
    async close() {
      const all = [...known.values()];
      known.clear();
      for (const { connected } of all) if (connected !== null) await closeQuietly(connected);
    },
  };
}

interface Connected {
  server: Server;
  id: string;
  polled: { at: number; answer: Promise<boolean | null> } | null;
}

interface Known {
  /** `null` while it is connected to, and when that failed. */
  connected: Connected | null;
  /** When it did not answer; `null` while it is connected, or connected to. */
  goneAt: number | null;
  /** Ends when it is connected, or that has failed. */
  connection: Promise<void>;
}

const closeQuietly = ({ server }: Connected): Promise<void> => server.close().catch(() => undefined);

const patience = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, PATIENCE_MS).unref();
  });
