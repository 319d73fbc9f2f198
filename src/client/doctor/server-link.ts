import type { Connection } from '@temporalio/client';
import { type Config, SettingError } from '../../config.ts';
import { openConnection } from '../../connection/open.ts';
import { ConnectionError } from '../../connection/problem.ts';
import { attach } from '../engine/attach.ts';
import { engineConfig } from '../engine/launch.ts';
import { type Finding, ok, skipped, wrong } from './check.ts';

/** Of one check's ten seconds; what then looks for the reason takes five at most. */
const CONNECT_MS = 4_000;
const CALL_MS = 8_000;

/** The way to the Temporal server that a configuration means. */
export interface ServerLink {
  /** It is the embedded engine's. */
  embedded: boolean;
  /** `host:port`; of an embedded one known once {@link look} has found it. */
  address(): string;
  /** Connects, and tells what kept it from it. Starts no engine, and holds none. */
  look(): Promise<Finding>;
  /** Asks the server; for checks that need a connection. Throws the error of gRPC. */
  call<T>(ask: (to: Connection) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function serverLink(config: Config, calledAs: string): ServerLink {
  const embedded = config.address === null;
  let address = config.address ?? '';
  let connection: Connection | null = null;

  const call = <T>(ask: (to: Connection) => Promise<T>): Promise<T> => {
    const to = connection;
    if (to === null) return Promise.reject(new Error('There is no connection to the Temporal server.'));
    return to.withDeadline(Date.now() + CALL_MS, () => ask(to));
  };

  async function connect(): Promise<Finding> {
    try {
      connection = await openConnection(embedded ? engineConfig(config) : config, address, CONNECT_MS);
      const { serverVersion } = await call((to) => to.workflowService.getSystemInfo({}));
      const whose = embedded ? 'The embedded server' : 'A Temporal server';
      return ok(`${whose} answers at ${address}, version ${serverVersion ?? 'unknown'}.`);
    } catch (error) {
      if (error instanceof ConnectionError) return wrong(error.problem.found, error.problem.remedy);
      if (error instanceof SettingError) return wrong(...halvesOf(error.message));
      throw error;
    }
  }

  async function look(): Promise<Finding> {
    if (!embedded) return connect();
    const attachment = await attach(config.dataDir, { worker: false });
    await attachment?.leave();
    const status = attachment?.status() ?? null;
    if (status === null) {
      return skipped(
        `The embedded engine of ${config.dataDir} does not run, which is no fault: \`${calledAs} run\` starts it.`,
        `To have its links looked at too, leave a run to it: \`${calledAs} run ./pictures --detach\`.`,
      );
    }
    if (status.state === 'failed') {
      return wrong(
        `The embedded engine has failed: ${status.message ?? 'it does not say why'}`,
        `Mend that; the next command starts it again. Its logs are in ${config.dataDir}.`,
      );
    }
    if (status.state !== 'ready')
      return skipped(`The embedded engine is ${status.state}: ask again in a moment.`);
    if (status.trouble !== null) {
      return wrong(`The embedded engine stands still: ${status.trouble}`, 'Mend that; it goes on by itself.');
    }
    address = status.address;
    return connect();
  }

  return {
    embedded,
    address: () => address,
    look,
    call,
    close: async () => connection?.close(),
  };
}

/** What is wrong, and the mend, of a message that says both. */
function halvesOf(message: string): [string, string] {
  const end = /\. (?=[A-Z])/.exec(message)?.index ?? message.length;
  return [message.slice(0, end + 1), message.slice(end + 2)];
}
