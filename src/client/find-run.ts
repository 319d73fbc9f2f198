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
  throw new UsageError(
    name === undefined
      ? `No run has left its record below ${root} yet. Start one with \`${deps.calledAs} run ./pictures\`, ` +
          'or name its place with --results.'
      : `There is no run ${JSON.stringify(name)} below ${root}. \`${deps.calledAs} list\` shows those that are ` +
          'there; --results names another place.',
  );
}
