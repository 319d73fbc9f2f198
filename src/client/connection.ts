import { Client } from '@temporalio/client';
import { createDataConverter } from '../codec/data-converter.ts';
import type { Config } from '../config.ts';
import { openConnection, tryConnection } from '../connection/open.ts';
import type { Deps } from './deps.ts';
import { attach } from './engine/attach.ts';
import { engineConfig, launchEngine } from './engine/launch.ts';
import type { Engine } from './engine/open-engine.ts';

/** The Temporal server that a command works with. */
export interface Server {
  client: Client;
  namespace: string;
  taskQueue: string;
  /** For a person: which server, and whose. */
  label: string;
  /** `null` when somebody else runs the server, or it is only looked at. */
  engine: Engine | null;
  /** Address of a workflow's page, where we know the Web UI. */
  webUi(workflowId: string): string | null;
  close(): Promise<void>;
}

const CONNECT_MS = 5_000;
const LOOK_MS = 3_000;

/**
 * Connects to the server that the configuration names, or else to the embedded engine, which is started when it does
 * not run. Throws as `openConnection` does when a named server does not answer or does not let this program in.
 */
export async function connectServer(
  deps: Deps,
  config: Config,
  options: { worker: boolean; log: (line: string) => void },
): Promise<Server> {
  if (config.address !== null) return connectTo(config, config.address);
  const own = engineConfig(config);
  const dataConverter = createDataConverter(own);
  const engine = await launchEngine(deps, own, options);
  const connection = await openConnection(own, engine.address, CONNECT_MS);
  const client = new Client({ connection, namespace: own.namespace, dataConverter });
  return {
    client,
    namespace: own.namespace,
    taskQueue: own.taskQueue,
    label: embeddedLabel(engine.address, own),
    engine,
    webUi: (workflowId) => webUiOf(engine.uiUrl, own, workflowId),
    async close() {
      await connection.close();
      await engine.release();
    },
  };
}

/** Connects to a configuration's server for a look; `null` where none answers. Starts nothing. */
export async function connectRunning(
  config: Config,
): Promise<Pick<Server, 'client' | 'taskQueue' | 'close'> | null> {
  const dataConverter = createDataConverter(config);
  const attachment = config.address === null ? await attach(config.dataDir, { worker: false }) : null;
  const address = config.address ?? attachment?.status().address ?? '';
  const own = config.address === null ? engineConfig(config) : config;
  const connection = address === '' ? null : await tryConnection(own, address, LOOK_MS);
  if (connection === null) {
    await attachment?.leave();
    return null;
  }
  return {
    client: new Client({ connection, namespace: config.namespace, dataConverter }),
    taskQueue: config.taskQueue,
    async close() {
      await connection.close();
      await attachment?.leave();
    },
  };
}

/**
 * Connects to a configuration's server for as long as it is wanted, and starts nothing; `null` where none answers. An
 * embedded engine is not held by it: it ends when its own commands have, as if nobody looked.
 */
export async function reachServer(config: Config): Promise<Server | null> {
  if (config.address !== null) return connectTo(config, config.address).catch(() => null);
  const attachment = await attach(config.dataDir, { worker: false });
  await attachment?.leave();
  const status = attachment?.status();
  if (status?.state !== 'ready') return null;
  const own = engineConfig(config);
  const server = await connectTo(own, status.address).catch(() => null);
  if (server === null) return null;
  return {
    ...server,
    label: embeddedLabel(status.address, own),
    webUi: (workflowId) => webUiOf(status.uiUrl, own, workflowId),
  };
}

const embeddedLabel = (address: string, { dataDir }: Config): string =>
  `embedded Temporal server at ${address} (data in ${dataDir})`;

const webUiOf = (uiUrl: string, { namespace }: Config, workflowId: string): string =>
  `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(workflowId)}`;

async function connectTo(config: Config, address: string): Promise<Server> {
  const dataConverter = createDataConverter(config);
  const connection = await openConnection(config, address, CONNECT_MS);
  return {
    client: new Client({ connection, namespace: config.namespace, dataConverter }),
    namespace: config.namespace,
    taskQueue: config.taskQueue,
    label: `Temporal at ${address}, namespace ${config.namespace}`,
    engine: null,
    webUi: () => null,
    close: () => connection.close(),
  };
}
