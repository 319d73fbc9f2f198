import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { DASHBOARD, drawDashboard } from '../../scripts/draw-dashboard.ts';
import { OWN_METRICS, SDK_METRICS } from '../../src/worker/metric-names.ts';
import { panelsOf } from '../helpers/dashboard.ts';

/** Metrics by the names under which they have samples, and their labels. */
const KNOWN = new Map<string, readonly string[]>(
  [...OWN_METRICS, ...SDK_METRICS].flatMap(({ name, type, labels }): [string, readonly string[]][] =>
    type === 'histogram'
      ? [
          [`${name}_bucket`, [...labels, 'le']],
          [`${name}_sum`, labels],
          [`${name}_count`, labels],
        ]
      : [[name, labels]],
  ),
);
/** Prometheus's own, and what it adds to every sample. */
KNOWN.set('up', []);
const ADDED = ['job', 'instance'];

/** Names of metrics in a query, each with the labels that are selected by. */
function metricsIn(expr: string): { name: string; labels: string[] }[] {
  return [...expr.matchAll(/\b((?:image_analysis|temporal)_\w+|up)\b(?:\{([^}]*)\})?/g)].map(
    ([, name = '', selector = '']) => ({
      name,
      labels: [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    }),
  );
}

/** Labels that a query groups by. */
const groupsIn = (expr: string): string[] =>
  [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels = '']) =>
    labels.split(',').map((it) => it.trim()),
  );

const alertFile = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string(),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.strictObject({ severity: z.enum(['critical', 'warning']) }),
          annotations: z.strictObject({ summary: z.string(), description: z.string(), runbook: z.string() }),
        }),
      ),
    }),
  ),
});
const alerts = alertFile
  .parse(parse(readFileSync('deploy/prometheus/alerts.yml', 'utf8')))
  .groups.flatMap(({ rules }) => rules);

const panels = panelsOf(readFileSync(DASHBOARD, 'utf8'));

test('the dashboard is as its script draws it', async () => {
  expect(readFileSync(DASHBOARD, 'utf8')).toBe(await drawDashboard());
});

test('no two panels or queries of a panel have one name', () => {
  expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
  for (const { queries } of panels)
    expect(new Set(queries.map(({ refId }) => refId)).size).toBe(queries.length);
});

describe.each([
  ...panels.flatMap(({ title, queries }) => queries.map(({ expr }) => [`panel ${title}`, expr] as const)),
  ...alerts.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
])('%s', (_title, expr) => {
  test('asks for metrics that there are, by labels that they have', () => {
    const metrics = metricsIn(expr);
    expect(metrics.length).toBeGreaterThan(0);
    for (const { name, labels } of metrics) {
      expect([...KNOWN.keys()]).toContain(name);
      expect([...(KNOWN.get(name) ?? []), ...ADDED]).toEqual(expect.arrayContaining(labels));
    }
    const all = metrics.flatMap(({ name }) => KNOWN.get(name) ?? []);
    expect([...all, ...ADDED]).toEqual(expect.arrayContaining(groupsIn(expr)));
  });
});

test('a metric that nobody counts, and a label that it has not, would be noticed', () => {
  const [metric] = metricsIn('sum by (colour) (rate(image_analysis_answer_total{matches="true"}[5m]))');
  expect(metric).toEqual({ name: 'image_analysis_answer_total', labels: ['matches'] });
  expect(KNOWN.has('image_analysis_answer_total')).toBe(false);
  expect(groupsIn('sum by (colour, le) (up)')).toEqual(['colour', 'le']);
});

test('each of our metrics is in a panel', () => {
  const shown = panels.flatMap(({ queries }) => queries.flatMap(({ expr }) => metricsIn(expr)));
  const names = shown.map(({ name }) => name.replace(/_bucket$/, ''));
  for (const { name } of OWN_METRICS) expect(names).toContain(name);
});

test.each(alerts.map(({ alert, annotations }) => [alert, annotations] as const))(
  '%s leads to its paragraph',
  (alert, { runbook }) => {
    const [file = '', anchor = ''] = runbook.split('#');
    expect(anchor).toBe(alert.toLowerCase());
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, 'utf8')).toContain(`### ${alert}\n`);
  },
);

test('each alert has a test of when it fires', () => {
  const rules = readFileSync('test/cluster/alerts.rules.test.yml', 'utf8');
  for (const { alert } of alerts)
    expect(rules).toMatch(new RegExp(`ALERTS\\{alertname="${alert}",alertstate="firing"`));
});

test('Grafana finds Prometheus, and the dashboard, where compose mounts them', () => {
  const datasource = z
    .object({
      datasources: z.tuple([z.object({ uid: z.string(), type: z.literal('prometheus'), url: z.url() })]),
    })
    .parse(parse(readFileSync('deploy/grafana/provisioning/datasources/prometheus.yml', 'utf8')));
  const provider = z
    .object({ providers: z.tuple([z.object({ options: z.object({ path: z.string() }) })]) })
    .parse(parse(readFileSync('deploy/grafana/provisioning/dashboards/image-analysis.yml', 'utf8')));
  const compose = z
    .object({
      services: z.object({
        prometheus: z.object({ volumes: z.array(z.string()) }),
        grafana: z.object({ volumes: z.array(z.string()) }),
      }),
    })
    .parse(parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }));
  expect(new URL(datasource.datasources[0].url).hostname).toBe('prometheus');
  const mounts = compose.services.grafana.volumes.join('\n');
  expect(mounts).toContain(`./deploy/grafana/dashboards:${provider.providers[0].options.path}:ro`);
  expect(mounts).toContain('./deploy/grafana/provisioning:/etc/grafana/provisioning:ro');
  expect(compose.services.prometheus.volumes.join('\n')).toContain('./deploy/prometheus');
});
