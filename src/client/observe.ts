import type { Client } from '@temporalio/client';
import { files } from '../shared/names.ts';
import type { ResultStore } from '../shared/result-store.ts';
import type { BatchProgress, Plan, Progress } from '../shared/types.ts';
import type { Snapshot } from './live-view.ts';

const QUERY_MS = 3000;
const KEPT_MS = 120_000;

/** TaskQueueType of the Temporal API. */
const WORKFLOW_QUEUE = 1;
const ACTIVITY_QUEUE = 2;

/** Looks at one run, again and again. */
export interface Observer {
  /** `null` while nothing can be seen: neither the workflow nor its record answers. */
  look(): Promise<Snapshot | null>;
}

/**
 * Asks the parent and its running children; where they do not answer, reads the run's progress record. Remembers the
 * requests that ended batches told of, so that the last minute is whole.
 */
export function createObserver(options: {
  client: Client;
  namespace: string;
  workflowId: string;
  store: ResultStore;
  now(): number;
}): Observer {
  const { client, workflowId, store, now } = options;
  /** What each batch said last: one that is too busy to answer is not one without answers. */
  const heard = new Map<string, BatchProgress>();
  let children: string[] = [];
  let modelQueue: string | null = null;

  const query = async <T>(id: string): Promise<T | null> => {
    try {
      return await client.connection.withDeadline(Date.now() + QUERY_MS, () =>
        client.workflow.getHandle(id).query<T>('progress'),
      );
    } catch {
      return null;
    }
  };

  const lookAtChildren = async (running: string[]): Promise<BatchProgress[]> => {
    // One that has just ended is asked once more: it may have sent since the last look.
    const ended = children.filter((id) => !running.includes(id));
    children = running;
    const asked = [...running, ...ended];
    const answers = await Promise.all(asked.map((id) => query<BatchProgress>(id)));
    for (const [at, id] of asked.entries()) {
      const answer = answers[at];
      if (answer) heard.set(id, answer);
    }
    for (const [id, { sends }] of heard) {
      const last = sends.at(-1);
      if (!running.includes(id) && (last === undefined || now() - Date.parse(last.at) > KEPT_MS)) {
        heard.delete(id);
      }
    }
    return running.flatMap((id) => heard.get(id) ?? []);
  };

  const waiting = async (): Promise<number | null> => {
    modelQueue ??= (await readJsonQuietly<Plan>(store, files.run))?.modelQueue ?? null;
    return modelQueue === null ? null : backlogOf(client, options.namespace, modelQueue);
  };

  return {
    async look() {
      const progress = await query<Progress>(workflowId);
      if (progress === null) {
        const recorded = await readJsonQuietly<Progress>(store, files.progress);
        return recorded === null
          ? null
          : { progress: recorded, batches: [], sends: [], waiting: null, fresh: false };
      }
      const [batches, backlog] = await Promise.all([
        lookAtChildren(progress.running.map((child) => child.workflowId)),
        waiting(),
      ]);
      const sends = [...heard.values()].flatMap((batch) => batch.sends);
      return { progress, batches, sends, waiting: backlog, fresh: true };
    },
  };
}

/** Tasks that wait in an activity queue, as the server estimates them; `null` when it does not answer. */
async function backlogOf(client: Client, namespace: string, queue: string): Promise<number | null> {
  try {
    const { stats } = await client.connection.withDeadline(Date.now() + QUERY_MS, () =>
      client.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: queue },
        taskQueueType: ACTIVITY_QUEUE,
        reportStats: true,
      }),
    );
    return stats?.approximateBacklogCount == null ? null : Number(stats.approximateBacklogCount);
  } catch {
    return null;
  }
}

/** Whether a worker polls a queue for workflows; `null` when the server does not say. */
export async function workersPoll(client: Client, namespace: string, queue: string): Promise<boolean | null> {
  try {
    const { pollers } = await client.connection.withDeadline(Date.now() + QUERY_MS, () =>
      client.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: queue },
        taskQueueType: WORKFLOW_QUEUE,
      }),
    );
    return (pollers?.length ?? 0) > 0;
  } catch {
    return null;
  }
}

async function readJsonQuietly<T>(store: ResultStore, path: string): Promise<T | null> {
  try {
    const text = await store.read(path);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}
