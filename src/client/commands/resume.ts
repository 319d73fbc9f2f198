import { WorkflowNotFoundError } from '@temporalio/client';
import { modelQueueOf } from '../../shared/names.ts';
import type { Retry } from '../../shared/types.ts';
import { checkOnly, flagsOf, retryOf, type RetryFlags } from '../ask-again.ts';
import { connectServer, type Server } from '../connection.ts';
import { retryFailed, standingOf, tellRun } from '../control-run.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';
import { createDisplay, type Display } from '../display.ts';
import { findRunTo } from '../find-run.ts';
import { follow } from '../follow.ts';
import { configOf, summaryNow } from '../look-at-run.ts';
import { type LineOf, lineOf, missingOf, nextSteps } from '../next-steps.ts';
import { isComplete, type RecordedRun } from '../runs.ts';
import { refuseElsewhere } from '../same-server.ts';
import { startAgain } from '../start-run.ts';
import { onBlockOf, requireKey, sayUnderWay } from './run.ts';

export interface ResumeFlags extends RetryFlags {
  json?: boolean;
  onBlock?: string;
  results?: string;
  serverIsGone?: boolean;
}

/**
 * `resume [RUN]`: goes on with a run, whatever ended or stopped it. One under way is told to go on, and to ask again
 * what failed where a flag says so; one that has ended, or that the server does not know, is started once more under
 * its own workflow ID and asks what is missing.
 *
 * @param always - Asks again what failed of a run under way also when no flag says so.
 */
export async function resumeCommand(
  deps: Deps,
  name: string | undefined,
  flags: ResumeFlags,
  always = false,
): Promise<number> {
  const retry = retryOf(flags);
  const recorded = await findRunTo('go on', deps, name, flags.results);
  const display = createDisplay(deps.terminal, { json: flags.json === true, now: deps.now });
  if (nothingLeft(recorded, retry)) return sayNothingLeft(deps, display, recorded);
  await checkOnly(deps.openStore(recorded.place), recorded, retry);
  const { simulated } = recorded.plan.account;
  if (!simulated) requireKey(deps);
  requireAccount(deps, recorded);
  const onBlock = onBlockOf(deps, flags.onBlock);
  const server = await connectServer(deps, configOf(deps, recorded), {
    worker: true,
    log: (line) => display.say(line),
  });
  try {
    const asksAgain = always || Object.keys(retry).length > 0;
    const line = lineOf(deps, recorded.run, recorded.place);
    const mayStart = async (): Promise<void> => {
      if (flags.serverIsGone !== true)
        await refuseElsewhere(server, recorded, line('resume', `${flagsOf(retry)} --server-is-gone`));
    };
    const serverIsGone = flags.serverIsGone === true;
    const { startedAgain, said } = await goOn(server, recorded, {
      retry,
      asksAgain,
      serverIsGone,
      mayStart,
      line,
    });
    const { workflowId } = recorded.plan;
    display.start({
      server: server.label,
      run: recorded.run,
      workflowId,
      source: recorded.plan.source,
      results: recorded.place,
      webUi: server.webUi(workflowId),
      simulated,
    });
    if (said !== null) display.say(said);
    await sayUnderWay(server, (text) => display.say(text), recorded.run);
    return await follow(deps, server, display, {
      run: recorded.run,
      workflowId,
      results: recorded.place,
      onBlock,
      earlierRecord: startedAgain ? (recorded.progress?.updatedAt ?? null) : null,
      hints: [],
    });
  } finally {
    await server.close();
  }
}

interface GoOn {
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
  const { is, priority } = await standingOf(server.client, workflowId);
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

/** On the embedded engine a run's calls wait for ever in the queue of an account that is not this command's. */
function requireAccount(deps: Deps, recorded: RecordedRun): void {
  const config = configOf(deps, recorded);
  const { modelQueue, account } = recorded.plan;
  if (config.address !== null || modelQueueOf(config.taskQueue, config.account) === modelQueue) return;
  throw new UsageError(
    `Run ${recorded.run} asks the account ${account.label} at ${account.endpoint} by the queue ${modelQueue}; ` +
      `these settings are for ${config.account.label} at ${config.account.endpoint}. Set ACCOUNT, OPENAI_BASE_URL ` +
      'and TASK_QUEUE as they were when it was started.',
  );
}

/** Whether asking again would ask nothing: every answer is there, or only refusals are left and stay so. */
function nothingLeft(recorded: RecordedRun, retry: Retry): boolean {
  if (isComplete(recorded)) return true;
  if (recorded.progress?.state !== 'incomplete' || retry.refused === true) return false;
  const { missing, refused } = missingOf(summaryNow({ recorded, live: null }, 0));
  return missing > 0 && missing === refused;
}

function sayNothingLeft(deps: Deps, display: Display, recorded: RecordedRun): number {
  const summary = summaryNow({ recorded, live: null }, deps.now());
  const exitStatus = isComplete(recorded) ? EXIT.ok : EXIT.incomplete;
  display.end({
    exitStatus,
    error: null,
    summary,
    hints:
      exitStatus === EXIT.ok
        ? ['Nothing is left to do: every question is answered. Nothing was asked.']
        : ['Nothing was asked.', ...nextSteps(summary, lineOf(deps, recorded.run, recorded.place))],
  });
  return exitStatus;
}
