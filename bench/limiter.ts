import { figuresOf } from './figures.ts';
import { textOf } from './report.ts';
import { SCENARIOS } from './scenarios.ts';
import { onVirtualClock, virtualRun } from './virtual-run.ts';

/**
 * `npm run bench:limiter [-- NAME …]`: the limiter alone, on a virtual clock, in every scenario at its real speed: hours
 * in seconds.
 */
const names = process.argv.slice(2);
for (const [key, named] of Object.entries(SCENARIOS)) {
  if (names.length > 0 && !names.includes(key)) continue;
  const scenario = onVirtualClock(named);
  const started = performance.now();
  const run = await virtualRun(scenario);
  const took = ((performance.now() - started) / 1_000).toFixed(1);
  console.log(`\n${key}: ${scenario.name}, ${String(scenario.pictures)} pictures (computed in ${took} s)`);
  console.log(textOf(scenario, figuresOf(scenario, run)));
}
