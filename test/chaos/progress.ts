import { within } from './within.ts';
import type { World } from './world.ts';

export const callsOpen = (world: World): Promise<boolean> =>
  within(20_000, () => world.simulator.ledger.some(({ ms }) => ms === null));

/** Questions whose answer has reached a worker. */
export const answersIn = (world: World): number =>
  new Set(
    world.simulator.ledger
      .filter(({ fault, usage, delivered }) => fault === null && usage !== null && delivered === true)
      .map(({ sha256, question }) => `${sha256} ${question}`),
  ).size;

export const progressOf = (world: World): string =>
  `${answersIn(world)} of ${world.questions} answered, ${world.simulator.ledger.length} calls`;

/** Whether the run has ended; a server that says nothing counts as "no". */
export async function isOver(world: World): Promise<boolean> {
  const state = await world.state();
  return state !== null && state !== 'RUNNING';
}
