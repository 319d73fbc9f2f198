import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sizesOf } from '../../scripts/image-content.mjs';
import { startSimulator, type Simulator } from '../../src/simulator/server.ts';
import { readDockerfile } from '../helpers/dockerfile.ts';
import { startFakeGcs, type FakeGcs } from '../helpers/fake-gcs.ts';
import { freePort } from '../helpers/free-port.ts';
import { buildImageContent, type ImageContent } from '../helpers/image-content.ts';
import { startTemporal, type TemporalServer } from '../helpers/temporal-server.ts';
import { until } from '../helpers/until.ts';
import { nodeOfImage } from './node-of-image.ts';
import { PartMissing } from './parts.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
/** Owns nothing of the image. */
const NOBODY = 65_534;
const asUser = isRoot ? { uid: NOBODY, gid: NOBODY } : {};

/** What the last stage runs, and asks for its health. */
const steps = readDockerfile(readFileSync('Dockerfile', 'utf8')).at(-1)?.steps ?? [];
const stepOf = (does: string): string[] => {
  const what = steps.find((step) => step.does === does)?.what ?? '';
  return JSON.parse(what.slice(what.indexOf('['))) as string[];
};

/** What a command in the worker's container would have to share with it. */
const OF_THE_WORKER = [
  'NODE_V8_COVERAGE',
  'HEALTH_ADDRESS',
  'METRICS_ADDRESS',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
];

/** The image's own Node, whatever runs this test; `null`: it cannot be had here. */
const nodeHere = await nodeOfImage(console.log).catch((error: unknown) => {
  if (!(error instanceof PartMissing)) throw error;
  console.log(`skipped: ${error.message}`);
  return null;
});

const SAMPLES = readdirSync('samples').filter((name) => /\.(jpg|png|webp)$/.test(name));

const folder = mkdtempSync(join(tmpdir(), 'image-analysis-image-'));
let content: ImageContent;
let temporal: TemporalServer;
let simulator: Simulator;
let gcs: FakeGcs;
let node: string;

beforeAll(async () => {
  if (nodeHere === null) return;
  chmodSync(folder, 0o755);
  // Where everybody may run it: the cache lies in somebody's home.
  node = join(folder, 'bin', 'node');
  cpSync(nodeHere, node);
  content = await buildImageContent(folder);
  gcs = await startFakeGcs();
  await gcs.createBucket('city-cameras');
  for (const name of SAMPLES) await gcs.put('city-cameras', name, readFileSync(join('samples', name)));
  temporal = await startTemporal();
  simulator = await startSimulator({
    latency: { medianMs: 1_500 },
    limits: { requestsPerMinute: 5_000, tokensPerMinute: 5_000_000 },
  });
}, 600_000);

afterAll(async () => {
  await simulator?.close();
  await gcs?.close();
  await temporal?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Paths, sizes and times of a folder: unchanged, nothing was written there. */
const inventory = (of: string): string[] =>
  readdirSync(of, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => `${relative(of, path)} ${statSync(path).size} ${statSync(path).mtimeMs}`)
    .sort();

describe.skipIf(nodeHere === null)('the content of the image', () => {
  test('runs a worker that may write nowhere but to its places, and holds little that it does not load', async () => {
    const places = join(folder, 'places');
    for (const name of ['results', 'cache', 'coverage', 'tmp'])
      mkdirSync(join(places, name), { recursive: true });
    if (isRoot) await run('chown', ['-R', String(NOBODY), places]);
    const before = inventory(content.worker);
    const health = await freePort();
    const env = {
      PATH: dirname(node),
      HOME: '/nonexistent',
      TMPDIR: join(places, 'tmp'),
      NODE_ENV: 'production',
      NODE_V8_COVERAGE: join(places, 'coverage'),
      TEMPORAL_ADDRESS: temporal.address,
      OPENAI_API_KEY: 'simulated',
      OPENAI_BASE_URL: simulator.url,
      SIMULATED: 'true',
      IMAGE_ROUTE: 'base64',
      STORAGE_EMULATOR_HOST: gcs.endpoint,
      RESULTS: join(places, 'results'),
      DATA_DIR: join(places, 'cache'),
      CACHE_DIR: join(places, 'cache'),
      HEALTH_ADDRESS: `127.0.0.1:${health}`,
      METRICS_ADDRESS: `127.0.0.1:${await freePort()}`,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
    };
    const [, ...args] = stepOf('CMD');
    const options = { cwd: content.worker, env, ...asUser };
    const worker = spawn(node, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [worker.stdout, worker.stderr])
      stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    try {
      const check = stepOf('HEALTHCHECK').map((word) => word.replace(':9465', `:${health}`));
      await until(async () => {
        expect(worker.exitCode, said).toBeNull();
        return isHealthy(check);
      });
      // Commands are given in a worker's container too; their loads are not the worker's.
      const plain = Object.fromEntries(Object.entries(env).filter(([name]) => !OF_THE_WORKER.includes(name)));
      const { stdout } = await run(node, ['dist/cli.js', 'run', 'gs://city-cameras/', '--json'], {
        ...options,
        env: plain,
        timeout: 120_000,
      });
      expect(stdout).toContain('"complete"');
      // A call is in flight when the worker is told to end, and its answer is kept.
      const asked = simulator.ledger.length;
      const late = spawn(node, ['dist/cli.js', 'run', 'gs://city-cameras/', '--fresh'], {
        ...options,
        env: plain,
        stdio: 'ignore',
      });
      await until(async () => simulator.ledger.length > asked);
      await stopped(worker, 'SIGTERM');
      expect(worker.exitCode, said).toBe(0);
      late.kill('SIGKILL');
      expect(simulator.ledger.filter(({ delivered }) => delivered !== true)).toEqual([]);
    } finally {
      worker.kill('SIGKILL');
    }
    expect(inventory(content.worker)).toEqual(before);

    const loaded = loadedBelow(content.worker, join(places, 'coverage'));
    const parts = sizesOf(content.worker);
    const idle = parts.filter(({ part }) => part !== 'the program' && !loaded.has(part));
    const bytes = (some: readonly { bytes: number }[]): number =>
      some.reduce((sum, one) => sum + one.bytes, 0);
    console.log(
      'not loaded by the worker itself:',
      idle.map(({ part, bytes }) => `${part} ${bytes}`).join(', '),
    );
    expect(bytes(idle) / bytes(parts)).toBeLessThan(0.03);
  }, 300_000);

  test('is as large as docs/image.md says', () => {
    const stated = readFileSync('docs/image.md', 'utf8');
    for (const name of ['worker', 'full'] as const) {
      const megabytes = sizesOf(content[name]).reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
      const said = Number(new RegExp(`\\| \`/app\` of \`${name}\` +\\| +([\\d.]+)`).exec(stated)?.[1]);
      expect(Math.abs(said - megabytes) / megabytes, `${name}: ${megabytes.toFixed(1)} MB`).toBeLessThan(0.1);
    }
  });

  test('with the page draws thumbnails', async () => {
    const sample = readdirSync('samples').find((name) => name.endsWith('.jpg')) ?? '';
    const script =
      "import { readFileSync } from 'node:fs'; import { drawThumbnail } from './dist/web/draw-thumbnail.js';" +
      `const drawn = await drawThumbnail('a.jpg', readFileSync(${JSON.stringify(join(process.cwd(), 'samples', sample))}));` +
      "console.log(Buffer.from(drawn).toString('latin1', 0, 4));";
    const { stdout } = await run(node, ['--input-type=module', '--eval', script], {
      cwd: content.full,
      env: { PATH: '' },
    });
    expect(stdout.trim()).toBe('RIFF');
  });
});

const isHealthy = ([file = '', ...args]: string[]): Promise<boolean> =>
  run(file, args).then(
    () => true,
    () => false,
  );

async function stopped(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/** Parts of which some script was run, in any thread, as V8 tells when the process ends; a native part counts by its loader. */
function loadedBelow(app: string, coverage: string): Set<string> {
  const parts = new Set<string>();
  for (const name of readdirSync(coverage)) {
    const { result } = JSON.parse(readFileSync(join(coverage, name), 'utf8')) as {
      result: { url: string }[];
    };
    for (const { url } of result) {
      if (!url.startsWith('file://')) continue;
      const path = relative(app, fileURLToPath(url));
      const part = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
      if (part !== undefined) parts.add(part);
    }
  }
  return parts;
}
