import { Connection } from '@temporalio/client';
import type { Config } from '../../config.ts';
import { attach } from '../engine/attach.ts';
import { type Finding, ok, skipped, wrong } from './check.ts';
import { GRPC, grpcCode, messageOfGrpc } from './grpc.ts';
import { connectionInWords, endpointOf, speaksTls, tcpProblem } from './network.ts';

/** Parts of one check's time. */
const TCP_MS = 3_000;
const CONNECT_MS = 4_000;
const TLS_MS = 2_000;
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
      const made = await Connection.connect({ address, connectTimeout: CONNECT_MS });
      connection = made;
      const { serverVersion } = await call((to) => to.workflowService.getSystemInfo({}));
      const whose = embedded ? 'The embedded server' : 'A Temporal server';
      return ok(`${whose} answers at ${address}, version ${serverVersion ?? 'unknown'}.`);
    } catch (error) {
      return connectProblem(error);
    }
  }

  async function connectProblem(error: unknown): Promise<Finding> {
    if ([GRPC.permissionDenied, GRPC.unauthenticated].includes(grpcCode(error))) {
      return wrong(
        `The server at ${address} refuses this program: ${messageOfGrpc(error)}.`,
        'Name a server that takes connections without credentials, for example TEMPORAL_ADDRESS=localhost:7233, ' +
          'or a proxy that adds them.',
      );
    }
    if (await speaksTls(endpointOf(address), TLS_MS)) {
      return wrong(
        `The server at ${address} speaks TLS, and this program connects to it without.`,
        'Name an address that is served without TLS, for example TEMPORAL_ADDRESS=localhost:7233, or a proxy ' +
          'beside this program that adds it.',
      );
    }
    return wrong(
      `What answers at ${address} is no Temporal server.`,
      'Name the address of its frontend, which is not that of its Web UI (8080 or 8233), for example ' +
        'TEMPORAL_ADDRESS=localhost:7233.',
    );
  }

  async function look(): Promise<Finding> {
    if (!embedded) {
      const code = await tcpProblem(endpointOf(address), TCP_MS);
      if (code === null) return connect();
      return wrong(
        `No Temporal server answers at ${address}: ${connectionInWords(code)}.`,
        'Start it, correct TEMPORAL_ADDRESS or --address (for example localhost:7233), or leave both out to use ' +
          'the embedded server.',
      );
    }
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
