import { checkOnly, flagsOf, retryOf, type RetryFlags } from '../ask-again.ts';
import { connectServer } from '../connection.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';
import { createDisplay, type Display } from '../display.ts';
import { findRunTo } from '../find-run.ts';
import { follow } from '../follow.ts';
import { accountProblem, goOn, nothingLeft } from '../go-on.ts';
import { configOf, summaryNow } from '../look-at-run.ts';
import { lineOf, nextSteps } from '../next-steps.ts';
import { isComplete, type RecordedRun } from '../runs.ts';
import { type PageBeside, pageBeside } from '../page-beside.ts';
import { refuseElsewhere } from '../same-server.ts';
import { onBlockOf, requireKey, sayUnderWay } from './run.ts';

export interface ResumeFlags extends RetryFlags {
  json?: boolean;
  /** `false`: `--no-page`. */
  page?: boolean;
  onBlock?: string;
  results?: string;
  serverIsGone?: boolean;
}

/**
 * `resume [RUN]`: goes on with a run, whatever ended or stopped it. One under way is told to go on, and to ask again
 * what failed where a flag says so; one that has ended, or that the server does not know, is started once more under
 * its own workflow ID and asks what is missing.
 *
 * @param always - Asks again what failed of a run under way also when no flag says so.
 */
export async function resumeCommand(
  deps: Deps,
  name: string | undefined,
  flags: ResumeFlags,
  always = false,
): Promise<number> {
  const retry = retryOf(flags);
  const recorded = await findRunTo('go on', deps, name, flags.results);
  const display = createDisplay(deps.terminal, { json: flags.json === true, now: deps.now });
  if (nothingLeft(recorded, retry)) return sayNothingLeft(deps, display, recorded);
  await checkOnly(deps.openStore(recorded.place), recorded, retry);
  const { simulated } = recorded.plan.account;
  if (!simulated) requireKey(deps);
  const otherAccount = accountProblem(configOf(deps, recorded), recorded);
  if (otherAccount !== null) throw new UsageError(otherAccount);
  const onBlock = onBlockOf(deps, flags.onBlock);
  const server = await connectServer(deps, configOf(deps, recorded), {
    worker: true,
    log: (line) => display.say(line),
  });
  let page: PageBeside | null = null;
  try {
    const asksAgain = always || Object.keys(retry).length > 0;
    const line = lineOf(deps, recorded.run, recorded.place);
    const mayStart = async (): Promise<void> => {
      if (flags.serverIsGone !== true)
        await refuseElsewhere(server, recorded, line('resume', `${flagsOf(retry)} --server-is-gone`));
    };
    const serverIsGone = flags.serverIsGone === true;
    const { startedAgain, said } = await goOn(server, recorded, {
      retry,
      asksAgain,
      serverIsGone,
      mayStart,
      line,
    });
    const { workflowId } = recorded.plan;
    const { run, place } = recorded;
    page = await pageBeside(deps, flags, { run, results: place }, (text) => display.say(text));
    display.start({
      server: server.label,
      run: recorded.run,
      workflowId,
      source: recorded.plan.source,
      results: recorded.place,
      page: page.url,
      webUi: server.webUi(workflowId),
      simulated,
    });
    if (said !== null) display.say(said);
    await sayUnderWay(server, (text) => display.say(text), recorded.run);
    return await follow(deps, server, display, {
      run: recorded.run,
      workflowId,
      results: recorded.place,
      onBlock,
      earlierRecord: startedAgain ? (recorded.progress?.updatedAt ?? null) : null,
      hints: [],
    });
  } finally {
    await page?.close();
    await server.close();
  }
}

function sayNothingLeft(deps: Deps, display: Display, recorded: RecordedRun): number {
  const summary = summaryNow({ recorded, live: null }, deps.now());
  const exitStatus = isComplete(recorded) ? EXIT.ok : EXIT.incomplete;
  display.end({
    exitStatus,
    error: null,
    summary,
    hints:
      exitStatus === EXIT.ok
        ? ['Nothing is left to do: every question is answered. Nothing was asked.']
        : ['Nothing was asked.', ...nextSteps(summary, lineOf(deps, recorded.run, recorded.place))],
  });
  return exitStatus;
}
