import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSimulator } from '../src/simulator/server.ts';
import { startTemporal } from '../test/helpers/temporal-server.ts';
import { makePictures } from './pictures.ts';

/** As many calls a second in both cases, so that what is left between them is the number of pictures. */
const PICTURES = [339, 100_000];
const CONCURRENCY = 24;
const LATENCY_MS = 1_000;
const LIMITS = { requestsPerMinute: 100_000, tokensPerMinute: 200_000_000 };
const SAMPLE_MS = 30_000;
/** The 339 pictures end sooner. */
const SAMPLES = 8;
const MB = 1_000_000;

/**
 * `npm run bench:flat`: memory of the worker and of the command that follows a run, every half minute, for a run of 339
 * pictures and for one of 100,000. The theoretical limit: no difference.
 */
async function main(): Promise<void> {
  for (const pictures of PICTURES) await measure(pictures);
}

async function measure(pictures: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'image-analysis-flat-'));
  const source = makePictures(folder, 'pictures', pictures);
  const simulator = await startSimulator({ latency: { medianMs: LATENCY_MS }, limits: LIMITS });
  const server = await startTemporal();
  const start = (...args: string[]): ChildProcess =>
    spawn(process.execPath, [resolve('dist/cli.js'), ...args], {
      cwd: folder,
      env: {
        ...process.env,
        OPENAI_API_KEY: 'none',
        OPENAI_BASE_URL: simulator.url,
        SIMULATED: 'true',
        TEMPORAL_ADDRESS: server.address,
        LIMITS: `${LIMITS.requestsPerMinute}/${LIMITS.tokensPerMinute}`,
        // Soon full, so that what grows would be something else.
        PICTURE_MEMORY_MB: '16',
        RESULTS: join(folder, 'results'),
        LOG_LEVEL: 'warn',
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  const worker = start('worker');
  const command = start('run', source, '--name', 'flat', '--concurrency', String(CONCURRENCY));
  console.log(`\n${pictures} pictures, ${CONCURRENCY} calls in flight of ${LATENCY_MS / 1000} s`);
  try {
    for (let sample = 1; sample <= SAMPLES && command.exitCode === null; sample += 1) {
      await Promise.race([sleep(SAMPLE_MS), new Promise((done) => command.once('exit', done))]);
      if (command.exitCode !== null) break;
      const columns = [
        `after ${((sample * SAMPLE_MS) / 1000).toFixed(0)} s`.padEnd(12),
        `${String(simulator.ledger.length).padStart(6)} calls`,
        `worker ${memoryOf(worker)}`,
        `command ${memoryOf(command)}`,
      ];
      console.log(`  ${columns.join('   ')}`);
    }
  } finally {
    command.kill('SIGKILL');
    worker.kill('SIGKILL');
    await server.close();
    await simulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Resident memory now and at most, as Linux tells it. */
function memoryOf({ pid }: ChildProcess): string {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  const mb = (name: string): string =>
    ((Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024) / MB).toFixed(0);
  return `${mb('VmRSS').padStart(4)} MB now, ${mb('VmHWM').padStart(4)} MB at most`;
}

await main();
