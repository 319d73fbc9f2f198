import { startLimits } from '../../shared/limits.ts';
import type { Deps } from '../deps.ts';
import { DEMO_ACCOUNT, demoConfig } from '../engine/launch.ts';
import { count, duration, wrap } from '../render/format.ts';
import { startAndFollow } from './run.ts';

/** No command at all: analyses the sample pictures with a simulated model. Spends nothing, whatever keys are set. */
export async function demoCommand(deps: Deps, flags: { json?: boolean }): Promise<number> {
  const config = demoConfig(deps.config, deps.cwd);
  const say = (line: string): void =>
    void deps.terminal[flags.json === true ? 'err' : 'out'].write(`${line}\n`);
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
