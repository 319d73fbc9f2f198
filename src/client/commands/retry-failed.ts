import { checkOnly, retryOf } from '../ask-again.ts';
import { connectRunning } from '../connection.ts';
import { retryFailed, standingOf } from '../control-run.ts';
import { EXIT, type Deps } from '../deps.ts';
import { createDisplay } from '../display.ts';
import { findRunTo } from '../find-run.ts';
import { configOf } from '../look-at-run.ts';
import { workersPoll } from '../observe.ts';
import { resumeCommand, type ResumeFlags } from './resume.ts';

/**
 * `retry-failed [RUN]`: asks again what failed. A run at which a worker is at work is told so, and the command ends;
 * any other one is resumed with the same request.
 */
export async function retryFailedCommand(
  deps: Deps,
  name: string | undefined,
  flags: ResumeFlags,
): Promise<number> {
  const retry = retryOf(flags);
  const recorded = await findRunTo('go on', deps, name, flags.results);
  const config = configOf(deps, recorded);
  const server = await connectRunning(config);
  try {
    const { workflowId } = recorded.plan;
    if (
      server !== null &&
      (await standingOf(server.client, workflowId)).is === 'running' &&
      (await workersPoll(server.client, config.namespace, server.taskQueue)) === true
    ) {
      await checkOnly(deps.openStore(recorded.place), recorded, retry);
      const said = await retryFailed(server.client, workflowId, retry);
      const display = createDisplay(deps.terminal, { json: flags.json === true, now: deps.now });
      display.say(said);
      display.end({ exitStatus: EXIT.ok, error: null, summary: null, hints: [] });
      return EXIT.ok;
    }
  } finally {
    await server?.close();
  }
  return resumeCommand(deps, recorded.run, flags, true);
}
