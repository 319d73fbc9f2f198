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

/** A server that does not answer is not asked again at each look. */
const AGAIN_MS = 3_000;
/** How long what a server said of its workers is good. */
const WORKER_MS = 5_000;

export function createServers(options: {
  /** Connects, starts nothing; `null` where none answers. */
  connect(config: Config): Promise<Server | null>;
  now(): number;
}): Servers {
  const { connect, now } = options;
  const known = new Map<string, { at: number; connection: Promise<Connected | null> }>();
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
      const key = keyOf(config);
      let found = known.get(key);
      const failed = found !== undefined && (await found.connection) === null;
      if (found === undefined || (failed && now() - found.at > AGAIN_MS)) {
        found = { at: now(), connection: open(config) };
        known.set(key, found);
      }
      const connected = await found.connection;
      if (connected === null) return null;
      return { server: connected.server, id: connected.id, worker: await worker(connected) };
    },
    lost(config) {
      const key = keyOf(config);
      const found = known.get(key);
      if (found === undefined) return;
      known.set(key, { at: now(), connection: Promise.resolve(null) });
      void found.connection.then((connected) => connected?.server.close()).catch(() => undefined);
    },
    async close() {
      const all = [...known.values()];
      known.clear();
      for (const { connection } of all) await (await connection)?.server.close().catch(() => undefined);
    },
  };
}

interface Connected {
  server: Server;
  id: string;
  polled: { at: number; answer: Promise<boolean | null> } | null;
}
