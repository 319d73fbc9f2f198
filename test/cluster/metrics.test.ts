import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { DASHBOARD } from '../../scripts/draw-dashboard.ts';
import { OWN_METRICS } from '../../src/worker/metric-names.ts';
import { panelsOf } from '../helpers/dashboard.ts';
import { readComposeFile } from './cluster.ts';
import { dotEnv } from './dot-env.ts';
import { PartMissing } from './parts.ts';
import {
  getPrometheus,
  type Prometheus,
  type PrometheusParts,
  promtool,
  startPrometheus,
} from './prometheus.ts';
import { createScene, type Scene } from './scene.ts';

const parts = inject('parts');
/** Fetching Go and building Prometheus, on a machine that has neither. */
const BUILD_MS = 1_200_000;
const ALERTS = 'deploy/prometheus/alerts.yml';

let binaries: PrometheusParts | null = null;
beforeAll(async () => {
  try {
    binaries = await getPrometheus(readComposeFile(dotEnv({})), process.env, console.log);
  } catch (error) {
    if (!(error instanceof PartMissing)) throw error;
    console.log(`skipped: ${error.message}`);
  }
}, BUILD_MS);

/** A test that needs Prometheus, and says so where it cannot be had. */
const withPrometheus = (name: string, run: (binaries: PrometheusParts) => Promise<void>): void =>
  void test(name, async ({ skip }) => {
    if (binaries === null) return skip('Prometheus cannot be had here');
    await run(binaries);
  });

describe('promtool', () => {
  withPrometheus('takes the configuration and its alert rules', async (binaries) => {
    expect(await promtool(binaries, 'check', 'config', 'deploy/prometheus/prometheus.yml')).toMatchObject({
      ok: true,
    });
  });

  withPrometheus('plays when each alert fires and when it does not', async (binaries) => {
    expect(await promtool(binaries, 'test', 'rules', 'test/cluster/alerts.rules.test.yml')).toMatchObject({
      ok: true,
    });
  });

  withPrometheus('would refuse a rule that is misspelt, and one that never fires', async (binaries) => {
    const text = readFileSync(ALERTS, 'utf8');
    const folder = mkdtempSync(join(tmpdir(), 'alerts-'));
    try {
      const rules = join(folder, 'alerts.yml');
      writeFileSync(rules, text.replace('increase(', 'increased('));
      expect(await promtool(binaries, 'check', 'rules', rules)).toMatchObject({ ok: false });
      writeFileSync(rules, text.replaceAll('rate_limited', 'limited'));
      const played = join(folder, 'alerts.test.yml');
      const tests = readFileSync('test/cluster/alerts.rules.test.yml', 'utf8');
      writeFileSync(played, tests.replace('../../deploy/prometheus/alerts.yml', rules));
      const { ok, output } = await promtool(binaries, 'test', 'rules', played);
      expect(ok).toBe(false);
      expect(output).toContain('ImageAnalysisRefused');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** Grafana's variable: at least four scrapes, and long enough to hold the whole of this run. */
const RATE_INTERVAL = '10m';
/** More than one scrape and one evaluation. */
const LOOKS_MS = 5_000;
/** A blocked run looks after 30 s whether it still is. */
const UNBLOCKED_MS = 120_000;

describe.skipIf(parts === null)('a run that is watched', () => {
  let scene: Scene | null = null;
  let prometheus: Prometheus | null = null;
  const causes: string[] = [];

  beforeAll(async () => {
    if (binaries === null || parts === null) return;
    scene = await createScene({ parts, latencyMs: 50 });
    const { cluster, simulator } = scene;
    await cluster.up(['worker', 'worker-version']);
    const replicas = readComposeFile(dotEnv({})).services['worker']?.deploy?.replicas ?? 1;
    const targets = Array.from(
      { length: replicas },
      (_, i) => `${cluster.container('worker', i + 1).address}:9464`,
    );
    prometheus = await startPrometheus(binaries, targets);
    scene.pictures('watched', 12);
    // Of the requests three are refused by a limit, one finds the quota used up, and three of ten are declined.
    simulator.setFaults([
      { kind: 'rate-limit', from: 10, count: 3 },
      { kind: 'insufficient-quota', from: 40, count: 1 },
      { kind: 'refusal', share: 0.3 },
    ]);
    const run = scene.program('run', '/pictures/watched', '--on-block', 'wait');
    const ended = run.then(() => true);
    for (const end = Date.now() + UNBLOCKED_MS; Date.now() < end;) {
      const fires = await prometheus.query('ALERTS{alertname="ImageAnalysisBlocked",alertstate="firing"}');
      causes.push(...fires.map(({ metric }) => metric['cause'] ?? ''));
      if (fires.length > 0 || (await Promise.race([ended, sleep(500, false)]))) break;
    }
    const { code, out, err } = await run;
    // 3: some answers are missing.
    expect(code, out + err).toBe(3);
    // Once more: what was answered is recalled.
    simulator.setFaults([]);
    await scene.program('run', '/pictures/watched');
    await sleep(LOOKS_MS);
  }, 300_000);

  afterAll(async () => {
    await prometheus?.close();
    await scene?.close();
  });

  const watched = (name: string, run: (prometheus: Prometheus) => Promise<void>): void =>
    void test(name, async ({ skip }) => {
      if (prometheus === null) return skip('Prometheus cannot be had here');
      await run(prometheus);
    });

  for (const { title, queries } of panelsOf(readFileSync(DASHBOARD, 'utf8'))) {
    watched(`has something to show in the panel "${title}"`, async (prometheus) => {
      for (const { expr } of queries) {
        const samples = await prometheus.query(expr.replaceAll('$__rate_interval', RATE_INTERVAL));
        expect(samples, expr).not.toEqual([]);
        expect(
          samples.some(({ value }) => Number.isFinite(value)),
          expr,
        ).toBe(true);
      }
    });
  }

  watched('has counted each of our metrics', async (prometheus) => {
    for (const { name, type } of OWN_METRICS) {
      const samples = await prometheus.query(type === 'histogram' ? `${name}_count` : name);
      expect(samples, name).not.toEqual([]);
      // A backlog is gone when everything is answered.
      if (type !== 'gauge') expect(Math.max(...samples.map(({ value }) => value)), name).toBeGreaterThan(0);
    }
  });

  watched('counts as many 429s as the account gave', async (prometheus) => {
    const [sum] = await prometheus.query('sum(image_analysis_requests_total{outcome="rate_limited"})');
    // The quota's is a 429 too, and not of a limit.
    const refused = scene?.simulator.ledger.filter(({ fault }) => fault === 'rate-limit').length;
    expect(sum?.value).toBe(refused);
  });

  watched('was told of while it was blocked', async () => {
    expect(causes).toContain('quota');
  });

  watched('has rules that Prometheus can evaluate', async (prometheus) => {
    const rules = await prometheus.rules();
    expect(rules.length).toBeGreaterThan(0);
    for (const { name, health } of rules) expect(health, name).toBe('ok');
  });
});
