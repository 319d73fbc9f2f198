import type { Deps, RunningPage } from './deps.ts';
import { messageOf } from './errors.ts';

/** Where the page is served unless somebody chooses otherwise: for this machine alone. */
export const LOOPBACK = '127.0.0.1';
export const PAGE_PORT = 8080;

/** A page that is served while a command follows a run. */
export interface PageBeside {
  /** The run's own page; `null` where none is served. */
  url: string | null;
  close(): Promise<void>;
}

/**
 * Serves the page beside a run for the person at the terminal; elsewhere, and where `--no-page` or `--json` says so,
 * nothing is served. Whatever keeps it from being served is said and does not touch the run.
 */
export async function pageBeside(
  deps: Deps,
  flags: { page?: boolean; json?: boolean; detach?: boolean },
  { run, results }: { run: string; results: string },
  say: (text: string) => void,
): Promise<PageBeside> {
  const none: PageBeside = { url: null, close: () => Promise.resolve() };
  if (!deps.terminal.interactive || flags.page === false || flags.json === true || flags.detach === true) {
    return none;
  }
  const root = results.slice(0, -(run.length + 1));
  let page: RunningPage;
  try {
    page = await deps.servePage({ deps, root, host: LOOPBACK, port: PAGE_PORT, orNext: true, quiet: true });
  } catch (error) {
    say(`The page is not served: ${messageOf(error)}`);
    return none;
  }
  return { url: `${page.url}/runs/${run}`, close: () => page.close() };
}
