import { address, type Config } from '../../config.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';

/** `worker`: works for a server until it is told to end; calls in flight end first. */
export async function workerCommand(
  deps: Deps,
  flags: { address?: string; withParent?: boolean },
): Promise<number> {
  const config: Config = {
    ...deps.config,
    address: flags.address === undefined ? deps.config.address : address(flags.address, '--address'),
  };
  if (config.address === null) {
    throw new UsageError(
      'A worker needs a Temporal server: set TEMPORAL_ADDRESS or --address, for example --address localhost:7233. ' +
        `\`${deps.calledAs} run\` brings server and worker of its own.`,
    );
  }
  await deps.runWorker(config, {
    logger: deps.logger,
    ...(flags.withParent === true ? { signal: endOfInput() } : {}),
  });
  return EXIT.ok;
}

/** Aborted when standard input ends: the process that started this one and holds the other end is gone. */
export function endOfInput(): AbortSignal {
  const controller = new AbortController();
  process.stdin.resume();
  process.stdin.once('close', () => controller.abort());
  process.stdin.once('error', () => controller.abort());
  // A pipe that nobody writes to keeps no process alive by itself.
  if ('unref' in process.stdin && typeof process.stdin.unref === 'function') process.stdin.unref();
  return controller.signal;
}
