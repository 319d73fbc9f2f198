import { plural } from '../../shared/phrases.ts';
import { workersPoll } from '../observe.ts';
import { connectRunning } from '../connection.ts';
import { standingOf } from '../control-run.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';
import { findRun, runsOf } from '../find-run.ts';
import { configOf, summaryNow } from '../look-at-run.ts';
import { lineOf, nextSteps } from '../next-steps.ts';
import { recordedAnswers } from '../recorded-answers.ts';
import { count, of } from '../render/format.ts';

/**
 * `results rebuild RUN`: writes `results.json` again, and what else is missing of the run's views. Asks the model
 * nothing and starts nothing; a server that runs is asked for answers that are in no file.
 */
export async function rebuildCommand(deps: Deps, name: string, flags: { results?: string }): Promise<number> {
  const recorded = await findRun(deps, name, flags.results);
  const config = configOf(deps, recorded);
  const line = lineOf(deps, recorded.run, recorded.place);
  const print = (text: string): void => void deps.terminal.out.write(`${text}\n`);
  const server = await connectRunning(config);
  try {
    if (server !== null) {
      const { is } = await standingOf(server.client, recorded.plan.workflowId);
      const polled = await workersPoll(server.client, config.namespace, server.taskQueue);
      if (is === 'running' && polled === true) {
        throw new UsageError(
          `Run ${recorded.run} is under way and writes its results itself: ${line('status')}`,
        );
      }
    }
    const rebuilt = await deps.rebuildResults(config, recorded.place, {
      answersOf: async (workflowId) => (server === null ? [] : recordedAnswers(server.client, workflowId)),
    });
    const missing = rebuilt.questions - rebuilt.answered;
    for (const file of rebuilt.wrote) print(`Wrote ${recorded.place}/${file}`);
    print(
      `${plural(rebuilt.images, 'picture')}, ${of(rebuilt.answered, rebuilt.questions)} answers` +
        (rebuilt.failed > 0 ? `, ${count(rebuilt.failed)} failed` : ''),
    );
    if (rebuilt.fromStore > 0) print(`${count(rebuilt.fromStore)} of them from the answer store.`);
    if (rebuilt.fromHistory > 0) print(`${count(rebuilt.fromHistory)} of them from the server's histories.`);
    if (missing > rebuilt.failed && server === null)
      print('A Temporal server might know more in its histories, but none runs here.');
    const now = (await runsOf(deps, recorded.root).runs.read(name)) ?? recorded;
    nextSteps(summaryNow({ recorded: now, live: null }, deps.now()), line).forEach(print);
    return missing > 0 ? EXIT.incomplete : EXIT.ok;
  } finally {
    await server?.close();
  }
}
