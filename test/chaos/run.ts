import { parseArgs } from 'node:util';
import { campaign, FAULTS, type Report, STRIKES } from './campaign.ts';
import { model } from './model.ts';

/**
 * `npm run chaos [-- --seed N | --seeds A,B,C] [--pictures N] [--plain] [--at-once N]`: campaigns against the simulator,
 * each from its seed; `--plain`: everything is killed once, in a run without faults.
 * `npm run chaos -- --model N [--seed N]`: N random sequences of what people and operators do.
 * Ends with 1 when one of them found the promise broken, or could not do what it set out to.
 */
async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      pictures: { type: 'string', default: '160' },
      plain: { type: 'boolean', default: false },
      model: { type: 'string' },
      'at-once': { type: 'string', default: '1' },
    },
  });
  const seeds = (values.seeds ?? values.seed ?? String(Date.now() % 1_000_000)).split(',').map(Number);
  if (values.model !== undefined) {
    for (const seed of seeds) await sequences(seed, Number(values.model));
    return;
  }
  const waiting = [...seeds];
  const lane = async (): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      await one(seed, Number(values.pictures), values.plain).catch((error: unknown) => {
        console.log(`seed ${seed}: FAILED: ${String(error)}`);
        process.exitCode = 1;
      });
    }
  };
  await Promise.all(Array.from({ length: Number(values['at-once']) }, lane));
}

async function one(seed: number, pictures: number, plain: boolean): Promise<void> {
  const again = `npm run chaos -- --seed ${seed} --pictures ${pictures}${plain ? ' --plain' : ''}`;
  console.log(`seed ${seed}: ${pictures} pictures. Again with: ${again}`);
  const report = await campaign({
    seed,
    pictures,
    latencyMs: 3_000,
    source: 'bucket',
    ...(plain ? { strikes: { everything: 1 }, faults: [] } : { strikes: STRIKES, faults: FAULTS }),
    say: (line) => {
      console.log(`seed ${seed}: ${line}`);
    },
  });
  console.log(textOf(report, again));
  if (report.verdict.violations.length > 0 || report.missed.length > 0) process.exitCode = 1;
}

async function sequences(seed: number, runs: number): Promise<void> {
  const again = `npm run chaos -- --model ${runs} --seed ${seed}`;
  console.log(`seed ${seed}: ${runs} random sequences. Again with: ${again}`);
  try {
    await model({ seed, runs, say: console.log });
    console.log(`seed ${seed}: the promise was kept`);
  } catch (error) {
    const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : '';
    console.log(`seed ${seed}: VIOLATED: ${String(error)}\n${why}\n  again with: ${again}`);
    process.exitCode = 1;
  }
}

function textOf(
  { seed, pictures, verdict, outages, skipped, missed, setAside, calls, seconds, kept }: Report,
  again: string,
): string {
  const times = new Map<string, number>();
  for (const { what } of outages) times.set(what, (times.get(what) ?? 0) + 1);
  const struck = [...times].map(([what, n]) => `${what} ${n}`).join(', ');
  const errors = Object.entries(verdict.errors).map(([kind, n]) => `${kind} ${n}`);
  return [
    `seed ${seed}: ${pictures} pictures, ${calls} calls, ${seconds} s; struck: ${struck || 'nothing'}`,
    ...[...skipped, ...missed].map((line) => `  not done: ${line}`),
    `  recorded answers asked again: ${verdict.recordedAskedAgain}`,
    `  others asked again: ${verdict.othersAskedAgain}, of ${verdict.openAtOutages} that were open`,
    `  set aside, and asked by a resume: ${setAside}`,
    `  recorded: ${verdict.inHistories} in histories, ${verdict.inStore} in the store`,
    `  answers ${verdict.answers}, errors ${errors.length === 0 ? 'none' : errors.join(', ')}`,
    ...(verdict.violations.length === 0 ? ['  the promise was kept'] : []),
    ...verdict.violations.map((line) => `  VIOLATED: ${line}`),
    ...(kept === null ? [] : [`  kept: ${kept}`]),
    `  again with: ${again}`,
  ].join('\n');
}

// Its processes end with it: they are killed when it exits, which a signal alone would not have it do.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

await main(process.argv.slice(2));
