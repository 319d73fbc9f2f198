import type { Config } from '../../config.ts';
import { connectRunning, connectServer, type Server } from '../connection.ts';
import { hasClosed, standingOf } from '../control-run.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';
import { createDisplay } from '../display.ts';
import { findRunTo, runsOf } from '../find-run.ts';
import { configOf, summaryNow } from '../look-at-run.ts';
import { lineOf, nextSteps } from '../next-steps.ts';
import { noWorker } from '../notices.ts';
import { workersPoll } from '../observe.ts';
import { hasEnded, type RecordedRun } from '../runs.ts';

export interface StopFlags {
  json?: boolean;
  results?: string;
}

/** A run closes within 15 s of its cancel; a worker that has just been started needs some more. */
const CANCEL_MS = 60_000;

/**
 * `cancel [RUN]`: ends a run early, keeping what is answered, and says what is kept. Where no worker is there the
 * server keeps the request for one.
 */
export async function cancelCommand(deps: Deps, name: string | undefined, flags: StopFlags): Promise<number> {
  const recorded = await findRunTo('stop', deps, name, flags.results);
  const display = createDisplay(deps.terminal, { json: flags.json === true, now: deps.now });
  const config = configOf(deps, recorded);
  await refuseEnded(deps, config, recorded);
  const log = (line: string): void => display.say(line);
  // Without a worker at first: none shall ask a question before the request is there.
  const server = await connectServer(deps, config, { worker: false, log });
  let working: Server | null = null;
  try {
    const { workflowId } = recorded.plan;
    await refuseUnlessRunning(deps, server, recorded);
    const polled = await workersPoll(server.client, server.namespace, server.taskQueue);
    await server.client.workflow.getHandle(workflowId).cancel();
    display.say(`Cancelling run ${recorded.run}: calls under way have 10 s to end.`);
    if (polled === false && server.engine !== null && config.apiKey !== null) {
      working = await connectServer(deps, config, { worker: true, log });
    }
    const awaited = polled !== false || working !== null;
    const closed = awaited && (await hasClosed(server.client, workflowId, CANCEL_MS));
    const { runs } = runsOf(deps, recorded.root);
    const now = (await runs.read(recorded.run)) ?? recorded;
    const summary = summaryNow({ recorded: now, live: null }, deps.now());
    display.end({
      exitStatus: EXIT.ok,
      error: null,
      summary,
      hints: closed
        ? ['Every answer so far is kept.', ...nextSteps(summary, lineOf(deps, now.run, now.place))]
        : ['The server has noted the cancel; a worker does it when one is there.', ...whoWorks(deps, server)],
    });
    return EXIT.ok;
  } finally {
    await working?.close();
    await server.close();
  }
}

/**
 * Starts no server to hear that a run has ended: its record says so, and where nothing runs nobody has resumed it since.
 * Throws a {@link UsageError} then.
 */
export async function refuseEnded(deps: Deps, config: Config, recorded: RecordedRun): Promise<void> {
  if (!hasEnded(recorded) || config.address !== null) return;
  const server = await connectRunning(config);
  if (server === null) throw notUnderWay(deps, recorded, endOf(recorded));
  await server.close();
}

/** Throws a {@link UsageError} that says why nothing can be stopped. */
export async function refuseUnlessRunning(deps: Deps, server: Server, recorded: RecordedRun): Promise<void> {
  const { is } = await standingOf(server.client, recorded.plan.workflowId);
  if (is === 'running') return;
  const why =
    is === 'unknown' && !hasEnded(recorded)
      ? `${server.label} does not know run ${recorded.run}: it is on another server, or that server's data is gone.`
      : endOf(recorded);
  throw notUnderWay(deps, recorded, why);
}

const endOf = (recorded: RecordedRun): string =>
  `Run ${recorded.run} is not under way: ` +
  (hasEnded(recorded) ? `it is ${recorded.progress?.state ?? ''}.` : 'its workflow was ended.');

function notUnderWay(deps: Deps, recorded: RecordedRun, why: string): UsageError {
  const summary = summaryNow({ recorded, live: null }, deps.now());
  return new UsageError([why, ...nextSteps(summary, lineOf(deps, recorded.run, recorded.place))].join('\n'));
}

const whoWorks = (deps: Deps, server: Server): string[] =>
  server.engine === null ? [noWorker(deps, server)] : [];
