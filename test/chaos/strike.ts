import { setTimeout as sleep } from 'node:timers/promises';
import type { LedgerEntry } from '../../src/simulator/ledger.ts';
import { draw } from '../../src/simulator/random.ts';
import type { Outage } from './check.ts';
import type { Follower } from './follower.ts';
import { answersIn, isOver } from './progress.ts';
import { within } from './within.ts';
import type { World } from './world.ts';

/** What is killed, or taken away. `both`: server and all workers; `everything`: and the command that follows the run. */
export type Strike = 'worker' | 'server' | 'both' | 'everything' | 'command' | 'disk';

export const WORKERS = 2;
/** Heartbeat time-out of a call, the wait before its next attempt, and the worker's start. */
const LOST_MS = 14_000;
const ASKED_AGAIN_MS = 45_000;
const DISK_FULL_MS = 8_000;
/** A blocked run tries again after half a minute, and then after a minute. */
const UNBLOCKED_MS = 120_000;

/** The strikes in an order of the seed's. */
export function scheduleOf(counts: Partial<Record<Strike, number>>, seed: number): Strike[] {
  const all = Object.entries(counts).flatMap(([strike, n]) => Array<Strike>(n).fill(strike as Strike));
  return all
    .map((strike, i) => ({ strike, at: draw(seed, 'order', i) }))
    .sort((a, b) => a.at - b.at)
    .map(({ strike }) => strike);
}

/** Does it, brings back what was killed, and waits until what it destroyed could be made good. */
export async function strikeOnce(
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
