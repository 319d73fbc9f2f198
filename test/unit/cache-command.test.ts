import { mkdtemp, readdir, rm, truncate, utimes } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openFolderAnswers } from '../../src/worker/adapters/folder-answers.ts';
import { runHere } from '../helpers/program.ts';
import { answerOf, keyOf } from './answers-kit.ts';

let folder: string;
let place: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'cache-command-'));
  place = path.join(folder, 'results', '.answers');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const cache = async (...args: string[]) => {
  const { status, out, err } = await runHere(folder, ['cache', ...args]);
  return { status, out: out.trim(), err: err.trim() };
};

/** Writes answers of the given ages in days, the first of them torn. */
async function keep(...days: number[]): Promise<void> {
  const store = openFolderAnswers(place);
  const known = new Set<string>();
  for (const [n, age] of days.entries()) {
    await store.write(keyOf(n), answerOf(n));
    const names = await readdir(place, { recursive: true });
    const file = names.find((name) => /[0-9a-f]{60}$/.test(name) && !known.has(name)) ?? '';
    known.add(file);
    if (n === 0) await truncate(path.join(place, file), 50);
    const time = new Date(Date.now() - age * 86_400_000);
    await utimes(path.join(place, file), time, time);
  }
}

test('stats of nothing, and of what is there', async () => {
  expect(await cache('stats')).toEqual({
    status: 0,
    out: `Place      ${place}\nAnswers    none yet`,
    err: '',
  });
  await keep(40, 31, 2);
  const { status, out } = await cache('stats');
  expect(status).toBe(0);
  expect(out).toMatch(/^Answers {4}3, 0\.0 MB$/m);
  expect(out).toMatch(/^Oldest {5}\d{4}-\d\d-\d\d \d\d:\d\d UTC\nNewest {5}\d{4}-/m);
  expect(JSON.parse((await cache('stats', '--json')).out)).toMatchObject({ place, entries: 3 });
});

test('prune removes what no run could use, and old answers only when it is told how old', async () => {
  await keep(40, 31, 2);
  expect((await cache('prune')).out).toBe(
    [
      `Removed from ${place}: 1 that no run could use (0.0 MB).`,
      'Answers left: 2.',
      'Old ones too: `image-analysis cache prune --older-than 30d`',
    ].join('\n'),
  );
  expect((await cache('prune', '--older-than', '30d')).out).toBe(
    `Removed from ${place}: 1 older than 30d, 0 that no run could use (0.0 MB).\nAnswers left: 1.`,
  );
  expect(JSON.parse((await cache('prune', '--older-than', '24h', '--json')).out)).toMatchObject({
    place,
    old: 1,
    damaged: 0,
    kept: 0,
  });
});

test.each([
  [['clear'], /cache "clear": give stats or prune/],
  [['prune', '--older-than', 'a month'], /--older-than is "a month": give hours, days or weeks.*30d/],
  [['stats', '--older-than', '30d'], /--older-than is for prune/],
  [[], /missing required argument/],
])('cache %j is wrong usage', async (args, says) => {
  const { status, err } = await cache(...args);
  expect(err).toMatch(says);
  expect(status).toBe(2);
});
