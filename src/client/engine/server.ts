import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { GRPC, grpcCode } from '../../connection/grpc.ts';
import { SEARCH_ATTRIBUTES } from '../../shared/names.ts';
import { SERVER_DATA_KEY } from '../../shared/server-identity.ts';
import type { Ports } from './state.ts';

/** WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING of the Temporal API. */
const RUNNING = 1;

/**
 * Dynamic configuration of a server of ours; `deploy/temporal-dynamicconfig.yaml` has the same. One partition a task
 * queue makes the server's rate limit exact and evenly spaced, fairness lets two runs alternate (measured,
 * docs/limits.md), and a worker that shuts down leaves the list of those that poll at once.
 */
export const DYNAMIC_CONFIG = [
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
  'matching.enableFairness=true',
  'frontend.enableCancelWorkerPollsOnShutdown=true',
];

/** Arguments of `temporal` for the embedded server. */
export function serverArguments(ports: Ports, database: string): string[] {
  return [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(ports.server)],
    ...['--ui-port', String(ports.ui), '--db-filename', database, '--log-level', 'warn'],
    ...DYNAMIC_CONFIG.flatMap((value) => ['--dynamic-config-value', value]),
    ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
  ];
}

/** What the supervisor asks of its own server. */
export interface ServerClient {
  /** Waits until it serves its namespace; false when it does not within the time, or when `hope` is gone. */
  ready(withinMs: number, hope: () => boolean): Promise<boolean>;
  /** Keeps runs that end from now on for so long; the server's own default is a day. */
  keepEndedRuns(days: number): Promise<void>;
  /** Gives the server the name by which runs know it, also when its database is made anew. */
  setIdentity(identity: string): Promise<void>;
  /** Whether a workflow has ended (or does not exist). A server that does not answer counts as "not yet". */
  hasEnded(workflowId: string): Promise<boolean>;
  close(): Promise<void>;
}

export function serverClient(address: string, namespace: string): ServerClient {
  const connection = Connection.lazy({ address });
  const within = <T>(ms: number, call: () => Promise<T>): Promise<T> =>
    connection.withDeadline(Date.now() + ms, call);
  return {
    async ready(withinMs, hope) {
      const end = Date.now() + withinMs;
      while (Date.now() < end && hope()) {
        try {
          await within(1000, () => connection.workflowService.describeNamespace({ namespace }));
          return true;
        } catch {
          await sleep(100);
        }
      }
      return false;
    },
    async keepEndedRuns(days) {
      const retention = msToTs(`${String(days)} days`);
      const { config } = await connection.workflowService.describeNamespace({ namespace });
      if (String(config?.workflowExecutionRetentionTtl?.seconds) === String(retention.seconds)) return;
      await connection.workflowService.updateNamespace({
        namespace,
        config: { workflowExecutionRetentionTtl: retention },
      });
    },
    async setIdentity(identity) {
      const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace });
      if (namespaceInfo?.data?.[SERVER_DATA_KEY] === identity) return;
      await connection.workflowService.updateNamespace({
        namespace,
        updateInfo: { data: { [SERVER_DATA_KEY]: identity } },
      });
    },
    async hasEnded(workflowId) {
      try {
        const { workflowExecutionInfo: info } = await within(5000, () =>
          connection.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId } }),
        );
        return Number(info?.status) !== RUNNING;
      } catch (error) {
        return grpcCode(error) === GRPC.notFound;
      }
    },
    close: () => connection.close(),
  };
}
