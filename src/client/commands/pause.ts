import { connectServer } from '../connection.ts';
import { callsHaveEnded, recordIsCurrent, standingOf, tellRun } from '../control-run.ts';
import { EXIT, type Deps } from '../deps.ts';
import { createDisplay } from '../display.ts';
import { findRunTo, runsOf } from '../find-run.ts';
import { configOf, summaryNow } from '../look-at-run.ts';
import { lineOf } from '../next-steps.ts';
import { createObserver, workersPoll } from '../observe.ts';
import type { Summary } from '../render/summary.ts';
import { refuseEnded, refuseUnlessRunning, type StopFlags } from './cancel.ts';

/** A call takes up to 60 s. */
const PAUSE_MS = 75_000;
/** The run saves its results some seconds after the last call. */
const RECORD_MS = 15_000;
const NOTED = 'The server has noted the pause: no worker is there now, and none that comes asks anything.';

/**
 * `pause [RUN]`: a run stops asking; calls in flight end and are recorded. Starts no worker: a run at which nobody
 * works stays paused when one comes.
 */
export async function pauseCommand(deps: Deps, name: string | undefined, flags: StopFlags): Promise<number> {
  const recorded = await findRunTo('stop', deps, name, flags.results);
  const display = createDisplay(deps.terminal, { json: flags.json === true, now: deps.now });
  const config = configOf(deps, recorded);
  await refuseEnded(deps, config, recorded);
  const server = await connectServer(deps, config, { worker: false, log: (line) => display.say(line) });
  try {
    await refuseUnlessRunning(deps, server, recorded);
    const { workflowId } = recorded.plan;
    const goOn = `Go on with: ${lineOf(deps, recorded.run, recorded.place)('resume')}`;
    const end = (summary: Summary | null, hint: string): number => {
      display.end({ exitStatus: EXIT.ok, error: null, summary, hints: [hint, goOn] });
      return EXIT.ok;
    };
    if ((await workersPoll(server.client, server.namespace, server.taskQueue)) === false) {
      await server.client.workflow.getHandle(workflowId).signal('pause');
      return end(null, NOTED);
    }
    await tellRun(server.client, workflowId, 'pause');
    display.say('Pausing: calls in flight end and are recorded first.');
    const store = deps.openStore(recorded.place);
    const { client, namespace } = server;
    const observer = createObserver({ client, namespace, workflowId, store, now: deps.now });
    const quiet = await callsHaveEnded(observer, PAUSE_MS);
    if (!quiet && (await standingOf(client, workflowId)).waitsForWorker === true) return end(null, NOTED);
    if (quiet) await recordIsCurrent(observer, store, RECORD_MS);
    const now = (await runsOf(deps, recorded.root).runs.read(recorded.run)) ?? recorded;
    const summary = { ...summaryNow({ recorded: now, live: null }, deps.now()), recordedMsAgo: null };
    return end(
      summary,
      quiet ? 'Every answer so far is recorded.' : 'A call is still in flight; it is recorded too.',
    );
  } finally {
    await server.close();
  }
}
