import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Limits } from '../src/shared/types.ts';
import { figuresOf } from './figures.ts';
import { type Plot, plotOf } from './plot.ts';
import type { Recorded } from './recorded.ts';
import { checksOf, lineOf, textOf } from './report.ts';
import { type Scenario, SCENARIOS } from './scenarios.ts';
import { wholeRun } from './whole-run.ts';

/**
 * `npm run bench [-- NAME … | --all] [--json] [--plot FILE] [--pictures N]`: whole runs against the simulator, each beside the shortest
 * time that its account allows. Without a name the short choice. Ends with 1 where a bound was missed.
 */
async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      all: { type: 'boolean' },
      json: { type: 'boolean' },
      plot: { type: 'string' },
      pictures: { type: 'string' },
    },
  });
  const pictures = values.pictures === undefined ? {} : { pictures: Number(values.pictures) };
  const chosen = choose(positionals, values.all === true).map(([key, scenario]): [string, Scenario] => [
    key,
    { ...scenario, ...pictures },
  ]);
  if (values.plot !== undefined && chosen.length !== 1)
    throw new Error('--plot draws one run: name one scenario');
  const say = values.json === true ? console.error : console.log;
  for (const [key, scenario] of chosen) {
    const { name, speed, told } = scenario;
    const mode = told === 'auto' ? 'auto' : 'limits told';
    say(
      `\n${key}: ${name}, ${String(scenario.pictures)} pictures, ${String(speed)} times the speed, ${mode}`,
    );
    const run = await wholeRun(scenario);
    const figures = figuresOf(scenario, run);
    say(textOf(scenario, figures));
    if (values.json === true) console.log(lineOf(key, scenario, figures));
    if (values.plot !== undefined) writeFileSync(values.plot, plotOf(plotFor(scenario, run)));
    if (checksOf(scenario, figures).some(({ kept }) => !kept)) process.exitCode = 1;
  }
}

function choose(names: string[], all: boolean): [string, Scenario][] {
  const unknown = names.filter((name) => !(name in SCENARIOS));
  if (unknown.length > 0) {
    throw new Error(`no scenario ${unknown.join(', ')}; there are ${Object.keys(SCENARIOS).join(', ')}`);
  }
  return Object.entries(SCENARIOS).filter(
    ([key, { short }]) => all || (names.length === 0 ? short === true : names.includes(key)),
  );
}

/** Tokens a minute against what was told and what the account has. */
function plotFor(scenario: Scenario, run: Recorded): Plot {
  const { told, account, speed, name } = scenario;
  const grouped = (limits: Limits): string => limits.tokensPerMinute.toLocaleString('en-US');
  const ceiling =
    told === 'auto' ? [] : [{ label: `told: ${grouped(told)}`, tokensPerMinute: told.tokensPerMinute }];
  return {
    title: `Tokens of the last minute: ${name}`,
    calls: run.calls.toSorted((a, b) => a.at - b.at),
    startedAt: run.startedAt,
    endedAt: run.endedAt,
    speed,
    lines: [
      { label: `the account: ${grouped(account)}`, tokensPerMinute: account.tokensPerMinute },
      ...ceiling,
    ],
  };
}

await main(process.argv.slice(2));
