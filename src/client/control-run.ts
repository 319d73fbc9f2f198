import {
  type Client,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type WorkflowUpdateHandle,
} from '@temporalio/client';
import type { Priority } from '@temporalio/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { noCounts } from '../shared/counts.ts';
import { files } from '../shared/names.ts';
import type { ResultStore } from '../shared/result-store.ts';
import { isEnd } from '../shared/run-state.ts';
import type { Progress, Retry } from '../shared/types.ts';
import { UsageError } from './deps.ts';
import { countsNow } from './live-view.ts';
import type { Observer } from './observe.ts';
import { describeFailure } from './workflow-failure.ts';

const UPDATE_MS = 10_000;
/** Longest time for an answer to a question. */
const ASKED_MS = 3_000;
/** A cancelled run closes within 15 seconds. */
const CLOSES_MS = 20_000;

/** What a server knows of a run's workflow: `unknown` is one that it never had, or has no more. */
export type Standing =
  | {
      is: 'running' | 'closed';
      priority: Priority | undefined;
      /** Something has happened that no worker has taken up yet. */
      waitsForWorker: boolean;
    }
  | { is: 'unknown'; priority?: undefined; waitsForWorker?: false };

/** PendingWorkflowTaskState of the Temporal API. */
const SCHEDULED = 1;

/** Asks the server alone: no worker is needed for it. */
export async function standingOf(client: Client, workflowId: string): Promise<Standing> {
  try {
    const { status, priority, raw } = await client.workflow.getHandle(workflowId).describe();
    const waitsForWorker = Number(raw.pendingWorkflowTask?.state) === SCHEDULED;
    return { is: status.name === 'RUNNING' ? 'running' : 'closed', priority, waitsForWorker };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { is: 'unknown' };
    throw error;
  }
}

/**
 * The same of one that is to go on: a run that says that it has ended and is about to close, as after a cancel, is
 * waited for, since it takes nothing up any more.
 */
export async function standingToGoOn(client: Client, workflowId: string): Promise<Standing> {
  const end = Date.now() + CLOSES_MS;
  for (;;) {
    const standing = await standingOf(client, workflowId);
    if (standing.is !== 'running' || Date.now() > end) return standing;
    const progress = await client.connection
      .withDeadline(Date.now() + ASKED_MS, () =>
        client.workflow.getHandle(workflowId).query<Progress>('progress'),
      )
      .catch(() => null);
    if (progress === null || !isEnd(progress.state)) return standing;
    await sleep(500);
  }
}

/**
 * Tells a run to pause or to go on. An update waits for the workflow's word; where it does not come (no worker, or the
 * run still plans) the signal of the same name waits in the run's history instead.
 */
export async function tellRun(client: Client, workflowId: string, what: 'pause' | 'resume'): Promise<void> {
  const handle = client.workflow.getHandle(workflowId);
  try {
    await client.connection.withDeadline(Date.now() + UPDATE_MS, () => handle.executeUpdate(what));
  } catch {
    await handle.signal(what);
  }
}

/**
 * Tells a run under way to ask again what failed, and returns its word; where it has taken the request up and still
 * looks for what failed after `lookMs`, says so. Throws a {@link UsageError} with the run's own reason when it refuses,
 * and an Error when no worker takes the request up within ten seconds.
 */
export async function retryFailed(
  client: Client,
  workflowId: string,
  retry: Retry,
  lookMs = UPDATE_MS,
): Promise<string> {
  const handle = client.workflow.getHandle(workflowId);
  const within = <T>(ms: number, call: () => Promise<T>): Promise<T> =>
    client.connection.withDeadline(Date.now() + ms, call);
  let accepted: WorkflowUpdateHandle<string> | undefined;
  try {
    accepted = await within(UPDATE_MS, () =>
      handle.startUpdate<string, [Retry]>('retryFailed', { args: [retry], waitForStage: 'ACCEPTED' }),
    );
    const { result } = accepted;
    return await within(lookMs, result);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw error;
    if (error instanceof WorkflowUpdateFailedError) throw new UsageError(describeFailure(error).message);
    if (accepted !== undefined) return LOOKS;
    throw new Error('the run did not take it up: no worker is at it, or it is very busy. Try again later', {
      cause: error,
    });
  }
}

const LOOKS =
  'The run looks for what failed and asks it again: in a large run, or one that is blocked, that takes a while.';

/** A worker takes up at once what happens to a run; one that was killed the server still lists for some minutes. */
const TAKEN_UP_MS = 12_000;

/**
 * Waits until a paused run has no call in flight; false when one is still out after `withinMs`, or earlier when no
 * worker gives the run's word.
 */
export async function callsHaveEnded(observer: Observer, withinMs: number): Promise<boolean> {
  let lastWord = Date.now();
  for (const end = Date.now() + withinMs; Date.now() < end; await sleep(500)) {
    const seen = await observer.look();
    if (seen?.fresh === true) lastWord = Date.now();
    else if (Date.now() - lastWord > TAKEN_UP_MS) return false;
    if (seen?.fresh === true && seen.batches.length === seen.progress.running.length) {
      if (seen.batches.every((batch) => batch.open === 0)) return true;
    }
  }
  return false;
}

/** Waits until a run has closed; false after `withinMs`, or earlier when no worker is there to close it. */
export async function hasClosed(client: Client, workflowId: string, withinMs: number): Promise<boolean> {
  let lastTaken = Date.now();
  for (const end = Date.now() + withinMs; Date.now() < end; await sleep(500)) {
    const { is, waitsForWorker } = await standingOf(client, workflowId);
    if (is !== 'running') return true;
    if (waitsForWorker !== true) lastTaken = Date.now();
    else if (Date.now() - lastTaken > TAKEN_UP_MS) return false;
  }
  return false;
}

/** Waits until a quiet run's record tells all that its workflow knows, so that nobody reads less than what is there. */
export async function recordIsCurrent(
  observer: Observer,
  store: ResultStore,
  withinMs: number,
): Promise<void> {
  const end = Date.now() + withinMs;
  do {
    // The batches' reports are on their way to the run when their last calls have ended.
    await sleep(1500);
    const [seen, text] = await Promise.all([observer.look(), store.read(files.progress).catch(() => null)]);
    if (seen?.fresh !== true) continue;
    const known = countsNow(seen);
    const recorded = text === null ? noCounts() : (JSON.parse(text) as Progress).counts;
    if (recorded.answered >= known.answered && recorded.failed >= known.failed) return;
  } while (Date.now() < end);
}
