import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { draw } from '../../src/simulator/random.ts';
import { check, type Outage, type Verdict } from './check.ts';
import { readResults, unfinishedIn } from './evidence.ts';
import { commandProblems, keepFollowing } from './follower.ts';
import { startCommand } from './processes.ts';
import { answersIn, callsOpen, isOver, progressOf } from './progress.ts';
import { scheduleOf, type Strike, strikeOnce, WORKERS } from './strike.ts';
import { within } from './within.ts';
import { createWorld, type World, type WorldOptions } from './world.ts';

export interface CampaignOptions {
  seed: number;
  pictures: number;
  strikes: Partial<Record<Strike, number>>;
  latencyMs: number;
  faults: readonly FaultRule[];
  source: 'bucket' | 'folder';
  /** A server that is there already, in place of an embedded one; it is down when the campaign is over. */
  server?: WorldOptions['server'];
  say: (line: string) => void;
}

export interface Report {
  seed: number;
  pictures: number;
  verdict: Verdict;
  /** What was done, in order. */
  outages: Outage[];
  /** What cannot be done on this machine, and why. */
  skipped: string[];
  /** What the run did not last for. */
  missed: string[];
  /** Questions that kills hit time after time, until they were set aside: asked again by a resume. */
  setAside: number;
  calls: number;
  seconds: number;
  /** Folder that was kept because something was violated. */
  kept: string | null;
}

/** 5 % 429, 5 % 500, 3 % hangs, 2 % malformed, 1 % resets, and a tenth of the pictures whose URL fails. */
export const FAULTS: readonly FaultRule[] = [
  { kind: 'rate-limit', share: 0.05 },
  { kind: 'server-error', share: 0.05 },
  { kind: 'hang-before', share: 0.02 },
  { kind: 'hang-body', share: 0.01 },
  { kind: 'malformed-json', share: 0.008 },
  { kind: 'wrong-shape', share: 0.007 },
  { kind: 'malformed-body', share: 0.005 },
  { kind: 'reset', share: 0.01 },
  { kind: 'url-timeout', share: 0.05 },
  { kind: 'url-download', share: 0.05 },
];

/** The whole campaign's. */
export const STRIKES: Record<Strike, number> = {
  worker: 20,
  server: 5,
  both: 2,
  everything: 1,
  command: 3,
  disk: 1,
};

/** A strike with all that must be over before the next, at the longest: it decides how slowly the run is let go. */
const STRIKE_MS = 20_000;
const END_MS = 300_000;
/** The last strike comes when so much is answered. */
const LATE = 0.9;

/** One campaign from its seed: a run of faults and kills, and what is to be said of it at the end. */
export async function campaign(options: CampaignOptions): Promise<Report> {
  const { seed, pictures, say } = options;
  const began = Date.now();
  const strikes = scheduleOf(options.strikes, seed);
  // Slow enough that every strike but the last finds calls on their way.
  const seconds = (strikes.length * STRIKE_MS) / 1000;
  const requestsPerMinute = Math.max(30, Math.round((pictures * 6 * 60) / Math.max(seconds, 20)));
  const world = await createWorld({
    ...options,
    workers: WORKERS,
    requestsPerMinute,
    ownDisk: strikes.includes('disk'),
  });
  const outages: Outage[] = [];
  const skipped: string[] = [];
  const missed: string[] = [];
  let kept = true;
  try {
    world.workers.start();
    await world.startRun();
    if (!(await within(60_000, () => answersIn(world) > 0))) throw new Error('the run does not start');
    const follower = keepFollowing(world);
    for (const [i, strike] of strikes.entries()) {
      const last = i === strikes.length - 1;
      if (last && strikes.length > 1) await hurry(world);
      if (strikes.length === 1) await within(END_MS, () => answersIn(world) >= world.questions / 2);
      if (await isOver(world)) {
        missed.push(...strikes.slice(i).map((left) => `${left}: the run had ended before`));
        break;
      }
      if (strike === 'disk' && world.disk === null) {
        skipped.push('disk: mounting a small one needs root');
        continue;
      }
      await callsOpen(world);
      await sleep(draw(seed, 'moment', i) * 1_500);
      outages.push(await strikeOnce(world, strike, { follower, random: draw(seed, 'which', i) }));
      say(`${String(i + 1).padStart(3)}/${strikes.length} ${strike.padEnd(7)} ${progressOf(world)}`);
    }
    const over = await within(END_MS, () => isOver(world));
    const problems = over ? commandProblems(world, await follower.ended()) : ['the run does not end'];
    const setAside = await askSetAside(world);
    const verdict = check(await world.evidence(outages));
    verdict.violations.push(...problems);
    kept = verdict.violations.length > 0;
    return {
      seed,
      pictures,
      verdict,
      outages,
      skipped,
      missed,
      setAside,
      calls: world.simulator.ledger.length,
      seconds: Math.round((Date.now() - began) / 1000),
      kept: kept ? world.folder : null,
    };
  } finally {
    await world.close(kept);
  }
}

/** Lets the rest of the run go as fast as it can, up to the last strike's moment. */
async function hurry(world: World): Promise<void> {
  const limits = ['limits', '--rpm', '3000'];
  await startCommand(world.folder, limits, world.settings).ended;
  await within(END_MS, async () => answersIn(world) >= LATE * world.questions || (await isOver(world)));
}

/** What a person does who reads that questions were set aside. */
async function askSetAside(world: World): Promise<number> {
  const setAside = unfinishedIn(readResults(world.place));
  if (setAside === 0) return 0;
  await world.resumeEnded();
  await within(END_MS, () => isOver(world));
  return setAside;
}
