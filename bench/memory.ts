import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { readConfig } from '../src/config.ts';
import { ANALYZE_IMAGES } from '../src/shared/names.ts';
import type { ResultsFile } from '../src/shared/results.ts';
import type { RunInput, RunResult } from '../src/shared/types.ts';
import { startSimulator } from '../src/simulator/server.ts';
import { startTemporal } from '../test/helpers/temporal-server.ts';
import { mostInFlight } from './pace.ts';
import { makePictures } from './pictures.ts';
import { createWorkers } from './workers.ts';

/** Pictures and calls in flight that are asked for; each picture has one call open at a time. */
const PICTURES = 60;
const CONCURRENCY = 200;
const LATENCY_MS = 1_000;
const MB = 1_000_000;

interface Case {
  pictureBytes: number;
  /** `PICTURE_MEMORY_MB`; the last is as good as no bound. */
  boundsMb: number[];
}

const CASES: Case[] = [
  { pictureBytes: 4 * MB, boundsMb: [64, 256, 100_000] },
  { pictureBytes: 0.4 * MB, boundsMb: [64, 256] },
];

interface Figures {
  timeMs: number;
  calls: number;
  /** Answered in the end. */
  answers: number;
  inFlight: number;
  /** Resident memory of the worker at most: after a run of one small picture, and in all. */
  beforeBytes: number;
  peakBytes: number;
  readsPerPicture: number;
}

/**
 * `npm run bench:memory`: peak memory of a worker that sends large pictures as base64 with many calls in flight, beside
 * the bound that it was set, and how often it read a picture for its six questions.
 */
async function main(): Promise<void> {
  for (const { pictureBytes, boundsMb } of CASES) {
    console.log(
      `\n${PICTURES} pictures of ${pictureBytes / MB} MB, ${CONCURRENCY} calls in flight asked for, ${LATENCY_MS / 1000} s each`,
    );
    for (const boundMb of boundsMb) show(boundMb, await measure(pictureBytes, boundMb));
  }
}

function show(boundMb: number, f: Figures): void {
  const mb = (bytes: number): string => (bytes / MB).toFixed(0);
  const columns = [
    `bound ${boundMb} MB`,
    `${mb(f.peakBytes - f.beforeBytes)} MB grown, ${mb(f.peakBytes)} MB at most`,
    `${f.inFlight} in flight`,
    `${f.readsPerPicture.toFixed(2)} reads a picture`,
    `${f.answers} answers of ${f.calls} calls in ${(f.timeMs / 1000).toFixed(0)} s`,
  ];
  console.log(`  ${columns.join('   ')}`);
}

async function measure(pictureBytes: number, boundMb: number): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'image-analysis-memory-'));
  const limits = { requestsPerMinute: 100_000, tokensPerMinute: 200_000_000 };
  const simulator = await startSimulator({ latency: { medianMs: LATENCY_MS }, limits });
  const server = await startTemporal();
  const settings = {
    OPENAI_API_KEY: 'none',
    OPENAI_BASE_URL: simulator.url,
    SIMULATED: 'true',
    TEMPORAL_ADDRESS: server.address,
    LIMITS: `${limits.requestsPerMinute}/${limits.tokensPerMinute}`,
    PICTURE_MEMORY_MB: String(boundMb),
    RESULTS: join(folder, 'results'),
    LOG_LEVEL: 'warn',
  };
  const config = readConfig(settings, folder);
  const workers = createWorkers(folder, settings);
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection });
  const run = (input: RunInput): Promise<RunResult> =>
    client.workflow.execute<(input: RunInput) => Promise<RunResult>>(ANALYZE_IMAGES, {
      taskQueue: config.taskQueue,
      workflowId: input.name ?? '',
      args: [input],
    });
  const peak = (): number => workers.usage()[0]?.peakBytes ?? 0;
  try {
    workers.add();
    await run({ source: makePictures(folder, 'small', 1, 0), name: 'small' });
    const beforeBytes = peak();
    const before = simulator.ledger.length;
    const source = makePictures(folder, 'large', PICTURES, pictureBytes);
    const started = Date.now();
    const result = await run({ source, name: 'large', concurrency: CONCURRENCY });
    const timeMs = Date.now() - started;
    const ledger = simulator.ledger.slice(before);
    const file = join(config.results, result.run, 'results.json');
    const answers = answersIn(JSON.parse(readFileSync(file, 'utf8')) as ResultsFile);
    // Encoding so large a picture takes a millisecond and more, and is 0 where it was still in memory.
    const reads = answers.filter(({ timings }) => timings.downloadMs + timings.encodeMs > 0).length;
    return {
      timeMs,
      calls: ledger.length,
      answers: answers.length,
      inFlight: mostInFlight(ledger),
      beforeBytes,
      peakBytes: peak(),
      readsPerPicture: reads / PICTURES,
    };
  } finally {
    await workers.close();
    await connection.close();
    await server.close();
    await simulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function answersIn(results: ResultsFile) {
  return results.images.flatMap(({ answers }) =>
    Object.values(answers).flatMap((answer) => ('error' in answer ? [] : [answer])),
  );
}

await main();
