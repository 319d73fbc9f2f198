// `npx tsx scripts/draw-dashboard.ts`: writes the Grafana dashboard, which a test compares with what this draws.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { format } from 'prettier';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Where the drawing is kept; `docker-compose.yml` mounts its folder. */
export const DASHBOARD = join(ROOT, 'deploy', 'grafana', 'dashboards', 'image-analysis.json');

/** Legend of what is drawn as a dashed line. */
const LIMIT = 'limit';

interface Panel {
  title: string;
  /** For whoever looks at it for the first time: what it counts, and what it does not. */
  description: string;
  /** Grafana's name of a unit. */
  unit: 'short' | 's';
  /** PromQL and the legend of its series. */
  queries: readonly { expr: string; legend: string }[];
}

interface Row {
  title: string;
  panels: readonly Panel[];
}

const perMinute = (metric: string, by = ''): string =>
  `60 * sum${by && ` by (${by})`} (rate(${metric}[$__rate_interval]))`;

const quantile = (share: number, histogram: string, by = ''): string =>
  `histogram_quantile(${share}, sum by (${['le', by].filter(Boolean).join(', ')}) (rate(${histogram}_bucket[$__rate_interval])))`;

/** The SDK's metrics have the same names in every program that uses it. */
const ours = 'job="image-analysis"';

const ROWS: readonly Row[] = [
  {
    title: 'Pace',
    panels: [
      {
        title: 'Tokens a minute',
        description:
          'Tokens of the bill, of all workers together, and the limit that holds. What a provider counts against its ' +
          'limit may be more: the output cap, not the output (docs/limits.md).',
        unit: 'short',
        queries: [
          { expr: perMinute('image_analysis_tokens_total'), legend: 'billed' },
          { expr: 'max(image_analysis_limit_tokens_per_minute)', legend: LIMIT },
        ],
      },
      {
        title: 'Requests a minute',
        description: 'Requests to the model, of all workers together, whatever came of them.',
        unit: 'short',
        queries: [
          { expr: perMinute('image_analysis_requests_total'), legend: 'sent' },
          { expr: 'max(image_analysis_limit_requests_per_minute)', legend: LIMIT },
        ],
      },
      {
        title: 'Wait for the limit',
        description:
          'How long a question waited for its share of the limit. Long, where the limit is what binds.',
        unit: 's',
        queries: [
          { expr: quantile(0.5, 'image_analysis_allowance_wait_seconds'), legend: 'median' },
          { expr: quantile(0.95, 'image_analysis_allowance_wait_seconds'), legend: '95th percentile' },
        ],
      },
      {
        title: 'Duration of a call',
        description: 'From sending a request to the end of its answer or error.',
        unit: 's',
        queries: [
          {
            expr: quantile(0.5, 'image_analysis_call_duration_seconds', 'model'),
            legend: '{{model}}, median',
          },
          {
            expr: quantile(0.95, 'image_analysis_call_duration_seconds', 'model'),
            legend: '{{model}}, 95th percentile',
          },
        ],
      },
    ],
  },
  {
    title: 'Answers',
    panels: [
      {
        title: 'Answers a minute',
        description:
          'Those that the model gave, and those that were found in the answer store and cost nothing.',
        unit: 'short',
        queries: [
          { expr: perMinute('image_analysis_answers_total'), legend: 'from the model' },
          { expr: perMinute('image_analysis_recalled_answers_total'), legend: 'recalled' },
        ],
      },
      {
        title: 'Matches a minute, by question',
        description:
          'Answers that say that the picture shows what was asked about. Recalled ones are not counted.',
        unit: 'short',
        queries: [
          { expr: perMinute('image_analysis_answers_total{match="true"}', 'prompt'), legend: '{{prompt}}' },
        ],
      },
      {
        title: 'Requests a minute, by outcome',
        description: 'A timeout or a failure is tried again up to five times before it is an error.',
        unit: 'short',
        queries: [{ expr: perMinute('image_analysis_requests_total', 'outcome'), legend: '{{outcome}}' }],
      },
      {
        title: '429s a minute',
        description: 'Requests that the provider refused because a limit was reached. At best none.',
        unit: 'short',
        queries: [
          { expr: perMinute('image_analysis_requests_total{outcome="rate_limited"}'), legend: '429s' },
        ],
      },
      {
        title: 'Errors a minute, by kind',
        description: 'Questions that were given up, and stand in the results with this kind of error.',
        unit: 'short',
        queries: [{ expr: perMinute('image_analysis_errors_total', 'kind'), legend: '{{kind}}' }],
      },
      {
        title: 'Outages, by cause',
        description:
          'Counts since the workers were started. It rises while a run is blocked by something that a person must ' +
          'mend: by one each time the run looks whether it still is.',
        unit: 'short',
        queries: [{ expr: 'sum by (cause) (image_analysis_outages_total)', legend: '{{cause}}' }],
      },
    ],
  },
  {
    title: 'Workers and queues',
    panels: [
      {
        title: 'Workers',
        description: 'Workers whose metrics can be read.',
        unit: 'short',
        queries: [{ expr: `sum(up{${ours}})`, legend: 'up' }],
      },
      {
        title: 'Backlog',
        description:
          'Tasks that wait at the server. In the queue of the model they wait for the limit, which more workers do ' +
          'not raise; in the other one, for workers.',
        unit: 'short',
        queries: [{ expr: 'max by (queue) (image_analysis_backlog)', legend: '{{queue}}' }],
      },
      {
        title: 'Slots in use',
        description: "Tasks that workers hold. In the model's queue: calls in flight.",
        unit: 'short',
        queries: [
          {
            expr: `sum by (task_queue, worker_type) (temporal_worker_task_slots_used{${ours}})`,
            legend: '{{task_queue}}, {{worker_type}}',
          },
        ],
      },
      {
        title: 'Slots that are free',
        description:
          "Tasks that workers could take besides. The activities of the model's queue have none to show: the limiter " +
          'gives their slots.',
        unit: 'short',
        queries: [
          {
            expr: `sum by (task_queue, worker_type) (temporal_worker_task_slots_available{${ours}})`,
            legend: '{{task_queue}}, {{worker_type}}',
          },
        ],
      },
      {
        title: 'Pollers',
        description: 'Open polls of the workers. None: the workers have lost the server.',
        unit: 'short',
        queries: [
          {
            expr: `sum by (task_queue, poller_type) (temporal_num_pollers{${ours}})`,
            legend: '{{task_queue}}, {{poller_type}}',
          },
        ],
      },
      {
        title: 'Failed attempts a minute, by activity',
        description: 'Attempts that Temporal counts as failed, those that are tried again among them.',
        unit: 'short',
        queries: [
          {
            expr: perMinute(`temporal_activity_execution_failed{${ours}}`, 'activity_type'),
            legend: '{{activity_type}}',
          },
        ],
      },
    ],
  },
];

/** The dashboard as JSON, formatted as the repository's files are. */
export async function drawDashboard(): Promise<string> {
  const dashboard = new DashboardBuilder('Image analysis')
    .uid('image-analysis')
    .description('Drawn by scripts/draw-dashboard.ts. What to do about what it shows: docs/operations.md.')
    .tags(['image-analysis', 'temporal'])
    .tooltip(DashboardCursorSync.Crosshair)
    .refresh('30s')
    .time({ from: 'now-3h', to: 'now' })
    .timezone('browser')
    .readonly()
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'));
  for (const { title, panels } of ROWS) {
    dashboard.withRow(new RowBuilder(title));
    for (const panel of panels) dashboard.withPanel(draw(panel));
  }
  return format(JSON.stringify(dashboard.build()), { parser: 'json', printWidth: 110 });
}

function draw({ title, description, unit, queries }: Panel): PanelBuilder {
  const panel = new PanelBuilder()
    .title(title)
    .description(description)
    .datasource({ type: 'prometheus', uid: '${datasource}' })
    .unit(unit)
    .min(0)
    .span(8)
    .height(8)
    .overrideByName(LIMIT, [{ id: 'custom.lineStyle', value: { fill: 'dash', dash: [10, 10] } }]);
  queries.forEach(({ expr, legend }, index) =>
    panel.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode(65 + index))
        .expr(expr)
        .legendFormat(legend)
        .range(),
    ),
  );
  return panel;
}

if (argv[1] === fileURLToPath(import.meta.url)) writeFileSync(DASHBOARD, await drawDashboard());
