import { SCENARIOS } from './scenarios.ts';
import { type Figures, wholeRun } from './whole-run.ts';

/** `npm run bench [-- NAME …]`: whole runs against the simulator, each beside the shortest time that its account allows. */
async function main(names: string[]): Promise<void> {
  const unknown = names.filter((name) => !(name in SCENARIOS));
  if (unknown.length > 0) {
    throw new Error(
      `no scenario ${unknown.join(', ')}; there are ${Object.keys(SCENARIOS).join(', ')}, or --short`,
    );
  }
  const short = names.length === 0;
  for (const [key, scenario] of Object.entries(SCENARIOS)) {
    if (short ? !scenario.short : !names.includes(key)) continue;
    console.log(
      `\n${key}: ${scenario.name}, ${scenario.pictures} pictures, ${scenario.speed} times the speed, limits told`,
    );
    show(await wholeRun(scenario));
  }
}

function show(f: Figures): void {
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  const rows: [string, string][] = [
    ['time', seconds(f.timeMs)],
    ['floor', `${seconds(f.floorMs)} (by ${f.floorBy})`],
    ['time / floor', (f.timeMs / f.floorMs).toFixed(3)],
    ['429s', `${f.rateLimited} of ${f.calls} calls`],
    [
      'highest minute',
      `${f.highest.tokens} of ${f.told.tokens} tokens, ${f.highest.requests} of ${f.told.requests} requests`,
    ],
    ['first answer', seconds(f.firstAnswerMs)],
    [
      'worker',
      `${(f.workerPeakBytes / 2 ** 20).toFixed(0)} MB at most, ${f.workerCpuMsPerCall.toFixed(1)} ms CPU a call`,
    ],
    [
      'pictures’ time',
      `${(f.shares.model * 100).toFixed(0)} % model, ${(f.shares.waiting * 100).toFixed(0)} % waiting`,
    ],
  ];
  for (const [name, value] of rows) console.log(`  ${name.padEnd(16)} ${value}`);
}

await main(process.argv.slice(2));
