import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSimulator, type Simulator } from '../../src/simulator/server.ts';
import { answersByQuestion, createPlace, type Place } from '../helpers/cli.ts';
import { until } from '../helpers/until.ts';

const PICTURES = 12;
const QUESTIONS = PICTURES * 6;

let simulator: Simulator;
let place: Place;
let unmountable: string | null;

beforeEach(async () => {
  simulator = await startSimulator({
    latency: { medianMs: 800 },
    limits: { requestsPerMinute: 5_000, tokensPerMinute: 3_000_000 },
  });
  place = createPlace({ OPENAI_BASE_URL: simulator.url, LIMITS: '300/1000000' });
  unmountable = mountSmallDisk(place.folder);
});

afterEach(async () => {
  rmSync(filler(), { force: true });
  await place.run(['stop']);
  if (unmountable === null) execFileSync('umount', ['--lazy', place.folder]);
  await place.close();
  await simulator.close();
});

/** A disk of 60 MB of its own below the folder; why there can be none, where there can be none. */
function mountSmallDisk(folder: string): string | null {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=60m', 'tmpfs', folder], { stdio: 'pipe' });
    return null;
  } catch {
    return 'a small disk to fill cannot be mounted here: that needs root on Linux';
  }
}

const filler = (): string => join(place.folder, 'filler');

/** Fills the disk until so many bytes are left. */
function fill(left: number): void {
  const file = openSync(filler(), 'a');
  const block = Buffer.alloc(64_000);
  try {
    for (;;) {
      const { bavail, bsize } = statfsSync(place.folder);
      const more = Math.min(block.length, bavail * bsize - left);
      if (more <= 0) return;
      writeSync(file, block, 0, more);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}

const open = (): number => simulator.ledger.filter((entry) => entry.delivered === null).length;

/** Longer than a call takes, and than the engine needs to look. */
const LONG_MS = 8_000;

describe('a full disk', () => {
  for (const { how, left } of [
    { how: 'slowly, with every call in flight recorded', left: 5_000_000 },
    { how: 'at once to its last byte, with no more asked again than was in flight', left: 0 },
  ]) {
    test(`stops a run that works (filled ${how}); it goes on once there is room`, async ({ skip }) => {
      skip(unmountable !== null, unmountable ?? '');
      const run = place.start(['run', place.pictures(PICTURES), '--on-block', 'wait']);
      await until(async () => simulator.ledger.length >= 15);
      fill(left);
      const openAtFill = left === 0 ? open() : 0;
      await until(async () => run.out().includes('The engine waits.'));
      expect(run.out()).toContain(place.dataDir);
      expect(run.out()).toMatch(/Make room on (that|its) disk/);
      await new Promise((done) => setTimeout(done, LONG_MS));
      const asked = simulator.ledger.length;
      expect(asked).toBeLessThan(QUESTIONS);

      const began = Date.now();
      const [status, resume] = await Promise.all([place.run(['status']), place.run(['resume'])]);
      // Nobody hangs; how soon they are told depends on how busy the machine is.
      expect(Date.now() - began).toBeLessThan(60_000);
      expect(status).toMatchObject({ code: 0, err: '' });
      expect(status.out).toContain(place.dataDir);
      expect(resume.code).toBe(1);
      expect(resume.err).toContain(place.dataDir);
      expect(run.child.exitCode).toBeNull();
      expect(simulator.ledger).toHaveLength(asked);

      rmSync(filler());
      const { code, out } = await run.ended;
      expect(out).toContain('The engine goes on');
      expect(code).toBe(0);
      expect(place.results().totals).toMatchObject({ answered: QUESTIONS, failed: 0 });
      expect(answersByQuestion(simulator.ledger).size).toBe(QUESTIONS);
      expect(simulator.ledger.length - QUESTIONS).toBeLessThanOrEqual(openAtFill);
    });
  }

  test('is told at once to one who starts, and leaves nothing half-made', async ({ skip }) => {
    skip(unmountable !== null, unmountable ?? '');
    const pictures = place.pictures(1);
    fill(0);
    const refused = await place.run(['run', pictures]);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain(place.dataDir);
    expect(refused.err).toMatch(/full|no space/);
    rmSync(filler());
    expect((await place.run(['run', pictures])).code).toBe(0);
  });
});
