import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { QUEUE_OF, SEARCH_ATTRIBUTES, workflowIdOf } from '../../src/shared/names.ts';
import { readResults } from '../chaos/evidence.ts';
import type { Outage, Verdict } from '../chaos/check.ts';
import { within } from '../chaos/within.ts';
import { PAGE_HEADER } from '../../src/web/api.ts';
import { createScene, PAGE_TOKEN, type Scene, serves } from './scene.ts';

const parts = inject('parts');

const PICTURES = 16;
const QUESTIONS = PICTURES * 6;
/** Of a call; slow enough that whatever is killed has calls in flight. */
const LATENCY_MS = 1_500;
/** Calls in flight of a run that is to last for the strikes: some 40 seconds. */
const SLOWLY = ['--concurrency', '4'];

describe.skipIf(parts === null)('the services of docker-compose.yml', () => {
  let scene: Scene;

  beforeAll(async () => {
    if (parts === null) return;
    scene = await createScene({ parts, latencyMs: LATENCY_MS });
    for (const [service, why] of Object.entries(scene.cluster.notRun))
      console.log(`not run: ${service}: ${why}`);
    await scene.cluster.up();
  });
  afterAll(() => scene?.close());

  /** As a person starts it in the worker's container; the command follows it to its end. */
  async function run(
    name: string,
    pictures: ReadonlyMap<string, string>,
    during: () => Promise<Outage[]>,
    flags: string[] = [],
  ) {
    const ending = scene.program('run', `/pictures/${name}`, '--name', name, ...flags);
    const outages = await Promise.race([
      during(),
      ending.then(({ out, err }) => Promise.reject(new Error(`the run ended before: ${out}${err}`))),
    ]);
    const { code, out, err } = await ending;
    expect(code, out + err).toBe(0);
    return scene.verdict(name, pictures, outages);
  }

  const kept = (verdict: Verdict): void => {
    expect(verdict).toMatchObject({
      violations: [],
      recordedAskedAgain: 0,
      answers: QUESTIONS,
      errors: {},
    });
  };

  /** Waits until so many are answered and at least one call is open. */
  async function underWay(pictures: ReadonlyMap<string, string>, answers: number): Promise<void> {
    const isSo = await within(
      60_000,
      () =>
        scene.answers(pictures) >= answers &&
        scene.simulator.ledger.some(({ delivered }) => delivered === null),
    );
    if (!isSo) throw new Error(`${scene.answers(pictures)} answers, and no more`);
  }

  async function struck(what: string, strike: () => Promise<void>): Promise<Outage> {
    const from = Date.now();
    await strike();
    return { what, from, until: Date.now() };
  }

  test('are up, those that pass their health checks and the jobs that end by themselves', async () => {
    const { cluster } = scene;
    const { config } = await scene.client.workflowService.describeNamespace({ namespace: 'default' });
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 86_400);
    const { customAttributes } = await scene.client.connection.operatorService.listSearchAttributes({
      namespace: 'default',
    });
    expect(Object.keys(customAttributes ?? {})).toEqual(
      expect.arrayContaining(Object.keys(SEARCH_ATTRIBUTES)),
    );
    for (const service of ['postgresql', 'temporal', 'worker'])
      expect(cluster.container(service).restarts(), service).toBe(0);
  });

  test("complete a run from the worker's command line, by both workers, on one volume", async () => {
    const pictures = scene.pictures('plain', PICTURES);
    const verdict = await run('plain', pictures, async () => []);
    kept(verdict);
    const other = await scene.cluster.exec('worker', ['node', 'dist/cli.js', 'results', 'plain', '--json'], {
      replica: 2,
    });
    expect(other.out).toContain('camera-000.jpg');
    const workers = new Set<string>();
    for await (const { workflowId, runId } of scene.client.workflow.list({
      query: `WorkflowId STARTS_WITH '${workflowIdOf('plain')}'`,
    })) {
      const { events } = await scene.client.workflow.getHandle(workflowId, runId).fetchHistory();
      for (const event of events ?? []) {
        const identity = event.activityTaskStartedEventAttributes?.identity;
        if (identity) workers.add(identity);
      }
    }
    expect(workers.size).toBe(2);
  });

  test('show it on the page to whoever gives the token', async () => {
    const page = `http://${scene.cluster.container('page').address}:3000`;
    expect((await fetch(`${page}/api/runs`)).status).toBe(401);
    const session = await fetch(`${page}/api/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', [PAGE_HEADER]: '1' },
      body: JSON.stringify({ token: PAGE_TOKEN }),
    });
    expect(session.status).toBe(204);
    const cookie = session.headers.get('set-cookie')?.split(';')[0] ?? '';
    const runs = await fetch(`${page}/api/runs`, { headers: { cookie } });
    expect(runs.status).toBe(200);
    expect(await runs.text()).toContain('plain');
  });

  test('lose nothing when both workers are killed', async () => {
    const pictures = scene.pictures('workers', PICTURES);
    const verdict = await run(
      'workers',
      pictures,
      async () => {
        const outages: Outage[] = [];
        for (const [i, replicas] of [[1], [2], [1, 2]].entries()) {
          await underWay(pictures, 8 + 16 * i);
          outages.push(
            await struck('worker', async () => {
              const killed = replicas.map((replica) => scene.cluster.container('worker', replica));
              await Promise.all(killed.map((worker) => worker.kill()));
              for (const worker of killed) worker.start();
            }),
          );
        }
        return outages;
      },
      SLOWLY,
    );
    kept(verdict);
  });

  test.each(['postgresql', 'temporal'] as const)('lose nothing when %s is killed', async (service) => {
    const pictures = scene.pictures(service, PICTURES);
    const verdict = await run(
      service,
      pictures,
      async () => {
        const outages: Outage[] = [];
        for (const answers of [8, 32]) {
          await underWay(pictures, answers);
          outages.push(await struck(service, () => down(service, 2_000)));
        }
        return outages;
      },
      SLOWLY,
    );
    kept(verdict);
  });

  /** Killed, away for a while, and back: the server answers again. */
  async function down(service: 'postgresql' | 'temporal', ms: number): Promise<void> {
    const container = scene.cluster.container(service);
    await container.kill();
    await sleep(ms);
    container.start();
    await scene.cluster.healthy(service);
    await serves(scene);
  }

  test('end the calls in flight of a worker that is stopped, and ask nothing twice', async () => {
    const pictures = scene.pictures('stopped', PICTURES);
    const hashes = new Set(pictures.values());
    let open: number[] = [];
    const verdict = await run(
      'stopped',
      pictures,
      async () => {
        await underWay(pictures, 12);
        const worker = scene.cluster.container('worker', 1);
        open = scene.simulator.ledger.flatMap(({ n, delivered, sha256 }) =>
          delivered === null && hashes.has(sha256 ?? '') ? [n] : [],
        );
        const stopped = await worker.stop();
        expect(stopped).toMatchObject({ code: 0, signal: null });
        // Not the grace period's end, but that of its last call.
        expect(stopped.ms).toBeLessThan(30_000);
        worker.start();
        return [];
      },
      SLOWLY,
    );
    expect(open.length).toBeGreaterThan(0);
    expect(
      scene.simulator.ledger.filter(({ n }) => open.includes(n)).every(({ delivered }) => delivered),
    ).toBe(true);
    kept(verdict);
    expect(verdict.othersAskedAgain).toBe(0);
  });

  test('keep the key and the password out of logs and results', () => {
    const results = scene.cluster.path('worker', '/results');
    expect(existsSync(join(results, 'plain', 'results.json'))).toBe(true);
    expect(readdirSync(results)).toContain('stopped');
    const said = [
      ...Object.entries(scene.cluster.logs()),
      ['results', JSON.stringify(readResults(join(results, 'plain')))],
    ];
    for (const [name, text = ''] of said) {
      expect(text, name).not.toContain('sk-canary');
      expect(text, name).not.toContain('p@ss:w/rd');
    }
  });

  test('fail a run at its plan when a worker comes that would write elsewhere', async () => {
    const { cluster, client } = scene;
    const elsewhere = mkdtempSync(join(tmpdir(), 'another-volume-'));
    const env = { RESULTS: elsewhere, METRICS_ADDRESS: '', HEALTH_ADDRESS: '' };
    const other = cluster.exec('worker', ['node', 'dist/cli.js', 'worker'], { env, timeoutMs: 25_000 });
    const polls = await within(20_000, async () => {
      const { pollers } = await client.workflowService.describeTaskQueue({
        namespace: 'default',
        taskQueue: { name: 'image-analysis' },
        taskQueueType: QUEUE_OF.activities,
      });
      return new Set(pollers?.map(({ identity }) => identity?.split('.').at(-1))).size > 1;
    });
    expect(polls).toBe(true);
    scene.pictures('elsewhere', 1);
    const asked = scene.simulator.ledger.length;
    const ran = await scene.program('run', '/pictures/elsewhere', '--name', 'elsewhere');
    expect(ran.code).not.toBe(0);
    // Either kind of worker may plan, and the terminal wraps what it says.
    expect(ran.err + ran.out).toMatch(/other\s+workers?[^]*same\s+RESULTS\s+and\s+ANSWERS/);
    expect(scene.simulator.ledger.length).toBe(asked);
    await other;
    rmSync(elsewhere, { recursive: true });
  });
});
