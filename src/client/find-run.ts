import { resolve } from 'node:path';
import { UsageError, type Deps } from './deps.ts';
import { createRuns, type RecordedRun, type Runs } from './runs.ts';

/** The reader of the results place that a command uses: `--results`, or the setting. */
export function runsOf(deps: Deps, results: string | undefined): { runs: Runs; root: string } {
  const root =
    results === undefined
      ? deps.config.results
      : results.startsWith('gs://')
        ? results.replace(/\/+$/, '')
        : resolve(deps.cwd, results);
  return { runs: createRuns({ root, openStore: deps.openStore, listRuns: deps.listRuns }), root };
}

/** The run that a command was given, or the newest one. Throws a {@link UsageError} when there is none. */
export async function findRun(
  deps: Deps,
  name: string | undefined,
  results: string | undefined,
): Promise<RecordedRun> {
  const { runs, root } = runsOf(deps, results);
  const recorded = await runs.find(name);
  if (recorded !== null) return recorded;
  if (name !== undefined) throw await noSuchRun(deps, runs, root, name);
  throw new UsageError(
    `No run has left its record below ${root} yet. Start one with \`${deps.calledAs} run ./pictures\`, ` +
      'or name its place with --results.',
  );
}

/**
 * The run that a command was given to act on, or the newest one that the command can mean: one that has not ended, or
 * for a command that asks again also one that lacks answers. Throws a {@link UsageError} when there is none.
 */
export async function findRunTo(
  what: 'stop' | 'go on',
  deps: Deps,
  name: string | undefined,
  results: string | undefined,
): Promise<RecordedRun> {
  if (name !== undefined) return findRun(deps, name, results);
  const { runs, root } = runsOf(deps, results);
  const recorded = await (what === 'stop' ? runs.latestUnfinished() : runs.latestToResume());
  if (recorded !== null) return recorded;
  throw new UsageError(
    `No run below ${root} ${what === 'stop' ? 'is under way' : 'waits to go on'}. ` +
      `\`${deps.calledAs} list\` shows the runs that are there.`,
  );
}

async function noSuchRun(deps: Deps, runs: Runs, root: string, name: string): Promise<UsageError> {
  const begun = (await runs.names()).includes(name);
  return new UsageError(
    begun
      ? `Run ${JSON.stringify(name)} below ${root} has no run.json: its plan was not made, or is gone, so there is ` +
          `nothing to go on with. Start it anew: \`${deps.calledAs} run SOURCE\`.`
      : `There is no run ${JSON.stringify(name)} below ${root}. \`${deps.calledAs} list\` shows those that are ` +
          'there; --results names another place.',
  );
}
