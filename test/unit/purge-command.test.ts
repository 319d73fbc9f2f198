import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Deps } from '../../src/client/deps.ts';
import { openFolderAnswers } from '../../src/worker/adapters/folder-answers.ts';
import { openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { freePort } from '../helpers/free-port.ts';
import { type Outcome, runHere } from '../helpers/program.ts';
import { keptAnswers, makeRun, saidOf, uriOf } from './purge-kit.ts';

const DAY = 86_400_000;
/** A month and a half after the runs of the kit. */
const LATER = Date.parse('2027-01-10T00:00:00.000Z');

let folder: string;
let results: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'purge-command-'));
  results = path.join(folder, 'results');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const purge = (args: string[], can: Partial<Deps> = {}, env: Record<string, string> = {}): Promise<Outcome> =>
  runHere(folder, ['purge', ...args], { RESULTS: results, ...env }, { now: () => LATER, ...can });

async function keptRun(name: string, record: Parameters<typeof makeRun>[3] = {}): Promise<void> {
  const plan = await makeRun(openFolderStore, path.join(results, name), {}, record);
  const store = openFolderAnswers(path.join(results, '.answers'));
  for (const { key, entry, picture } of keptAnswers(plan)) await store.write(key, entry, picture);
}

async function everything(): Promise<string> {
  const entries = await readdir(results, { recursive: true, withFileTypes: true });
  const texts = entries
    .filter((entry) => entry.isFile())
    .map((entry) => readFile(path.join(entry.parentPath, entry.name), 'utf8'));
  return (await Promise.all(texts)).join('\n');
}

test.each([
  [[], /^purge takes one of two/],
  [['--older-than', '30d', '--picture', uriOf(1)], /^purge takes one of two/],
  [['--older-than', 'a month'], /^--older-than is "a month": give hours, days or weeks/],
  [['--older-than', '-1d'], /^--older-than is "-1d"/],
  [
    ['--picture', 'camera.jpg'],
    /^--picture is "camera.jpg": give the picture's address .* gs:\/\/bucket\/object/,
  ],
  [['--picture', '/nowhere/camera.jpg'], /^--picture is "\/nowhere\/camera.jpg": no run below .*results/],
])('purge %j', async (args, problem) => {
  await keptRun('first');
  const { status, err } = await purge([...args, '--yes']);
  expect(err).toMatch(problem);
  expect(status).toBe(2);
});

describe('one picture', () => {
  test('is told of first, and removed only when somebody agrees', async () => {
    await keptRun('first');
    const before = await everything();
    const asked = await purge(['--picture', uriOf(1)]);
    expect(asked.out).toContain('in the results of run first');
    expect(asked.err).toContain('Add --yes');
    expect(asked.status).toBe(2);
    const declined = await purge(['--picture', uriOf(1)], { confirm: async () => false });
    expect([declined.status, declined.err]).toEqual([2, 'Nothing was removed.\n']);
    expect(await everything()).toBe(before);
    const agreed = await purge(['--picture', uriOf(1)], { confirm: async () => true });
    expect(agreed.out).toMatch(/^Purged .*jane-doe-1\.jpg: \d+ files written anew, 1 kept answer removed/m);
    const after = await everything();
    for (const gone of ['jane-doe-1.jpg', saidOf(1)]) expect(after).not.toContain(gone);
    expect(after).toContain(saidOf(2));
  });

  test('says what is left to do where no server can be asked, and does not hide it in its status', async () => {
    await keptRun('first');
    await keptRun('second');
    const { out, status } = await purge(['--picture', uriOf(2), '--yes']);
    expect(out).toMatch(
      /^- NOT the histories of run first in Temporal, which cannot be reached: no embedded/m,
    );
    expect(out).toMatch(/^NOT finished:\n- The histories of run second may still hold/m);
    expect(out).toMatch(/^What this command does not reach.*\n- the picture itself/m);
    expect(status).toBe(3);
    const again = await purge(['--picture', uriOf(2), '--yes', '--json']);
    const [plan, end] = again.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(plan).toMatchObject({
      event: 'plan',
      picture: uriOf(2),
      runs: [{ run: 'second' }, { run: 'first' }],
    });
    expect(end).toMatchObject({ event: 'end', answers: 0, executions: 0 });
  });

  test('of which only a kept answer is left', async () => {
    await keptRun('first');
    await rm(path.join(results, 'first'), { recursive: true });
    const { out, status } = await purge(['--picture', uriOf(2), '--yes']);
    expect(out).toContain('2 kept answers removed');
    expect(status).toBe(0);
    expect((await purge(['--picture', uriOf(2), '--yes'])).status).toBe(2);
  });

  test.each([['running'], ['paused'], ['blocked']] as const)(
    'stays while a run that holds it is %s by its record, and nobody can tell',
    async (state) => {
      await keptRun('first');
      await keptRun('second', { state });
      const before = await everything();
      const { err, status } = await purge(['--picture', uriOf(2), '--yes']);
      expect(err).toMatch(/^Nothing was purged\.\nRun second holds the picture.*no embedded Temporal server/);
      expect(err).toContain('image-analysis cancel second');
      expect(err).not.toContain('Run first');
      expect(status).toBe(2);
      expect(await everything()).toBe(before);
    },
  );

  test('is purged from files while a named server does not answer, and that is said', async () => {
    await keptRun('first');
    const address = `127.0.0.1:${await freePort()}`;
    const { out, status } = await purge(['--picture', uriOf(2), '--yes', '--address', address]);
    expect(out).toMatch(new RegExp(`no Temporal server answers at ${address}`, 'i'));
    expect(out).toMatch(/^NOT finished:/m);
    expect(status).toBe(3);
    expect(await everything()).not.toContain('jane-doe-2.jpg');
  }, 20_000);
});

describe('by age', () => {
  test('tells first, removes the old ones that have ended, and leaves the others', async () => {
    await keptRun('old');
    await keptRun('unfinished', { state: 'running' });
    await keptRun('young', { updatedAt: new Date(LATER - DAY).toISOString() });
    const told = await purge(['--older-than', '30d']);
    expect(told.out).toMatch(/^- run old, with all of .*results\/old$/m);
    expect(told.out).not.toContain('run young');
    expect(told.out).toMatch(/^It leaves alone:\n- Run unfinished may not have ended/m);
    expect(told.status).toBe(2);
    expect((await readdir(results)).sort()).toEqual(['.answers', 'old', 'unfinished', 'young']);
    const done = await purge(['--older-than', '30d', '--yes']);
    expect(done.out).toMatch(/^Purged 1 run, /m);
    expect(done.status).toBe(0);
    expect((await readdir(results)).sort()).toEqual(['.answers', 'unfinished', 'young']);
    const { out } = await purge(['--older-than', '30d', '--yes', '--json']);
    expect(JSON.parse(out.trim().split('\n')[0] ?? '')).toMatchObject({ event: 'plan', runs: [] });
  });

  test('finishes what was cut off when only the plan was left', async () => {
    await keptRun('old');
    for (const name of await readdir(path.join(results, 'old')))
      if (name !== 'run.json') await rm(path.join(results, 'old', name), { recursive: true });
    expect((await purge(['--older-than', '30d', '--yes'])).out).toContain('Purged 1 run');
    expect(await readdir(results)).toEqual(['.answers']);
  });

  test('says that there is nothing', async () => {
    const { out, status } = await purge(['--older-than', '30d']);
    expect(out).toContain('There is nothing to remove.');
    expect(status).toBe(0);
  });
});
