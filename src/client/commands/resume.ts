import { WorkflowNotFoundError } from '@temporalio/client';
import type { RunState } from '../../shared/types.ts';
import { connectServer, type Server } from '../connection.ts';
import { tellRun } from '../control-run.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';
import { createDisplay, type Display } from '../display.ts';
import { runsOf } from '../find-run.ts';
import { follow } from '../follow.ts';
import { configOf, summaryNow } from '../look-at-run.ts';
import { hasEnded, type RecordedRun } from '../runs.ts';
import { onBlockOf, requireKey, sayUnderWay } from './run.ts';

export interface ResumeFlags {
  json?: boolean;
  onBlock?: string;
  results?: string;
}

/** `resume [RUN]`: goes on with a run that is paused, blocked, detached, or was interrupted by a crash. */
export async function resumeCommand(
  deps: Deps,
  name: string | undefined,
  flags: ResumeFlags,
): Promise<number> {
  const recorded = await runToResume(deps, name, flags.results);
  const display = createDisplay(deps.terminal, { json: flags.json === true, now: deps.now });
  if (hasEnded(recorded)) return alreadyEnded(deps, display, recorded);
  const { simulated } = recorded.plan.account;
  if (!simulated) requireKey(deps);
  const onBlock = onBlockOf(deps, flags.onBlock);
  const server = await connectServer(deps, configOf(deps, recorded), {
    worker: true,
    log: (line) => display.say(line),
  });
  try {
    await goOn(server, recorded);
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
    await sayUnderWay(server, (text) => display.say(text), recorded.run);
    return await follow(deps, server, display, {
      run: recorded.run,
      workflowId,
      results: recorded.place,
      onBlock,
      hints: [],
    });
  } finally {
    await server.close();
  }
}

async function runToResume(
  deps: Deps,
  name: string | undefined,
  results: string | undefined,
): Promise<RecordedRun> {
  const { runs, root } = runsOf(deps, results);
  const recorded = name === undefined ? await runs.latestUnfinished() : await runs.read(name);
  if (recorded !== null) return recorded;
  throw new UsageError(
    name === undefined
      ? `No run below ${root} waits to go on. \`${deps.calledAs} list\` shows the runs that are there.`
      : `There is no run ${JSON.stringify(name)} below ${root}. \`${deps.calledAs} list\` shows those that are there.`,
  );
}

/** Going on is safe to ask of a run that goes on already. */
async function goOn(server: Server, recorded: RecordedRun): Promise<void> {
  try {
    await tellRun(server.client, recorded.plan.workflowId, 'resume');
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    const running = await isKnown(server, recorded.plan.workflowId);
    // It ended a moment ago or without a last record: following it tells how.
    if (running) return;
    throw new Error(
      `the Temporal server does not know run ${recorded.run}: it was started on another server, or that server's ` +
        'data is gone. Its answers so far are in its results; start a new run for the rest',
      { cause: error },
    );
  }
}

async function isKnown(server: Server, workflowId: string): Promise<boolean> {
  try {
    await server.client.workflow.getHandle(workflowId).describe();
    return true;
  } catch {
    return false;
  }
}

const STATUS: Partial<Record<RunState, number>> = { complete: EXIT.ok, incomplete: EXIT.incomplete };

function alreadyEnded(deps: Deps, display: Display, recorded: RecordedRun): number {
  const summary = summaryNow({ recorded, live: null }, deps.now());
  const exitStatus = STATUS[recorded.progress?.state ?? 'failed'] ?? EXIT.failed;
  display.end({
    exitStatus,
    error: null,
    summary,
    hints:
      exitStatus === EXIT.ok
        ? ['Nothing is left to do.']
        : [
            'This run has ended: resume cannot ask its missing answers again. Which they are, and how a new run asks:',
            `  ${deps.calledAs} results ${recorded.run} --missing`,
          ],
  });
  return exitStatus;
}
