import type { AnswerCache } from '../../shared/answer-cache.ts';
import { files } from '../../shared/names.ts';
import type { Server } from '../connection.ts';
import type { Deps } from '../deps.ts';
import { messageOf } from '../errors.ts';
import { runsOf } from '../find-run.ts';
import { configOf } from '../look-at-run.ts';
import { lineOf } from '../next-steps.ts';
import type { RecordedRun } from '../runs.ts';
import { deleteExecutions, endedBefore, type Execution } from './executions.ts';
import { type Servers, standingOfRun } from './servers.ts';

/** What a purge by age is about to remove, and what it leaves alone. */
export interface OlderPlan {
  /** Older than this, in milliseconds. */
  ageMs: number;
  runs: RecordedRun[];
  /** Old runs that stay, with the reason, for a person. */
  kept: string[];
  answers: { cache: AnswerCache; entries: number; bytes: number }[];
  executions: { server: Server; executions: Execution[] }[];
  /** Servers that do not answer, for a person. */
  unreached: string[];
}

export interface OlderOutcome {
  runs: string[];
  answers: number;
  executions: number;
  thumbnails: number;
  unfinished: string[];
}

/**
 * Looks for what is older: runs by their last record, answers by when they were written, executions by when they closed.
 * A run that is under way is left alone, with its executions; so is one of which nobody can say that it is not.
 */
export async function planOlder(
  deps: Deps,
  servers: Servers,
  ageMs: number,
  results: string | undefined,
): Promise<OlderPlan> {
  const plan: OlderPlan = { ageMs, runs: [], kept: [], answers: [], executions: [], unreached: [] };
  const now = deps.now();
  const { runs } = runsOf(deps, results);
  const configs = new Map([[deps.config.dataDir, deps.config]]);
  for (const name of await runs.names()) {
    const recorded = await runs.read(name);
    if (recorded === null || now - lastAt(recorded) <= ageMs) continue;
    const config = configOf(deps, recorded);
    configs.set(config.dataDir, config);
    if (await isEmptied(deps, recorded)) plan.runs.push(recorded);
    else {
      const standing = await standingOfRun(deps, servers, recorded);
      if (standing.is === 'ended') plan.runs.push(recorded);
      else plan.kept.push(keptBecause(deps, recorded, standing.is === 'live' ? null : standing.why));
    }
  }
  for (const config of configs.values()) {
    const cache = await deps.openAnswerCache(config.answers);
    if (!plan.answers.some((one) => one.cache.place === cache.place))
      plan.answers.push({ cache, ...(await cache.old({ now, olderThanMs: ageMs })) });
    const reached = await servers.of(config);
    if (reached.server === null) plan.unreached.push(reached.why);
    else {
      const executions = await endedBefore(reached.server, new Date(now - ageMs));
      plan.executions.push({ server: reached.server, executions });
    }
  }
  return plan;
}

/** When the run was last heard of. */
const lastAt = ({ plan, progress }: RecordedRun): number =>
  Math.max(Date.parse(plan.createdAt), progress === null ? 0 : Date.parse(progress.updatedAt));

/** What a purge that was cut off has left: nothing but the plan. */
async function isEmptied(deps: Deps, { place, progress }: RecordedRun): Promise<boolean> {
  if (progress !== null) return false;
  const store = deps.openStore(place);
  if ((await store.list('images')).length > 0) return false;
  return !(await store.has(files.results)) && (await store.list('shards')).length === 0;
}

function keptBecause(deps: Deps, { run, place }: RecordedRun, why: string | null): string {
  const line = lineOf(deps, run, place);
  return why === null
    ? `Run ${run} is under way: end it with \`${line('cancel')}\` first.`
    : `Run ${run} may not have ended, and nobody can tell: ${why}. Name its server with --address.`;
}

/** Removes it. What is cut off is found again by the same command: each part is looked for by itself. */
export async function purgeOlder(
  deps: Deps,
  plan: OlderPlan,
  say: (line: string) => void,
): Promise<OlderOutcome> {
  const outcome: OlderOutcome = { runs: [], answers: 0, executions: 0, thumbnails: 0, unfinished: [] };
  for (const { server, executions } of plan.executions) {
    try {
      await deleteExecutions(server, executions, say);
      outcome.executions += executions.length;
    } catch (error) {
      outcome.unfinished.push(
        `Executions at ${server.label}: ${messageOf(error)}. Run the same command again.`,
      );
    }
  }
  for (const { cache, entries } of plan.answers) {
    if (entries === 0) continue;
    outcome.answers += (await cache.prune({ now: deps.now(), olderThanMs: plan.ageMs })).old;
  }
  const purge = await deps.openPurge(deps.config);
  for (const { run, place } of plan.runs) {
    await purge.removeRun(place);
    outcome.runs.push(run);
  }
  if (plan.runs.length > 0) outcome.thumbnails = await purge.clearThumbnails();
  return outcome;
}
