import { setTimeout as sleep } from 'node:timers/promises';
import { CodecError } from '../codec/codec.ts';
import { files } from '../shared/names.ts';
import type { RunResult } from '../shared/types.ts';
import type { Server } from './connection.ts';
import { callsHaveEnded, recordIsCurrent, tellRun } from './control-run.ts';
import { EXIT, type Deps } from './deps.ts';
import type { Display } from './display.ts';
import { onInterrupt } from './interrupt.ts';
import { countsNow, type Snapshot } from './live-view.ts';
import { lineOf, nextSteps } from './next-steps.ts';
import { createPlanning, createShow, createSilence } from './notices.ts';
import { createObserver, workersPoll, type Observer } from './observe.ts';
import type { Summary } from './render/summary.ts';
import { describeFailure, isWorkflowFailure } from './workflow-failure.ts';

/** A run that a command watches to its end. */
export interface FollowedRun {
  run: string;
  workflowId: string;
  /** Folder or `gs://` place of the run. */
  results: string;
  /** What to do when the run blocks: wait with it, or leave it blocked and end. */
  onBlock: 'wait' | 'exit';
  /** When the run was last recorded before it was started once more; `null` for one that goes on, or is new. */
  earlierRecord: string | null;
  /** More to say at a good end, one hint a line. */
  hints: string[];
}

const LOOK_MS = 1000;
/** A call takes up to 60 s. */
const PAUSE_MS = 75_000;
/** The run saves its results some seconds after the last call. */
const RECORD_MS = 15_000;
const SIGNAL_MS = 5_000;

type Ending = { result: RunResult } | { error: unknown };

/**
 * Shows a run until it ends, blocks (where that ends the command) or the person interrupts, which pauses it.
 * Returns the exit status. Leaves the server to its caller.
 */
export async function follow(
  deps: Deps,
  server: Server,
  display: Display,
  run: FollowedRun,
): Promise<number> {
  const goOn = `Go on with: ${lineOf(deps, run.run, run.results)('resume')}`;
  const interrupt = onInterrupt(() => {
    const hints = ['Ended at once. Nothing that was answered is lost.', goOn];
    display.end({ exitStatus: EXIT.interrupted, error: null, summary: null, hints });
    process.exit(EXIT.interrupted);
  });
  const observer = showing(
    createObserver({
      client: server.client,
      namespace: server.namespace,
      workflowId: run.workflowId,
      store: deps.openStore(run.results),
      now: deps.now,
    }),
    run.earlierRecord,
    createShow(deps, display),
  );
  const ending: { value: Ending | null } = { value: null };
  const ended = endOf(server, run.workflowId).then((value) => (ending.value = value));
  // Whoever waits for it hears of it; until then somebody may have left with another error.
  ended.catch(() => undefined);
  const silence = createSilence(deps, server, display);
  const planning = createPlanning(deps, server, display, run.workflowId);
  const interrupted = aborted(interrupt.signal);
  try {
    while (ending.value === null && !interrupt.signal.aborted) {
      const seen = await observer.look();
      if (ending.value !== null) break;
      await planning(seen);
      await silence(seen);
      if (seen?.progress.state === 'blocked' && run.onBlock === 'exit') {
        return await leaveBlocked(deps, display, run, observer, seen);
      }
      const trouble = server.engine?.trouble() ?? null;
      if (trouble !== null && run.onBlock === 'exit') {
        return leaveWaiting(display, run, seen, trouble, goOn);
      }
      await Promise.race([ended, sleep(LOOK_MS), interrupted]);
    }
    if (ending.value === null) {
      const paused = await pause(deps, server, display, run, observer, ended);
      if (paused !== null) return paused;
    }
    return await finish(deps, display, run, await ended, await observer.look());
  } finally {
    interrupt.dispose();
  }
}

/** Pauses the run and waits for its calls; `null` when it came to its end meanwhile. */
async function pause(
  deps: Deps,
  server: Server,
  display: Display,
  run: FollowedRun,
  observer: Observer,
  ended: Promise<Ending>,
): Promise<number | null> {
  const goOn = `Go on with: ${lineOf(deps, run.run, run.results)('resume')}`;
  if ((await observer.look()) === null && (await giveUp(server, run.workflowId))) {
    const hints =
      run.earlierRecord === null
        ? ['Nothing was asked yet: the run is given up, as its plan was not made.']
        : ['Nothing was asked yet: the run stands as it ended before.', goOn];
    display.end({ exitStatus: EXIT.interrupted, error: null, summary: null, hints });
    return EXIT.interrupted;
  }
  display.say('Pausing: calls in flight end and are recorded first. Ctrl-C again ends this command at once.');
  const engineWaits = (server.engine?.trouble() ?? null) !== null;
  // No worker is there to take an update then, and a server that cannot write would keep the person for minutes.
  await (
    engineWaits
      ? server.client.withDeadline(Date.now() + SIGNAL_MS, () =>
          server.client.workflow.getHandle(run.workflowId).signal('pause'),
        )
      : tellRun(server.client, run.workflowId, 'pause')
  ).catch(() => undefined);
  const worked =
    server.engine === null
      ? await workersPoll(server.client, server.namespace, server.taskQueue)
      : !engineWaits;
  const quiet = await Promise.race([
    // Where nobody works, nothing is in flight that could be waited for.
    worked === false ? false : callsHaveEnded(observer, PAUSE_MS),
    ended.then(() => null),
  ]);
  if (quiet === null) return null;
  if (quiet) await recordIsCurrent(observer, deps.openStore(run.results), RECORD_MS);
  const seen = await observer.look();
  display.end({
    exitStatus: EXIT.interrupted,
    error: null,
    summary: seen === null ? null : summaryOf(seen, run),
    hints: [
      quiet
        ? 'Nothing is lost: every answer so far is recorded.'
        : 'Nothing that was answered is lost; a call still in flight is asked again.',
      goOn,
    ],
  });
  return EXIT.interrupted;
}

/** Ends a run that has no plan and so no answers: there would be nothing to resume. False when it has ended itself. */
async function giveUp(server: Server, workflowId: string): Promise<boolean> {
  try {
    await server.client.workflow.getHandle(workflowId).terminate('interrupted before its plan was made');
    return true;
  } catch {
    return false;
  }
}

/** Its engine waits for a person, who is not there to wait with it. */
function leaveWaiting(
  display: Display,
  run: FollowedRun,
  seen: Snapshot | null,
  trouble: string,
  goOn: string,
): number {
  display.end({
    exitStatus: EXIT.blocked,
    error: trouble,
    summary: seen === null ? null : { ...summaryOf(seen, run), state: 'interrupted' },
    hints: [goOn],
  });
  return EXIT.blocked;
}

async function leaveBlocked(
  deps: Deps,
  display: Display,
  run: FollowedRun,
  observer: Observer,
  blocked: Snapshot,
): Promise<number> {
  if (await callsHaveEnded(observer, PAUSE_MS)) {
    await recordIsCurrent(observer, deps.openStore(run.results), RECORD_MS);
  }
  const summary = summaryOf((await observer.look()) ?? blocked, run);
  display.end({
    exitStatus: EXIT.blocked,
    error: null,
    summary,
    block: blocked.progress.block,
    hints: nextSteps({ ...summary, state: 'blocked' }, lineOf(deps, run.run, run.results)),
  });
  return EXIT.blocked;
}

async function finish(
  deps: Deps,
  display: Display,
  run: FollowedRun,
  ending: Ending,
  seen: Snapshot | null,
): Promise<number> {
  const line = lineOf(deps, run.run, run.results);
  if ('error' in ending) {
    const { message, exitStatus, state } = describeFailure(ending.error);
    const summary: Summary | null = seen === null ? null : { ...summaryOf(seen, run), state };
    // Without a plan there is nothing to go on with.
    const planned =
      (await deps
        .openStore(run.results)
        .read(files.run)
        .catch(() => null)) !== null;
    const hints = planned ? nextSteps({ images: 0, prompts: [], counts: null, state }, line) : [];
    display.end({ exitStatus, error: message, summary, hints });
    return exitStatus;
  }
  const { result } = ending;
  const exitStatus = result.state === 'complete' ? EXIT.ok : EXIT.incomplete;
  const summary: Summary = {
    ...result,
    listing: false,
    recordedMsAgo: null,
    prompts: seen?.progress.prompts ?? Object.keys(result.counts.matches).map((id) => ({ id, name: id })),
    results: result.results,
    elapsedMs: seen === null ? null : timeOf(seen, run, deps.now()),
  };
  display.end({ exitStatus, error: null, summary, hints: [...nextSteps(summary, line), ...run.hints] });
  return exitStatus;
}

/** How long the run took; of one that had ended before and went on, only the time in which it worked. */
const timeOf = ({ progress }: Snapshot, { earlierRecord }: FollowedRun, now: number): number =>
  earlierRecord === null ? now - Date.parse(progress.startedAt) : progress.activeMs;

/**
 * The workflow's result; asked again when it is the server, not the workflow, that failed. Rejects with a
 * {@link CodecError} when the result is encrypted under a key that is not here.
 */
async function endOf(server: Server, workflowId: string): Promise<Ending> {
  for (;;) {
    try {
      return { result: (await server.client.workflow.getHandle(workflowId).result()) as RunResult };
    } catch (error) {
      if (isWorkflowFailure(error)) return { error };
      if (error instanceof CodecError) throw error;
      await sleep(LOOK_MS);
    }
  }
}

/** Whoever looks, the person sees it; not what an execution that has ended left as its last record. */
const showing = (
  observer: Observer,
  earlierRecord: string | null,
  show: (seen: Snapshot) => void,
): Observer => ({
  async look() {
    const seen = await observer.look();
    if (seen === null || (!seen.fresh && seen.progress.updatedAt === earlierRecord)) return null;
    show(seen);
    return seen;
  },
});

function summaryOf(seen: Snapshot, run: FollowedRun): Summary {
  const { progress } = seen;
  return {
    run: progress.run,
    state: progress.state,
    simulated: progress.simulated,
    images: progress.images,
    listing: !progress.listed,
    skipped: progress.skipped,
    prompts: progress.prompts,
    counts: countsNow(seen),
    recordedMsAgo: null,
    results: run.results,
    elapsedMs: null,
  };
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
