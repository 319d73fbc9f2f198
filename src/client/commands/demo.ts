import { DEMO_TASK_QUEUE } from '../../shared/names.ts';
import { startLimits } from '../../shared/limits.ts';
import type { Config } from '../../config.ts';
import type { Deps } from '../deps.ts';
import { DEMO_ACCOUNT, demoConfig } from '../engine/launch.ts';
import { lookAtRun, summaryNow } from '../look-at-run.ts';
import { lineOf } from '../next-steps.ts';
import { count, duration, wrap } from '../render/format.ts';
import { createRuns, hasEnded, type RecordedRun } from '../runs.ts';
import { startAndFollow } from './run.ts';

/** No command at all: analyses the sample pictures with a simulated model. Spends nothing, whatever keys are set. */
export async function demoCommand(deps: Deps, flags: { json?: boolean; page?: boolean }): Promise<number> {
  const config = demoConfig(deps.config, deps.cwd);
  const say = (line: string): void =>
    void deps.terminal[flags.json === true ? 'err' : 'out'].write(`${line}\n`);
  for (const { run, place } of await unfinishedRuns(deps, config)) {
    say(`Run ${run} is unfinished; nothing of it is lost. Go on with: ${lineOf(deps, run, place)('resume')}`);
    say('');
  }
  for (const line of [
    'Demonstration, SIMULATED: a simulator stands in for the model. No money is spent and no key is used.',
    `Its account is ten times the usual first tier: ${count(DEMO_ACCOUNT.tokensPerMinute)} tokens a minute, ` +
      `${duration(DEMO_ACCOUNT.medianLatencyMs)} a call. The run is told a little less on purpose ` +
      `(${count(startLimits(config.limits).tokensPerMinute)}), so that no call is refused.`,
    '',
  ].flatMap((text) => wrap(text, deps.terminal.columns()))) {
    say(line);
  }
  const input = {
    source: deps.samples,
    // Each demonstration shows real work, though its answers are stored since the first one.
    fresh: true,
    // Two batches of four side by side: enough for the account, and pictures are done from the first seconds on.
    concurrency: 8,
    model: config.model,
    detail: config.detail,
    results: config.results,
  };
  return startAndFollow(deps, config, input, {
    flags: { ...flags, onBlock: 'exit' },
    priority: null,
    limits: null,
    hints: [
      `This run in the Web UI:  ${deps.calledAs} ui`,
      `Your own pictures:       OPENAI_API_KEY=… ${deps.calledAs} run ./pictures`,
    ],
  });
}

/** Runs that are looked at, newest first: the last ones are what a person still has in mind. */
const LOOKED_AT = 50;

/** The newest demonstration and the newest real run that have not ended and that nobody is working on. */
async function unfinishedRuns(deps: Deps, config: Config): Promise<RecordedRun[]> {
  const runs = createRuns({ root: config.results, openStore: deps.openStore, listRuns: deps.listRuns });
  const found = new Map<boolean, RecordedRun>();
  try {
    for (const name of (await runs.names()).slice(0, LOOKED_AT)) {
      const recorded = await runs.read(name);
      if (recorded === null || hasEnded(recorded)) continue;
      const demo = recorded.plan.modelQueue.startsWith(DEMO_TASK_QUEUE);
      if (found.has(demo)) continue;
      const { state } = summaryNow(await lookAtRun(deps, recorded), deps.now());
      if (['paused', 'blocked', 'interrupted'].includes(state)) found.set(demo, recorded);
    }
  } catch {
    // Another run's trouble is no reason to show nothing.
  }
  return [...found.values()];
}
