import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT } from '../../src/client/deps.ts';
import { readResults } from './evidence.ts';
import { type CommandEnd, startCommand } from './processes.ts';
import { isOver } from './progress.ts';
import type { World } from './world.ts';

export interface Follower {
  kill(): Promise<void>;
  /** The end of the command that saw the run end; settles when the run has ended. */
  ended(): Promise<CommandEnd>;
}

/** `resume` in one process after the other, as a person who wants to see the run would have it. */
export function keepFollowing(world: World): Follower {
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
export function commandProblems(world: World, { code, out }: CommandEnd): string[] {
  const { state } = readResults(world.place);
  const expected = state === 'complete' ? EXIT.ok : EXIT.incomplete;
  // Killed at the end, or come too late to see it.
  if (code === null || code === expected) return [];
  return [`the command ended with ${code}, the run is ${state}: ${out.slice(-500)}`];
}
