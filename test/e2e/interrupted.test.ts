import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { answersByQuestion, createPlace, type Place } from '../helpers/cli.ts';
import { until } from '../helpers/until.ts';

const PICTURES = 12;
const QUESTIONS = PICTURES * 6;

let simulator: Simulator;
let place: Place;

beforeEach(async () => {
  simulator = await startSimulator({
    latency: { medianMs: 400 },
    limits: { requestsPerMinute: 5_000, tokensPerMinute: 3_000_000 },
  });
  place = createPlace({
    OPENAI_BASE_URL: simulator.url,
    LIMITS: '600/1000000',
  });
});

afterEach(async () => {
  await place.close();
  await simulator.close();
});

const processes = (): Record<'server' | 'worker', { pid: number }> =>
  JSON.parse(readFileSync(join(place.dataDir, 'processes.json'), 'utf8')) as never;

const supervisor = (): number =>
  (JSON.parse(readFileSync(join(place.dataDir, 'engine.json'), 'utf8')) as { supervisor: { pid: number } })
    .supervisor.pid;

/**
 * Runs `kill` and counts the calls that were open at it: not yet answered a fifth of a second before, for an answer
 * needs some time from the simulator into history.
 */
async function openAt(kill: () => void): Promise<number> {
  const answered = simulator.ledger.filter((entry) => entry.delivered !== null).length;
  await new Promise((done) => setTimeout(done, 200));
  const asked = simulator.ledger.length;
  kill();
  return asked - answered;
}

/** Every question has an answer in the results, and no more were asked twice than calls were open at the kills. */
function expectPaidOnce(openAtKills: number): void {
  const results = place.results();
  expect(results.state).toBe('complete');
  expect(results.totals).toMatchObject({ answered: QUESTIONS, failed: 0 });
  const answers = answersByQuestion(simulator.ledger);
  expect(answers.size).toBe(QUESTIONS);
  const again = [...answers.values()].reduce((sum, entries) => sum + entries.length - 1, 0);
  expect(again).toBeLessThanOrEqual(openAtKills);
  const given = new Set(
    results.images.flatMap((image) =>
      Object.values(image.answers).map((a) => ('error' in a ? '' : a.requestId)),
    ),
  );
  for (const entries of answers.values()) {
    // Only the last answer is in the results: had an earlier one been recorded, it would be, and nobody had asked again.
    const kept = entries.map((entry) => given.has(entry.requestId));
    expect(kept).toEqual([...Array<boolean>(entries.length - 1).fill(false), true]);
  }
}

describe('a run that is interrupted', () => {
  test('goes on exactly when its worker is killed, twice', async () => {
    const run = place.start(['run', place.pictures(PICTURES)]);
    let openAtKills = 0;
    for (const answered of [15, 40]) {
      await until(async () => simulator.ledger.length >= answered);
      openAtKills += await openAt(() => process.kill(processes().worker.pid, 'SIGKILL'));
    }
    const { code, out } = await run.ended;
    expect(out).toContain('complete');
    expect(code).toBe(0);
    expectPaidOnce(openAtKills);
  });

  test('goes on by `resume` when everything is killed', async () => {
    const run = place.start(['run', place.pictures(PICTURES)]);
    await until(async () => simulator.ledger.length >= 30);
    const openAtKill = await openAt(() => {
      const { worker, server } = processes();
      for (const pid of [supervisor(), worker.pid, server.pid]) process.kill(pid, 'SIGKILL');
      run.child.kill('SIGKILL');
    });
    await run.ended;
    const { code, out } = await place.run(['resume']);
    expect(out).toContain('complete');
    expect(code).toBe(0);
    expectPaidOnce(openAtKill);
  });

  test('is paused by Ctrl-C, loses nothing, and goes on by the line that it prints', async () => {
    const run = place.start(['run', place.pictures(PICTURES)]);
    await until(async () => simulator.ledger.length >= 20);
    run.child.kill('SIGINT');
    const stopped = await run.ended;
    expect(stopped.code).toBe(130);
    const line = /resume (\S+)/.exec(stopped.out + stopped.err);
    expect(line?.[1]).toBe(place.runNames()[0]);
    const asked = simulator.ledger.length;
    expect(asked).toBeLessThan(QUESTIONS);
    expect(simulator.ledger.every((entry) => entry.delivered === true)).toBe(true);
    expect(place.results().state).toBe('paused');

    const status = await place.run(['status']);
    expect(status.code).toBe(0);
    expect(status.out).toMatch(/paused/i);
    expect(simulator.ledger).toHaveLength(asked);

    const { code } = await place.run(['resume', line?.[1] ?? '']);
    expect(code).toBe(0);
    expectPaidOnce(0);
    expect(simulator.ledger).toHaveLength(QUESTIONS);
  });
});
