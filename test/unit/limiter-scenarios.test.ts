import { describe, expect, test } from 'vitest';
import { figuresOf } from '../../bench/figures.ts';
import { checksOf } from '../../bench/report.ts';
import { SCENARIOS, type Scenario } from '../../bench/scenarios.ts';
import { onVirtualClock, virtualRun } from '../../bench/virtual-run.ts';

const named = (key: string): Scenario => {
  const scenario = SCENARIOS[key];
  if (scenario === undefined) throw new Error(`no scenario ${key}`);
  return onVirtualClock(scenario);
};

// Hours of calls in some seconds of arithmetic; more on a busy machine.
describe(
  'the limiter alone keeps every bound of the bench, at the real account’s speed',
  { timeout: 60_000 },
  () => {
    test.each([
      'mission-40',
      'mission-100-auto',
      'mission',
      'mission-auto',
      'requests',
      'latency',
      'windows',
      'shared',
      'workers-2',
      'charged-less',
      'charged-less-auto',
      'charged-more-auto',
    ])('%s', async (key) => {
      const scenario = named(key);
      const figures = figuresOf(scenario, await virtualRun(scenario));
      expect(figures.calls).toBeGreaterThanOrEqual(scenario.pictures * 6);
      expect(checksOf(scenario, figures).filter(({ kept }) => !kept)).toEqual([]);
    });
  },
);

test('the mission takes 109 minutes where 28,000 tokens a minute are told', async () => {
  const scenario = named('mission');
  const { timeMs, highest, tailMs } = figuresOf(scenario, await virtualRun(scenario));
  expect(timeMs / 60_000).toBeCloseTo(109, 0);
  expect(highest.tokens).toBeLessThanOrEqual(28_000 + 1_500);
  // The last calls go at full pace, and the run ends with their answers.
  expect(tailMs).toBeLessThan(20_000);
});

test('what the bench asks of the account is arithmetic, not luck: the same run again gives the same figures', async () => {
  const scenario = named('shared');
  const [first, second] = [await virtualRun(scenario), await virtualRun(scenario)];
  expect(first.calls).toEqual(second.calls);
});
