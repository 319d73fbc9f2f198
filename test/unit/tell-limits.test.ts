import { expect, test } from 'vitest';
import { createTellLimits } from '../../src/activities/tell-limits.ts';
import type { AccountLimits } from '../../src/shared/types.ts';

const START: AccountLimits = {
  requestsPerMinute: 480,
  tokensPerMinute: 28_000,
  from: 'start',
  spareTokens: 0,
};

function teller() {
  let limits = START;
  let broken = false;
  const told: [string, AccountLimits][] = [];
  const tellLimits = createTellLimits({
    now: () => limits,
    async tell(workflowId, told_) {
      if (broken) throw new Error('no server');
      told.push([workflowId, told_]);
    },
  });
  return {
    told,
    tellLimits,
    change: (next: Partial<AccountLimits>) => (limits = { ...limits, ...next }),
    breakDown: (is: boolean) => (broken = is),
  };
}

test('each run is told once', () => {
  const { tellLimits, told } = teller();
  for (const run of ['a', 'a', 'b', 'a', 'b']) tellLimits(run);
  expect(told).toEqual([
    ['a', START],
    ['b', START],
  ]);
});

test.each<[string, Partial<AccountLimits>, number]>([
  ['more tokens', { tokensPerMinute: 30_000 }, 2],
  ['fewer requests', { requestsPerMinute: 60 }, 2],
  ['the same from another mouth', { from: 'headers' }, 2],
  ['something to spend at once', { spareTokens: 5_000 }, 2],
  ['a change that does not matter', { tokensPerMinute: 28_100 }, 1],
])('and again of other limits: %s', (_, next, times) => {
  const { tellLimits, told, change } = teller();
  tellLimits('a');
  const limits = change(next);
  tellLimits('a');
  tellLimits('a');
  expect(told).toHaveLength(times);
  if (times === 2) expect(told[1]).toEqual(['a', limits]);
});

test('what could not be told is told with the next answer', async () => {
  const { tellLimits, told, breakDown } = teller();
  breakDown(true);
  tellLimits('a');
  await Promise.resolve();
  await Promise.resolve();
  breakDown(false);
  tellLimits('a');
  expect(told).toEqual([['a', START]]);
});
