import { once } from 'node:events';
import { createDataConverter } from '../../codec/data-converter.ts';
import { wholeNumber } from '../../config.ts';
import { connectionSettings } from '../../connection/options.ts';
import { EXIT, type Deps } from '../deps.ts';
import { runsOf } from '../find-run.ts';
import { LOOPBACK, PAGE_PORT } from '../page-beside.ts';

export interface ServeFlags {
  port?: string;
  host?: string;
  results?: string;
}

/** `serve`: serves the page of the results place until Ctrl-C. Starts no Temporal server and no worker. */
export async function serveCommand(deps: Deps, flags: ServeFlags): Promise<number> {
  // A page that cannot read keys or certificates would show every server as one that does not answer.
  createDataConverter(deps.config);
  if (deps.config.address !== null) connectionSettings(deps.config, deps.config.address);
  const { root } = runsOf(deps, flags.results);
  const page = await deps.servePage({
    deps,
    root,
    host: flags.host ?? LOOPBACK,
    port:
      flags.port === undefined
        ? PAGE_PORT
        : flags.port === '0'
          ? 0
          : wholeNumber('--port', flags.port, 65_535),
    orNext: flags.port === undefined,
    quiet: false,
  });
  const say = (line: string): void => void deps.terminal.out.write(`${line}\n`);
  say(`Runs of ${root}:`);
  say(page.url);
  if (deps.config.pageUrl !== null) say(deps.config.pageUrl);
  if (deps.config.pageTokenFile !== null) say(`It asks for the token of ${deps.config.pageTokenFile}.`);
  say('Ctrl-C ends it. No worker is started, so no run goes on by it.');
  const stop = new AbortController();
  await Promise.race(
    ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal, { signal: stop.signal })),
  );
  stop.abort();
  await page.close();
  return EXIT.ok;
}
