import type { Client } from '@temporalio/client';
import { CodecError } from '../codec/codec.ts';
import { files, QUEUE_OF } from '../shared/names.ts';
import { redact } from '../shared/redact.ts';
import type { ResultStore } from '../shared/result-store.ts';
import type { BatchProgress, Progress } from '../shared/types.ts';
import { failureSays } from './decode.ts';
import type { Snapshot } from './live-view.ts';

const QUERY_MS = 3000;
const KEPT_MS = 120_000;

/**
 * Batches asked at one look. A large account's run has hundreds, and each question costs its worker as much as an
 * answer of the model does; the next look asks the next ones.
 */
const ASKED_AT_ONCE = 32;

/** PendingActivityState of the Temporal API: a worker has it. A pause withdraws it, and it ends all the same. */
const STARTED = 2;
const CANCEL_REQUESTED = 3;
const IN_HAND = [STARTED, CANCEL_REQUESTED];

/** Looks at one run, again and again. */
export interface Observer {
  /**
   * `null` while nothing can be seen: neither the workflow nor its record answers. Rejects with a {@link CodecError}
   * when the workflow answers under a key that is not here.
   */
  look(): Promise<Snapshot | null>;
}

/**
 * Asks the parent and its running children, of many some at each look; where they do not answer, reads the run's progress record. Remembers the
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
  /** At which look each batch was asked last. */
  const askedAt = new Map<string, number>();
  let children: string[] = [];
  let looks = 0;

  const within = <T>(call: () => Promise<T>): Promise<T> =>
    client.connection.withDeadline(Date.now() + QUERY_MS, call);

  const query = async <T>(id: string): Promise<T | null> => {
    try {
      return await within(() => client.workflow.getHandle(id).query<T>('progress'));
    } catch (error) {
      if (error instanceof CodecError) throw error;
      return null;
    }
  };

  /** Those that were not asked for the longest time. A run that stands still has nothing to be held up. */
  const toAsk = ({ state }: Progress, running: string[]): string[] => {
    looks += 1;
    if (running.length <= ASKED_AT_ONCE || state !== 'running') return running;
    const asked = running
      .toSorted((a, b) => (askedAt.get(a) ?? 0) - (askedAt.get(b) ?? 0))
      .slice(0, ASKED_AT_ONCE);
    for (const id of asked) askedAt.set(id, looks);
    for (const id of askedAt.keys()) if (!running.includes(id)) askedAt.delete(id);
    return asked;
  };

  const lookAtChildren = async (running: string[], some: string[]): Promise<BatchProgress[]> => {
    // One that has just ended is asked once more: it may have sent since the last look.
    const ended = children.filter((id) => !running.includes(id)).slice(0, ASKED_AT_ONCE);
    children = running;
    const asked = [...some, ...ended];
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

  /** Activities of a batch by what the server knows of them: handed to a worker, or still in the queue. */
  const pending = async (id: string): Promise<{ started: number; waiting: number }> => {
    try {
      const { pendingActivities } = await within(() =>
        client.workflowService.describeWorkflowExecution({
          namespace: options.namespace,
          execution: { workflowId: id },
        }),
      );
      const calls = (pendingActivities ?? []).filter(({ activityType }) => activityType?.name === 'askModel');
      const started = calls.filter(({ state }) => IN_HAND.includes(Number(state))).length;
      return { started, waiting: calls.length - started };
    } catch {
      return { started: 0, waiting: 0 };
    }
  };

  return {
    async look() {
      const progress = await query<Progress>(workflowId);
      if (progress === null) {
        const recorded = await readJsonQuietly<Progress>(store, files.progress);
        return recorded === null
          ? null
          : { progress: recorded, batches: [], sends: [], underWay: 0, waiting: 0, fresh: false };
      }
      const running = progress.running.map((child) => child.workflowId);
      const asked = toAsk(progress, running);
      const [batches, calls] = await Promise.all([
        lookAtChildren(running, asked),
        Promise.all(asked.map(pending)),
      ]);
      // What was not asked is taken to be as the rest.
      const all = (sum: number): number => Math.round((sum * running.length) / Math.max(1, asked.length));
      return {
        progress,
        batches,
        sends: [...heard.values()].flatMap((batch) => batch.sends),
        underWay: all(calls.reduce((sum, { started }) => sum + started, 0)),
        waiting: all(calls.reduce((sum, { waiting }) => sum + waiting, 0)),
        fresh: true,
        ...(asked.length < running.length && batches.length > 0
          ? { share: batches.length / running.length }
          : {}),
      };
    },
  };
}

/** Why a look failed whose answer is encrypted under a key that is not here, for a person; `null`: for another reason. */
export const unreadableBecause = (error: unknown): string | null =>
  error instanceof CodecError ? error.message : null;

/**
 * What the server knows of a run that has shown nothing yet: `null` when it does not say. Rejects with a
 * {@link CodecError} when a worker's complaint is encrypted under a key that is not here.
 */
export async function planWaitsFor(
  client: Client,
  namespace: string,
  workflowId: string,
): Promise<string | null> {
  const within = <T>(call: () => Promise<T>): Promise<T> =>
    client.connection.withDeadline(Date.now() + QUERY_MS, call);
  const of = { namespace, execution: { workflowId } };
  try {
    const { pendingActivities, pendingWorkflowTask } = await within(() =>
      client.workflowService.describeWorkflowExecution(of),
    );
    const pending = pendingActivities?.[0];
    if (pending == null) {
      if ((pendingWorkflowTask?.attempt ?? 0) <= 1) return 'No worker has taken the run up yet.';
      const { history } = await within(() =>
        client.workflowService.getWorkflowExecutionHistoryReverse({ ...of, maximumPageSize: 10 }),
      );
      const failed = history?.events?.find((event) => event.workflowTaskFailedEventAttributes != null);
      const failure = failed?.workflowTaskFailedEventAttributes?.failure;
      const says = failure == null ? '' : await failureSays(client, failure);
      return `The worker cannot take the run up: ${redact(says, [], 500) || 'it does not say why'}`;
    }
    const failure = pending.lastFailure == null ? '' : await failureSays(client, pending.lastFailure);
    const tried = pending.attempt ?? 1;
    if (failure !== '') return `Try ${String(tried)}; the last one failed: ${redact(failure, [], 500)}`;
    return Number(pending.state) === STARTED
      ? `The worker is still at it (try ${String(tried)}); the source, the results place or the model is slow to answer.`
      : 'No worker has taken the plan up yet.';
  } catch (error) {
    if (error instanceof CodecError) throw error;
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
        taskQueueType: QUEUE_OF.workflows,
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
