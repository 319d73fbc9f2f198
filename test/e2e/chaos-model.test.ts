import { test } from 'vitest';
import { model } from '../chaos/model.ts';

const SEED = 1;

/** `npm run chaos -- --model N` plays more. */
test(
  'whatever is done to a run, in whatever order: nothing is lost and nothing is paid twice',
  { timeout: 300_000 },
  async () => {
    const said: string[] = [];
    const say = (line: string): void => void said.push(line);
    try {
      await model({ seed: SEED, runs: 2, say });
    } finally {
      console.log([`seed ${SEED}`, ...said].join('\n'));
    }
  },
);
