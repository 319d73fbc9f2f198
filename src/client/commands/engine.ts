import { EXIT, type Deps } from '../deps.ts';
import { engineSpec } from '../engine/launch.ts';
import { supervise } from '../engine/supervisor.ts';

/** The hidden command that a first `run` starts in the background: the supervisor of the embedded engine. */
export async function engineCommand(deps: Deps, flags: { temporal: string }): Promise<number> {
  const controller = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => controller.abort());
  // The terminal that the first command had may close; the engine belongs to all commands.
  process.on('SIGHUP', () => undefined);
  const outcome = await supervise(engineSpec(deps, flags.temporal), {
    logger: deps.logger,
    signal: controller.signal,
  });
  deps.logger.info({ outcome }, 'engine is over');
  return EXIT.ok;
}
