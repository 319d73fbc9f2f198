import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { workflowIdOf } from '../../src/shared/names.ts';
import { QUESTION_IDS } from '../../src/simulator/questions.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { check, type Outage, type Verdict } from '../chaos/check.ts';
import { askedIn, historiesOf, outcomesIn, readResults, sha256, storedIn } from '../chaos/evidence.ts';
import { within } from '../chaos/within.ts';
import { distinctPicture } from '../helpers/cli.ts';
import { type Cluster, type ClusterOptions, createCluster } from './cluster.ts';
import { dotEnv } from './dot-env.ts';
import type { Parts } from './parts.ts';

/** The services, up, an account that outlives them, and a person with pictures. */
export interface Scene {
  cluster: Cluster;
  simulator: Simulator;
  /** Without keys of a codec: it sees payloads as they are kept. */
  client: Client;
  address: string;
  /** Pictures of a source of their own; gives their SHA-256 by name. */
  pictures(source: string, n: number): Map<string, string>;
  /** `docker compose exec worker node dist/cli.js …`, started; its end is waited for. */
  program(...args: string[]): Promise<{ code: number | null; out: string; err: string }>;
  /** Questions about these pictures whose answer has reached a worker. */
  answers(pictures: ReadonlyMap<string, string>): number;
  /** What a run has left behind, judged as the chaos campaign does it. */
  verdict(run: string, pictures: ReadonlyMap<string, string>, outages: readonly Outage[]): Promise<Verdict>;
  close(): Promise<void>;
}

/** Of the page. */
export const PAGE_TOKEN = 'token-canary-0123456789abcdef0123456789abcdef';

/** Another loopback address than the one that a container takes for its own. */
const SIMULATOR_HOST = '127.0.0.2';
/** A client waits so long for one answer of the server. */
const CALL_MS = 3_000;

export async function createScene(options: {
  parts: Parts;
  latencyMs: number;
  env?: Record<string, string>;
  override?: Exclude<ClusterOptions['override'], undefined>;
}): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'image-analysis-person-'));
  const token = join(folder, 'page-token');
  writeFileSync(token, PAGE_TOKEN, { mode: 0o600 });
  const simulator = await startSimulator({
    host: SIMULATOR_HOST,
    latency: { medianMs: options.latencyMs },
    limits: { requestsPerMinute: 60_000, tokensPerMinute: 60_000_000 },
  });
  const cluster = await createCluster({
    parts: options.parts,
    dotEnv: dotEnv({
      OPENAI_BASE_URL: simulator.url,
      SIMULATED: 'true',
      PICTURES: join(folder, 'pictures'),
      PAGE_TOKEN: token,
      LIMITS: '50000/50000000',
      ...options.env,
    }),
    ...(options.override === undefined ? {} : { override: options.override }),
  });
  const address = `${cluster.container('temporal').address}:7233`;
  const connection = Connection.lazy({ address });
  const client = new Client({ connection, namespace: 'default' });
  let drawn = 0;
  const scene: Scene = {
    cluster,
    simulator,
    client,
    address,
    pictures(source, n) {
      const names = Array.from({ length: n }, (_, i) => `camera-${String(i).padStart(3, '0')}.jpg`);
      return new Map(
        names.map((name) => {
          drawn += 1;
          const bytes = distinctPicture(drawn);
          const file = join(folder, 'pictures', source, name);
          mkdirSync(dirname(file), { recursive: true });
          writeFileSync(file, bytes);
          return [name, sha256(bytes)];
        }),
      );
    },
    program: (...args) => cluster.exec('worker', ['node', 'dist/cli.js', ...args], { timeoutMs: 240_000 }),
    answers(pictures) {
      const wanted = new Set(pictures.values());
      return new Set(
        simulator.ledger
          .filter(
            ({ usage, delivered, sha256 }) =>
              usage !== null && delivered === true && wanted.has(sha256 ?? ''),
          )
          .map(({ sha256, question }) => `${sha256} ${question}`),
      ).size;
    },
    async verdict(run, pictures, outages) {
      const results = cluster.path('worker', '/results');
      const hashes = [...pictures.values()];
      const all = askedIn(simulator.ledger);
      const isOurs = ({ picture }: { picture: string }): boolean => hashes.includes(picture);
      const place = join(results, run);
      const histories = await historiesOf(
        client,
        place,
        pictures,
        `WorkflowId STARTS_WITH '${workflowIdOf(run)}'`,
      );
      return check({
        questions: hashes.flatMap((picture) => QUESTION_IDS.map((prompt) => ({ picture, prompt }))),
        asked: all.filter(isOurs),
        recorded: [...histories.recorded, ...storedIn(join(results, '.answers'), all).filter(isOurs)],
        failed: histories.failed,
        outcomes: outcomesIn(readResults(place), pictures),
        outages,
        leftOpen: histories.leftOpen,
      });
    },
    async close() {
      await connection.close();
      await cluster.down();
      await simulator.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return scene;
}

/** Waits until the server gives an answer that its database knows. */
export async function serves({ client }: Pick<Scene, 'client'>, ms = 60_000): Promise<void> {
  const isThere = await within(ms, () =>
    client
      .withDeadline(Date.now() + CALL_MS, async () => {
        await client.workflowService.describeNamespace({ namespace: 'default' });
        await client.workflowService.countWorkflowExecutions({ namespace: 'default' });
        return true;
      })
      .catch(async () => {
        await sleep(100);
        return false;
      }),
  );
  if (!isThere) throw new Error(`the Temporal server gives no answer for ${ms} ms`);
}
