import type { Config } from '../config.ts';
import { redact } from '../shared/redact.ts';
import { isEnd } from '../shared/run-state.ts';
import { DEMO_TASK_QUEUE } from '../shared/names.ts';
import { connectRunning } from './connection.ts';
import { standingOf, type Standing } from './control-run.ts';
import type { Deps } from './deps.ts';
import { demoConfig } from './engine/launch.ts';
import { countsNow, type Snapshot } from './live-view.ts';
import { messageOf } from './errors.ts';
import { createObserver, type Observer } from './observe.ts';
import type { Summary } from './render/summary.ts';
import { hasEnded, type RecordedRun } from './runs.ts';

/** A run as it stands now, or as it was last recorded. */
export interface RunNow {
  recorded: RecordedRun;
  /** `null` when the workflow could not be asked. */
  live: Snapshot | null;
  /** Why a server that is there did not tell, for a person; `null` otherwise. */
  silent: string | null;
}

/** The configuration of the server on which a run lives: the demonstration's engine, a named server, or our engine. */
export const configOf = (deps: Pick<Deps, 'config' | 'cwd'>, recorded: RecordedRun): Config =>
  recorded.plan.modelQueue.startsWith(DEMO_TASK_QUEUE) ? demoConfig(deps.config, deps.cwd) : deps.config;

/** Asks the workflow when its server is up, and is content with the record otherwise. Never starts anything. */
export async function lookAtRun(deps: Deps, recorded: RecordedRun): Promise<RunNow> {
  const config = configOf(deps, recorded);
  const server = await connectRunning(config);
  const unseen = { recorded, live: null, silent: null };
  if (server === null) return unseen;
  try {
    const observer = createObserver({
      client: server.client,
      namespace: config.namespace,
      workflowId: recorded.plan.workflowId,
      store: deps.openStore(recorded.place),
      now: deps.now,
    });
    const { is } = await standingOf(server.client, recorded.plan.workflowId);
    return { ...unseen, live: await lookLive(is, recorded, observer) };
  } catch (error) {
    // One whose disk is full, or that refuses us: what is recorded can be told all the same.
    return { ...unseen, silent: redact(messageOf(error), [], 300) };
  } finally {
    await server.close();
  }
}

/** What a run's workflow says of it now; `null` where its record says all, or nobody answers for it. */
export async function lookLive(
  is: Standing['is'],
  recorded: RecordedRun,
  observer: Observer,
): Promise<Snapshot | null> {
  // For the question alone a worker would replay the history of a run that has ended, of thousands of events.
  if (is !== 'running' && hasEnded(recorded)) return null;
  const seen = await observer.look();
  if (seen?.fresh !== true) return null;
  // A workflow that was ended from outside still answers as it did before.
  return is === 'running' || isEnd(seen.progress.state) ? seen : null;
}

/**
 * What may be said of a run. A record that says "running" while nobody answers for the run tells of an interruption.
 */
export function summaryNow({ recorded, live }: Pick<RunNow, 'recorded' | 'live'>, now: number): Summary {
  const progress = live?.progress ?? recorded.progress;
  const { plan } = recorded;
  const state = progress?.state ?? 'planning';
  const underWay = state === 'running' || state === 'planning';
  return {
    run: recorded.run,
    state: underWay && live === null ? 'interrupted' : state,
    simulated: plan.account.simulated,
    images: progress?.images ?? 0,
    listing: progress?.listed !== true,
    skipped: progress?.skipped ?? 0,
    prompts: plan.prompts.map(({ id, name }) => ({ id, name })),
    counts: live === null ? (progress?.counts ?? null) : countsNow(live),
    recordedMsAgo:
      live !== null || progress === null || hasEnded(recorded) ? null : now - Date.parse(progress.updatedAt),
    results: recorded.place,
    elapsedMs: null,
  };
}
