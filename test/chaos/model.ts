import { assert, asyncModelRun, asyncProperty, commands } from 'fast-check';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { check, type Verdict } from './check.ts';
import { type Act, acts, goOn, type Stage } from './acts.ts';
import { readResults, unfinishedIn } from './evidence.ts';
import { within } from './within.ts';
import { createWorld } from './world.ts';

export interface ModelOptions {
  seed: number;
  /** Random sequences. */
  runs: number;
  say: (line: string) => void;
}

const PICTURES = 12;
const LATENCY_MS = 400;

/** Faults that cost no waiting: what waits is the campaign's to try. */
const FAULTS: readonly FaultRule[] = [
  { kind: 'rate-limit', share: 0.05 },
  { kind: 'server-error', share: 0.05 },
  { kind: 'wrong-shape', share: 0.02 },
  { kind: 'reset', share: 0.01 },
];

/** A run has to find a batch that is gone (two minutes of silence), and to ask it again. */
const END_MS = 240_000;
const RESUMES = 3;

/** Random sequences of acts on a run, each from the seed; rejects with the sequence that broke the promise. */
export async function model({ seed, runs, say }: ModelOptions): Promise<void> {
  let n = 0;
  const property = asyncProperty(commands(acts(), { maxCommands: 6, size: 'max' }), async (sequence) => {
    n += 1;
    say(`  sequence ${n}`);
    const world = await createWorld({
      seed: seed + n,
      pictures: PICTURES,
      workers: 2,
      latencyMs: LATENCY_MS,
      faults: FAULTS,
      requestsPerMinute: 240,
      source: 'folder',
      ownDisk: false,
    });
    const stage: Stage = { world, outages: [], say };
    let broken = true;
    try {
      const verdict = await play(stage, sequence);
      say(
        `    recorded answers asked again: ${verdict.recordedAskedAgain}; ` +
          `others: ${verdict.othersAskedAgain}, of ${verdict.openAtOutages} that were open`,
      );
      broken = verdict.violations.length > 0;
      if (broken) throw new Error(verdict.violations.join('\n'));
    } finally {
      if (broken) say(`    kept: ${world.folder}`);
      await world.close(broken);
    }
  });
  // A sequence takes half a minute and more: the first that fails is told as it is.
  await assert(property, { seed, numRuns: runs, endOnFailure: true });
}

async function play(stage: Stage, sequence: Iterable<Act>): Promise<Verdict> {
  const { world } = stage;
  world.workers.start();
  await world.startRun();
  if (!(await within(60_000, () => world.simulator.ledger.length > 0)))
    throw new Error('the run does not start');
  await asyncModelRun(() => ({ model: {}, real: stage }), sequence);
  await toItsEnd(stage);
  return check(await world.evidence(stage.outages));
}

/** Goes on until nothing is left to ask. */
async function toItsEnd(stage: Stage): Promise<void> {
  const { world } = stage;
  for (let resumes = 0; ; resumes += 1) {
    if (resumes > RESUMES) throw new Error(`not complete after ${RESUMES} resumes`);
    await goOn(stage);
    const over = await within(END_MS, async () => (await world.state()) !== 'RUNNING');
    if (!over) throw new Error(`open after ${END_MS} ms`);
    const results = readResults(world.place);
    if (['complete', 'incomplete'].includes(results.state) && unfinishedIn(results) === 0) return;
  }
}
