import { EXIT, type Deps } from '../deps.ts';
import { demoConfig } from '../engine/launch.ts';
import { engineFiles } from '../engine/state.ts';
import { stopEngine } from '../engine/open-engine.ts';
import { runsOf } from '../find-run.ts';

/** `stop`: ends the embedded engines of this data folder. Runs that are under way go on when one starts again. */
export async function stopCommand(deps: Deps): Promise<number> {
  const say = (line: string): void => void deps.terminal.out.write(`${line}\n`);
  const folders = [deps.config.dataDir, demoConfig(deps.config, deps.cwd).dataDir];
  if (folders.some((folder) => engineFiles(folder).engine.read() !== null)) {
    say('Stopping: calls in flight end and are recorded first (up to 75 s).');
  }
  const [real = false, demo = false] = await Promise.all(folders.map((folder) => stopEngine(folder)));
  if (!real && !demo) {
    say(`No engine runs on ${deps.config.dataDir}.`);
    return EXIT.ok;
  }
  if (real) say('The engine has stopped.');
  if (demo) say("The demonstration's engine has stopped.");
  const unfinished = await runsOf(deps, undefined).runs.latestUnfinished();
  if (unfinished !== null) {
    say(
      `Run ${unfinished.run} is unfinished; nothing of it is lost. Go on with: ${deps.calledAs} resume ${unfinished.run}`,
    );
  }
  return EXIT.ok;
}
