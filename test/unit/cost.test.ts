import { expect, test } from 'vitest';
import { costOf } from '../../src/activities/cost.ts';
import { noCounts } from '../../src/shared/counts.ts';
import type { Account } from '../../src/shared/types.ts';

const openai: Account = {
  label: 'default',
  provider: 'openai',
  endpoint: 'api.openai.com',
  simulated: false,
};
const counts = { ...noCounts(), inputTokens: 2_000_000, cachedTokens: 1_000_000, outputTokens: 100_000 };

test.each<[string, { model: string; account: Account }, number | 'unknown']>([
  // 1 M at 2.50, 1 M cached at 1.25, 0.1 M out at 10 dollars a million.
  ['a known model', { model: 'gpt-4o', account: openai }, 4.75],
  ['a model that the table does not have', { model: 'no-such-model', account: openai }, 'unknown'],
  [
    'another server, whose prices are its own',
    { model: 'gpt-4o', account: { ...openai, endpoint: 'llm.city.example' } },
    'unknown',
  ],
  ['a simulated account', { model: 'gpt-4o', account: { ...openai, simulated: true } }, 0],
])('the cost of %s', (_, plan, cost) => {
  expect(costOf(plan, counts)).toBe(cost);
});

test('answers that do not count were paid for', () => {
  const plan = { model: 'gpt-4o', account: openai };
  expect(costOf(plan, { ...noCounts(), discardedTokens: 1_000_000 })).toBe(2.5);
});
