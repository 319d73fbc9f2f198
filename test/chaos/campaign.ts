import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT } from '../../src/client/deps.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { LedgerEntry } from '../../src/simulator/ledger.ts';
import { draw } from '../../src/simulator/random.ts';
import { check, type Outage, type Verdict } from './check.ts';
import { readResults, unfinishedIn } from './evidence.ts';
import { type CommandEnd, startCommand } from './processes.ts';
import { within } from './within.ts';
import { createWorld, type World } from './world.ts';

/** What is killed, or taken away. `both`: server and all workers; `everything`: and the command that follows the run. */
export type Strike = 'worker' | 'server' | 'both' | 'everything' | 'command' | 'disk';

export interface CampaignOptions {
  seed: number;
  pictures: number;
  strikes: Partial<Record<Strike, number>>;
  latencyMs: number;
  faults: readonly FaultRule[];
  source: 'bucket' | 'folder';
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

const WORKERS = 2;
/** Heartbeat time-out of a call, the wait before its next attempt, and the worker's start. */
const LOST_MS = 14_000;
/** A strike with all that must be over before the next, at the longest: it decides how slowly the run is let go. */
const STRIKE_MS = 20_000;
const ASKED_AGAIN_MS = 45_000;
const DISK_FULL_MS = 8_000;
/** A blocked run tries again after half a minute, and then after a minute. */
const UNBLOCKED_MS = 120_000;
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
    if (!(await within(END_MS, () => isOver(world)))) say('the run does not end');
    const end = await follower.ended();
    const problems = commandProblems(world, end);
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

/** The strikes in an order of the seed's. */
function scheduleOf(counts: CampaignOptions['strikes'], seed: number): Strike[] {
  const all = Object.entries(counts).flatMap(([strike, n]) => Array<Strike>(n).fill(strike as Strike));
  return all
    .map((strike, i) => ({ strike, at: draw(seed, 'order', i) }))
    .sort((a, b) => a.at - b.at)
    .map(({ strike }) => strike);
}

/** Does it, brings back what was killed, and waits until what it destroyed could be made good. */
async function strikeOnce(
  world: World,
  strike: Strike,
  { follower, random }: { follower: Follower; random: number },
): Promise<Outage> {
  const open = world.simulator.ledger.filter(({ delivered }) => delivered === null);
  const from = Date.now();
  switch (strike) {
    case 'worker':
      await world.workers.kill(Math.floor(random * WORKERS));
      break;
    case 'server':
      await world.server.kill();
      break;
    case 'both':
      await Promise.all([world.server.kill(), world.workers.kill('all')]);
      break;
    case 'everything':
      await Promise.all([world.server.kill(), world.workers.kill('all'), follower.kill()]);
      break;
    case 'command':
      await follower.kill();
      break;
    case 'disk':
      world.disk?.fill();
      await sleep(DISK_FULL_MS);
      world.disk?.free();
      break;
  }
  if (['server', 'both', 'everything'].includes(strike)) {
    await sleep(random * 2_000);
    await world.server.start();
  }
  const until = Date.now();
  world.workers.start();
  if (['worker', 'both', 'everything'].includes(strike)) await sleep(LOST_MS);
  await within(ASKED_AGAIN_MS, async () => (await isOver(world)) || askedAgain(open, world));
  const answers = answersIn(world);
  await within(strike === 'disk' ? UNBLOCKED_MS : ASKED_AGAIN_MS, async () => {
    return answersIn(world) > answers || (await isOver(world));
  });
  return { what: strike, from, until };
}

/** Whether every call that broke off was made again, and answered: the next strike is not to hit it once more. */
function askedAgain(open: readonly LedgerEntry[], { simulator }: World): boolean {
  const broken = open.filter(({ delivered, sha256 }) => delivered === false && sha256 !== null);
  return broken.every(({ n, sha256, question }) =>
    simulator.ledger.some(
      (later) =>
        later.n > n && later.sha256 === sha256 && later.question === question && later.delivered === true,
    ),
  );
}

/** Lets the rest of the run go as fast as it can, up to the last strike's moment. */
async function hurry(world: World): Promise<void> {
  const limits = ['limits', '--rpm', '3000'];
  await startCommand(world.folder, limits, world.settings).ended;
  await within(END_MS, async () => answersIn(world) >= LATE * world.questions || (await isOver(world)));
}

const callsOpen = (world: World): Promise<boolean> =>
  within(20_000, () => world.simulator.ledger.some(({ ms }) => ms === null));

const answersIn = (world: World): number =>
  new Set(
    world.simulator.ledger
      .filter(({ fault, usage, delivered }) => fault === null && usage !== null && delivered === true)
      .map(({ sha256, question }) => `${sha256} ${question}`),
  ).size;

const progressOf = (world: World): string =>
  `${answersIn(world)} of ${world.questions} answered, ${world.simulator.ledger.length} calls`;

async function isOver(world: World): Promise<boolean> {
  const state = await world.state();
  return state !== null && state !== 'RUNNING';
}

/** What a person does who reads that questions were set aside. */
async function askSetAside(world: World): Promise<number> {
  const setAside = unfinishedIn(readResults(world.place));
  if (setAside === 0) return 0;
  await world.resumeEnded();
  await within(END_MS, () => isOver(world));
  return setAside;
}

interface Follower {
  kill(): Promise<void>;
  /** The end of the command that saw the run end. */
  ended(): Promise<CommandEnd>;
}

/** `resume` in one process after the other, as a person who wants to see the run would have it. */
function keepFollowing(world: World): Follower {
  let command = startCommand(world.folder, ['resume', world.run, '--on-block', 'wait'], world.settings);
  const loop = (async () => {
    for (;;) {
      const end = await command.ended;
      if (await isOver(world)) return end;
      await sleep(1_000);
      command = startCommand(world.folder, ['resume', world.run, '--on-block', 'wait'], world.settings);
    }
  })();
  return {
    async kill() {
      const { ended, kill } = command;
      kill();
      await ended;
    },
    ended: () => loop,
  };
}

/** What the command said at the run's end must be so. */
function commandProblems(world: World, { code, out }: CommandEnd): string[] {
  const { state } = readResults(world.place);
  const expected = state === 'complete' ? EXIT.ok : EXIT.incomplete;
  // Killed at the end, or come too late to see it.
  if (code === null || code === expected) return [];
  return [`the command ended with ${code}, the run is ${state}: ${out.slice(-500)}`];
}
