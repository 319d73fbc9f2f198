import { execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { findTemporal } from '../../src/client/temporal-binary.ts';
import { readConfig } from '../../src/config.ts';
import { ANALYZE_IMAGES, workflowIdOf } from '../../src/shared/names.ts';
import type { ResumeInput, RunInput } from '../../src/shared/types.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { QUESTION_IDS } from '../../src/simulator/questions.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { CANARY_KEY, distinctPicture } from '../helpers/cli.ts';
import { startFakeGcs } from '../helpers/fake-gcs.ts';
import type { Evidence, Outage } from './check.ts';
import { askedIn, historiesOf, outcomesIn, readResults, sha256, storedIn } from './evidence.ts';
import { createServer, createWorkers, type Victim, type Workers } from './processes.ts';

export interface WorldOptions {
  seed: number;
  pictures: number;
  workers: number;
  /** Median time of a call. */
  latencyMs: number;
  faults: readonly FaultRule[];
  /** Of the account, as the workers are told. */
  requestsPerMinute: number;
  /** `bucket`: pictures travel by URL, which can fail; `folder`: by base64. */
  source: 'bucket' | 'folder';
  /** The results lie on a disk of their own that can be filled. */
  ownDisk: boolean;
  /** A server that is there already, in place of an embedded one. */
  server?: (Victim & { address: string }) | undefined;
}

interface Disk {
  fill(): void;
  free(): void;
  /** Leaves what it holds in its place. */
  unmount(): void;
}

/** Everything that a run needs, in processes that can be killed one by one; account and pictures outlive them. */
export interface World {
  folder: string;
  run: string;
  workflowId: string;
  /** The run's own folder. */
  place: string;
  simulator: Simulator;
  server: Victim & { address: string };
  workers: Workers;
  client: Client;
  /** Settings of workers and commands. */
  settings: Record<string, string>;
  questions: number;
  /** `null`: nobody may mount one here. */
  disk: Disk | null;
  /** As the plain `temporal` CLI starts a run, and one that goes on after it had ended. */
  startRun(): Promise<void>;
  resumeEnded(): Promise<void>;
  /** Adds a picture to the source, which a run under way must leave alone. */
  addPicture(): Promise<void>;
  /** Runs the plain `temporal` CLI and gives what it prints. */
  temporal(...args: string[]): Promise<string>;
  /** Whether the run's newest execution has ended, and how; `null` where nobody can say. */
  state(): Promise<string | null>;
  evidence(outages: readonly Outage[]): Promise<Evidence>;
  /** `keep`: leaves the folder, for whoever looks for what went wrong. */
  close(keep: boolean): Promise<void>;
}

const DISK_BYTES = 64_000_000;
const CALL_MS = 5_000;
const execute = promisify(execFile);

export async function createWorld(options: WorldOptions): Promise<World> {
  const { seed, latencyMs, source } = options;
  const folder = mkdtempSync(join(tmpdir(), 'image-analysis-chaos-'));
  const results = join(folder, 'results');
  const run = `chaos-${seed}`;
  const place = join(results, run);
  const simulator = await startSimulator({
    seed,
    latency: { medianMs: latencyMs },
    limits: { requestsPerMinute: 60_000, tokensPerMinute: 60_000_000 },
    faults: options.faults,
  });
  const gcs = source === 'bucket' ? await startFakeGcs() : null;
  await gcs?.createBucket('city-cameras');
  mkdirSync(join(folder, 'pictures'));
  const pictures = new Map<string, string>();
  const put = async (known: Map<string, string>): Promise<void> => {
    added += 1;
    const name = `camera-${String(added).padStart(4, '0')}.jpg`;
    const bytes = distinctPicture(added);
    known.set(name, sha256(bytes));
    if (gcs === null) writeFileSync(join(folder, 'pictures', name), bytes);
    else await gcs.put('city-cameras', `2025-11-25/${name}`, bytes);
  };
  let added = 0;
  for (let n = 0; n < options.pictures; n += 1) await put(pictures);

  const disk = options.ownDisk ? mountDisk(results) : null;
  const { temporalCliPath, cacheDir } = readConfig(process.env, process.cwd());
  const { path } = await findTemporal({ cliPath: temporalCliPath, cacheDir, log: () => {} });
  const server = options.server ?? (await createServer(path, folder));
  await server.start();
  const settings = {
    OPENAI_API_KEY: CANARY_KEY,
    OPENAI_BASE_URL: simulator.url,
    SIMULATED: 'true',
    TEMPORAL_ADDRESS: server.address,
    LIMITS: `${options.requestsPerMinute}/50000000`,
    // Three times the median: a call that hangs is given up soon, and none that does not hang is.
    MODEL_TIMEOUT_SECONDS: String(Math.max(2, Math.ceil((3 * latencyMs) / 1000))),
    RESULTS: results,
    ...(gcs === null
      ? {}
      : { STORAGE_EMULATOR_HOST: gcs.endpoint, GOOGLE_APPLICATION_CREDENTIALS: gcs.credentialsFile }),
  };
  const { taskQueue } = readConfig(settings, folder);
  const workers = createWorkers(folder, options.workers, settings);
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection });
  const workflowId = workflowIdOf(run);
  const start = async (input: RunInput | ResumeInput): Promise<void> => {
    await client.workflow.start(ANALYZE_IMAGES, { workflowId, taskQueue, args: [input] });
  };

  return {
    folder,
    run,
    workflowId,
    place,
    simulator,
    server,
    workers,
    client,
    settings,
    questions: options.pictures * QUESTION_IDS.length,
    disk,
    startRun: () =>
      start({
        name: run,
        source: gcs === null ? join(folder, 'pictures') : 'gs://city-cameras/2025-11-25/',
      }),
    resumeEnded: () => start({ resumeOf: run }),
    // What comes later is no picture of this run: asking about it is a violation.
    addPicture: () => put(new Map()),
    temporal: async (...args) => (await execute(path, [...args, '--address', server.address])).stdout,
    async state() {
      try {
        const { status } = await client.withDeadline(Date.now() + CALL_MS, () =>
          client.workflow.getHandle(workflowId).describe(),
        );
        return status.name;
      } catch {
        return null;
      }
    },
    async evidence(outages) {
      const histories = await historiesOf(client, place, pictures);
      const asked = askedIn(simulator.ledger);
      const hashes = [...pictures.values()];
      const evidence: Evidence = {
        questions: hashes.flatMap((picture) => QUESTION_IDS.map((prompt) => ({ picture, prompt }))),
        asked,
        recorded: [...histories.recorded, ...storedIn(join(results, '.answers'), asked)],
        failed: histories.failed,
        outcomes: outcomesIn(readResults(place), pictures),
        outages,
        leftOpen: histories.leftOpen,
      };
      // For whoever looks for what went wrong.
      writeFileSync(join(folder, 'evidence.json'), JSON.stringify(evidence));
      writeFileSync(join(folder, 'ledger.json'), JSON.stringify(simulator.ledger));
      return evidence;
    },
    async close(keep) {
      await workers.kill('all');
      await server.kill();
      await connection.close();
      await simulator.close();
      await gcs?.close();
      disk?.unmount();
      if (!keep) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A small disk at a place; `null` where this user may not mount one. */
function mountDisk(place: string): Disk | null {
  mkdirSync(place, { recursive: true });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', place]);
  if (mounted.status !== 0) return null;
  const filler = join(place, '.filler');
  return {
    fill() {
      // Not a byte is left: the last page of a file may still have room, a new file has none.
      for (let left = statfsSync(place); left.bavail > 0; left = statfsSync(place)) {
        try {
          writeFileSync(filler, Buffer.alloc(left.bavail * left.bsize), { flag: 'a' });
        } catch {
          return;
        }
      }
    },
    free() {
      rmSync(filler, { force: true });
    },
    unmount() {
      const copy = `${place}-copy`;
      cpSync(place, copy, { recursive: true });
      spawnSync('umount', ['-l', place]);
      rmSync(place, { recursive: true });
      renameSync(copy, place);
    },
  };
}
