import { setTimeout as sleep } from 'node:timers/promises';
import pc from 'picocolors';
import { expect, test } from 'vitest';
import { allChecks } from '../../src/client/doctor/all-checks.ts';
import {
  type Check,
  type CheckResult,
  ok,
  runChecks,
  skipped,
  warn,
  wrong,
} from '../../src/client/doctor/check.ts';
import { linesOf, summaryLine } from '../../src/client/doctor/render.ts';
import { readConfig } from '../../src/config.ts';
import { createProbes } from '../../src/worker/checks.ts';

const check = (name: string, needs: string[], look: Check['look']): Check => ({
  name,
  title: name.toUpperCase(),
  needs,
  remedy: 'Look at the cable.',
  look,
});

async function all(
  checks: Check[],
  options: { secrets?: string[]; limitMs?: number } = {},
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for await (const result of runChecks(checks, { secrets: [], ...options })) results.push(result);
  return results;
}

test('results come in the order of the checks, whichever ends first', async () => {
  const results = await all([
    check('slow', [], async () => {
      await sleep(30);
      return ok('done');
    }),
    check('fast', [], async () => ok('done')),
  ]);
  expect(results.map(({ name }) => name)).toEqual(['slow', 'fast']);
});

test('what needs a broken link is skipped with the reason, and so is what needs that; a loss breaks nothing', async () => {
  const results = await all([
    check('a', [], async () => wrong('It is off.', 'Switch it on.')),
    check('b', ['a'], async () => ok('unseen')),
    check('c', ['b'], async () => ok('unseen')),
    check('d', [], async () => warn('It is slow.', 'Wait.')),
    check('e', ['d'], async () => ok('seen')),
  ]);
  expect(results.map(({ state }) => state)).toEqual(['wrong', 'skipped', 'skipped', 'warn', 'ok']);
  expect(results[1]?.found).toBe('Not looked at: it needs “A”, which is wrong.');
  expect(results[2]?.found).toBe('Not looked at: it needs “B”, which is skipped too.');
});

test('a look that takes too long is wrong and is told to end, and the others are not held up', async () => {
  let ended = false;
  const started = performance.now();
  const [hung, other] = await all(
    [
      check('hung', [], (signal) => {
        signal.addEventListener('abort', () => (ended = true));
        return new Promise(() => {});
      }),
      check('other', [], async () => ok('done')),
    ],
    { limitMs: 50 },
  );
  expect(hung).toMatchObject({
    state: 'wrong',
    found: 'No answer within 0.05 s.',
    remedy: 'Look at the cable.',
  });
  expect(other?.state).toBe('ok');
  expect(ended).toBe(true);
  expect(performance.now() - started).toBeLessThan(1_000);
});

test('an unexpected error is wrong, without secrets and signatures', async () => {
  const [result] = await all(
    [
      check('a', [], async () => {
        throw new Error('no way to https://x.example/p?X-Goog-Signature=abcdef with top-secret-1');
      }),
    ],
    { secrets: ['top-secret-1'] },
  );
  expect(result?.state).toBe('wrong');
  expect(result?.found).toBe('no way to https://x.example/p?[redacted] with [redacted]');
});

test('no chain of checks is long enough to last a minute', () => {
  const config = readConfig({ TEMPORAL_ADDRESS: 'localhost:7233' }, '/tmp');
  const { checks } = allChecks(config, createProbes(config), {
    source: '/pictures',
    ask: true,
    cwd: '/tmp',
    calledAs: 'image-analysis',
    now: Date.now,
  });
  const depths = new Map<string, number>();
  for (const { name, needs } of checks) {
    const above = needs.map((need) => depths.get(need));
    // What is needed stands earlier.
    expect(above).not.toContain(undefined);
    depths.set(name, 1 + Math.max(0, ...above.map((depth) => depth ?? 0)));
  }
  expect(Math.max(...depths.values()) * 10).toBeLessThan(60);
});

test('what a person reads', () => {
  const result = {
    name: 'disk',
    title: 'Disk',
    ms: 3,
    ...wrong('It is full to the brim of its capacity.', 'Make room: `rm x`.'),
  };
  expect(linesOf(result, 62, pc.createColors(false))).toEqual([
    'wrong    Disk               It is full to the brim of its',
    '                            capacity.',
    '                            Mend: Make room: `rm x`.',
  ]);
  const rest = { name: 'x', title: 'X', ms: 0 };
  expect(
    summaryLine([
      { ...rest, ...ok('.') },
      { ...rest, ...skipped('.') },
    ]),
  ).toBe('Nothing is wrong, 1 is in order, 1 was not looked at.');
  expect(summaryLine([result, { ...rest, ...warn('.', '.') }])).toBe(
    '1 link is wrong, 1 works with a loss, 0 are in order.',
  );
});
