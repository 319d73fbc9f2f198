import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { createWatchLimits } from '../../src/activities/watch-limits.ts';
import type { AccountLimits } from '../../src/shared/types.ts';

const KNOWN: AccountLimits = {
  requestsPerMinute: 480,
  tokensPerMinute: 28_000,
  from: 'start',
  spareTokens: 0,
};

function watching(now: AccountLimits, stopping = false) {
  const listeners = new Set<(limits: AccountLimits) => void>();
  const watch = createWatchLimits({
    limitsInForce: {
      now: () => now,
      stopping: () => stopping,
      onChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  });
  const environment = new MockActivityEnvironment();
  const ended = environment.run<[{ known: AccountLimits }], AccountLimits, typeof watch>(watch, {
    known: KNOWN,
  });
  return { listeners, environment, ended };
}

test.each<[string, Partial<AccountLimits>]>([
  ['more tokens', { tokensPerMinute: 30_000 }],
  ['fewer requests', { requestsPerMinute: 60 }],
  ['the same from another mouth', { from: 'headers' }],
  ['something to spend at once', { spareTokens: 5_000 }],
])('other limits hold already: %s', async (_, change) => {
  const limits = { ...KNOWN, ...change };
  expect(await watching(limits).ended).toEqual(limits);
});

test('waits for a change that matters, and stops listening', async () => {
  const { listeners, ended } = watching(KNOWN);
  await Promise.resolve();
  const tell = (limits: AccountLimits): void => listeners.forEach((listener) => listener(limits));
  tell({ ...KNOWN, tokensPerMinute: 28_100 });
  const changed = { ...KNOWN, tokensPerMinute: 60_000 };
  tell(changed);
  expect(await ended).toEqual(changed);
  expect(listeners.size).toBe(0);
});

test('ends when the worker stops, so that another goes on', async () => {
  const { listeners, ended } = watching(KNOWN, true);
  expect(await ended).toEqual(KNOWN);
  expect(listeners.size).toBe(0);
});

test('ends when it is cancelled', async () => {
  const { listeners, environment, ended } = watching(KNOWN);
  environment.cancel();
  await expect(ended).rejects.toThrow();
  expect(listeners.size).toBe(0);
});
