import { once } from 'node:events';
import { connectServer } from '../connection.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';
import { findRun } from '../find-run.ts';
import { configOf } from '../look-at-run.ts';

/** `ui [RUN]`: serves the embedded server's Web UI, without a worker, until Ctrl-C. */
export async function uiCommand(
  deps: Deps,
  name: string | undefined,
  flags: { results?: string },
): Promise<number> {
  if (deps.config.address !== null) {
    throw new UsageError(
      `${deps.config.address} is a server of its own, with a Web UI of its own: open that one.`,
    );
  }
  const recorded = await findRun(deps, name, flags.results);
  const say = (line: string): void => void deps.terminal.out.write(`${line}\n`);
  const server = await connectServer(deps, configOf(deps, recorded), { worker: false, log: say });
  try {
    say(`Run ${recorded.run}${recorded.plan.account.simulated ? ' (SIMULATED)' : ''} in the Web UI:`);
    say(server.webUi(recorded.plan.workflowId) ?? '');
    say('Ctrl-C ends it. No worker is started, so no run goes on.');
    const stop = new AbortController();
    await Promise.race(
      ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal, { signal: stop.signal })),
    );
    stop.abort();
    return EXIT.ok;
  } finally {
    await server.close();
  }
}
