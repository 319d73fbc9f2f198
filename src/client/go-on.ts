import { WorkflowNotFoundError } from '@temporalio/client';
import type { Config } from '../config.ts';
import { modelQueueOf } from '../shared/names.ts';
import type { Retry } from '../shared/types.ts';
import { flagsOf } from './ask-again.ts';
import type { Server } from './connection.ts';
import { retryFailed, standingToGoOn, tellRun } from './control-run.ts';
import { UsageError } from './deps.ts';
import { summaryNow } from './look-at-run.ts';
import { type LineOf, missingOf } from './next-steps.ts';
import { isComplete, type RecordedRun } from './runs.ts';
import { startAgain } from './start-run.ts';

export interface GoOn {
  retry: Retry;
  /** Asks again what failed of a run under way. */
  asksAgain: boolean;
  /** The server that had not ended it is gone for good. */
  serverIsGone: boolean;
  /** Throws where the run may not be started at this server. */
  mayStart(): Promise<void>;
  line: LineOf;
}

/** Going on is safe to ask of a run that goes on already. Returns what is to be said to the person. */
export async function goOn(
  server: Server,
  recorded: RecordedRun,
  { retry, asksAgain, serverIsGone, mayStart, line }: GoOn,
): Promise<{ startedAgain: boolean; said: string | null }> {
  const { workflowId } = recorded.plan;
  const { is, priority } = await standingToGoOn(server.client, workflowId);
  if (is !== 'running') {
    await mayStart();
    const gone = serverIsGone ? { serverIsGone } : {};
    const started = await startAgain(server, recorded, { ...retry, ...gone }, priority);
    const flags = flagsOf(retry);
    const dropped =
      'Another command has just started this run again, and asks without your flags. ' +
      `When it has ended: ${line('resume', flags)}`;
    return { startedAgain: true, said: started || flags === '' ? null : dropped };
  }
  try {
    await tellRun(server.client, workflowId, 'resume');
    const said = asksAgain ? await retryFailed(server.client, workflowId, retry) : null;
    return { startedAgain: false, said };
  } catch (error) {
    // It goes on, and says why nothing is asked again.
    if (error instanceof UsageError) return { startedAgain: false, said: error.message };
    // It ended a moment ago: following it tells how.
    if (error instanceof WorkflowNotFoundError) return { startedAgain: false, said: null };
    throw error;
  }
}

/**
 * Why a run cannot go on with these settings: on the embedded engine its calls wait for ever in the queue of an account
 * that is not theirs. `null` when it can.
 */
export function accountProblem(config: Config, recorded: RecordedRun): string | null {
  const { modelQueue, account } = recorded.plan;
  if (config.address !== null || modelQueueOf(config.taskQueue, config.account) === modelQueue) return null;
  return (
    `Run ${recorded.run} asks the account ${account.label} at ${account.endpoint} by the queue ${modelQueue}; ` +
    `these settings are for ${config.account.label} at ${config.account.endpoint}. Set ACCOUNT, OPENAI_BASE_URL ` +
    'and TASK_QUEUE as they were when it was started.'
  );
}

/** Whether asking again would ask nothing: every answer is there, or only refusals are left and stay so. */
export function nothingLeft(recorded: RecordedRun, retry: Retry): boolean {
  if (isComplete(recorded)) return true;
  if (recorded.progress?.state !== 'incomplete' || retry.refused === true) return false;
  const { missing, refused } = missingOf(summaryNow({ recorded, live: null }, 0));
  return missing > 0 && missing === refused;
}
