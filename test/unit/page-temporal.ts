import { WorkflowNotFoundError } from '@temporalio/client';
import type { Server } from '../../src/client/connection.ts';
import type { Progress } from '../../src/shared/types.ts';

/** A Temporal server as far as the page talks to one, that a test takes down and brings back. */
export interface StandIn {
  /** Answers at all. */
  up: boolean;
  /** What the run's workflow says; `null`: it does not know the run. */
  progress: Progress | null;
  /** The workflow is under way. */
  running: boolean;
  worker: boolean;
  /** Its namespace. */
  id: string;
  /** What it was told, in order. */
  told: string[];
  connects: number;
  connect(): Promise<Server | null>;
}

export function createStandIn(): StandIn {
  const standIn: StandIn = {
    ...{ up: true, progress: null, running: true, worker: true, id: 'namespace-1', told: [], connects: 0 },
    async connect() {
      standIn.connects += 1;
      return standIn.up ? server : null;
    },
  };
  const tell = (what: string): Promise<void> => answer(() => void standIn.told.push(what));
  const answer = <T>(give: () => T): Promise<T> =>
    standIn.up ? Promise.resolve().then(give) : Promise.reject(new Error('14 UNAVAILABLE'));
  const getHandle = (workflowId: string) => ({
    query: () =>
      answer(() => {
        if (!standIn.worker || standIn.progress === null) throw new Error('no worker answers');
        return standIn.progress;
      }),
    describe: () =>
      answer(() => {
        if (standIn.progress === null) throw new WorkflowNotFoundError('unknown', workflowId, undefined);
        return { status: { name: standIn.running ? 'RUNNING' : 'COMPLETED' }, priority: undefined, raw: {} };
      }),
    executeUpdate: (name: string) => tell(name),
    signal: (name: string) => tell(`signal ${name}`),
    cancel: () => tell('cancel'),
    startUpdate: async (name: string, { args }: { args: unknown[] }) => {
      await tell(`${name} ${JSON.stringify(args[0])}`);
      return { result: () => Promise.resolve('2 questions are asked again.') };
    },
  });
  const withDeadline = <T>(_: unknown, call: () => Promise<T>): Promise<T> => call();
  const client = {
    withDeadline,
    connection: { withDeadline },
    workflow: {
      getHandle,
      start: (_: string, { args }: { args: unknown[] }) => tell(`start ${JSON.stringify(args[0])}`),
    },
    workflowService: {
      describeNamespace: () => answer(() => ({ namespaceInfo: { id: standIn.id } })),
      describeTaskQueue: () => answer(() => ({ pollers: standIn.worker ? [{}] : [] })),
      describeWorkflowExecution: () => answer(() => ({ pendingActivities: [] })),
    },
  };
  const server = {
    ...{ client, namespace: 'default', taskQueue: 'image-analysis', label: 'a stand-in', engine: null },
    webUi: (workflowId: string) => `http://temporal/${workflowId}`,
    close: () => Promise.resolve(),
  } as unknown as Server;
  return standIn;
}
