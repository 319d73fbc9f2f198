import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Plan } from '../../src/shared/types.ts';
import { startSimulator, type Simulator } from '../../src/simulator/server.ts';
import { answersByQuestion, createPlace, type Place } from '../helpers/cli.ts';
import { listeningAddresses, LOOPBACK, processesWithEnvironment } from '../helpers/processes.ts';
import { until } from '../helpers/until.ts';

const PICTURES = 6;
const QUESTIONS = PICTURES * 6;

let simulator: Simulator;
let place: Place;

beforeEach(async () => {
  simulator = await startSimulator({
    latency: { medianMs: 1500 },
    limits: { requestsPerMinute: 5_000, tokensPerMinute: 3_000_000 },
  });
  place = createPlace({ OPENAI_BASE_URL: simulator.url, LIMITS: '600/1000000' });
});

afterEach(async () => {
  await place.close();
  await simulator.close();
});

/** The program, the engine and everything that they started. */
const running = (): number[] => processesWithEnvironment(`DATA_DIR=${place.dataDir}`);
const nothingRuns = (): Promise<boolean> => until(() => Promise.resolve(running().length === 0), 90_000);

/** Goes on with the run and finds that every question was asked once. */
async function expectToGoOn(): Promise<void> {
  const { code, out } = await place.run(['resume']);
  expect(out).toContain('complete');
  expect(code).toBe(0);
  expect(answersByQuestion(simulator.ledger).size).toBe(QUESTIONS);
  expect(simulator.ledger).toHaveLength(QUESTIONS);
}

const onLinux = process.platform === 'linux';

describe.skipIf(!onLinux)('a command that is left (looks at /proc: Linux only)', () => {
  test('by Ctrl-C twice ends at once; the engine records what is in flight and ends after it', async () => {
    const run = place.start(['run', place.pictures(PICTURES)]);
    await until(async () => simulator.ledger.length >= 8);
    run.child.kill('SIGINT');
    await until(async () => run.out().includes('Pausing'));
    const second = Date.now();
    run.child.kill('SIGINT');
    const { code, out } = await run.ended;
    expect(code).toBe(130);
    expect(Date.now() - second).toBeLessThan(1500);
    expect(out).toMatch(/Go on with: .* resume /);
    await nothingRuns();
    expect(existsSync(join(place.dataDir, 'engine.json'))).toBe(false);
    expect(simulator.ledger.every((entry) => entry.delivered === true)).toBe(true);
    await expectToGoOn();
  });

  const python = pythonIsThere();
  test.skipIf(!python)(
    'by closing its terminal is paused, as by Ctrl-C, and leaves nothing behind (needs python3 for a terminal)',
    async () => {
      const terminal = inTerminal(['run', place.pictures(PICTURES)]);
      await until(async () => simulator.ledger.length >= 8);
      terminal.close();
      await nothingRuns();
      const status = await place.run(['status']);
      expect(status.out).toMatch(/paused/i);
      expect(place.results().state).toBe('paused');
      expect(simulator.ledger.every((entry) => entry.delivered === true)).toBe(true);
      await expectToGoOn();
    },
  );

  test('before its engine is ready leaves none behind', async () => {
    const run = place.start(['run', place.pictures(PICTURES)]);
    await until(async () => existsSync(join(place.dataDir, 'engine.json')));
    run.child.kill('SIGINT');
    await run.ended;
    await nothingRuns();
    expect(simulator.ledger).toEqual([]);
  });
});

test.skipIf(!onLinux)(
  'the demonstration listens on the loopback only, works anew each time, and names a run that is unfinished',
  async () => {
    const run = place.start(['run', place.pictures(PICTURES)]);
    await until(async () => simulator.ledger.length >= 8);
    run.child.kill('SIGINT');
    await run.ended;
    const [name = ''] = place.runNames();

    const demo = place.start([]);
    await until(async () => place.runNames().length === 2 && /answered|calls/.test(demo.out()));
    const addresses = listeningAddresses(running());
    // Control port, server, its Web UI, its metrics and its four services, the simulator.
    expect(addresses.length).toBeGreaterThanOrEqual(8);
    expect(addresses.filter((address) => address !== LOOPBACK)).toEqual([]);
    demo.child.kill('SIGINT');
    await demo.ended;
    expect(demo.out()).toMatch(new RegExp(`Run ${name} is unfinished.* Go on with: .* resume ${name}`));
    const shown = place.runNames().find((other) => other !== name) ?? '';
    const plan = JSON.parse(readFileSync(join(place.folder, 'results', shown, 'run.json'), 'utf8')) as Plan;
    expect(plan.fresh).toBe(true);
  },
);

function pythonIsThere(): boolean {
  try {
    execFileSync('python3', ['-c', 'import pty']);
    return true;
  } catch {
    return false;
  }
}

/** The program in a terminal of its own, which `close` closes as a window is closed. */
function inTerminal(args: string[]): { close(): void } {
  const program = `
import os, pty, sys, threading
pid, terminal = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
def read():
    while os.read(terminal, 10000): pass
threading.Thread(target=read, daemon=True).start()
sys.stdin.read()
os._exit(0)`;
  const child = spawn('python3', ['-c', program, process.execPath, resolve('dist/cli.js'), ...args], {
    cwd: place.folder,
    env: place.env,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  return { close: () => void child.stdin?.end() };
}
