import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { Limits, MinuteLine } from '../../../shared/types.ts';
import { clock, compact, count, counted, dateTime, duration } from '../format.ts';
import { useMedia } from '../hooks.ts';
import { Table } from '../ui/table.tsx';
import { theme } from '../ui/theme.tsx';
import { axisTop, type ChartData, chartData, isFarAbove, minuteRows, peaks } from './chart-data.ts';

const HEIGHT = 150;
const AXIS_WIDTH = 52;

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Between two times below the axis, in seconds: none is named twice, for they are named by the minute. */
const TIME_STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 28].map((n) => n * DAY),
];
/** Between two figures beside it: there is no half request. */
const STEPS = Array.from({ length: 10 }, (_, zeros) => [1, 2, 5].map((n) => n * 10 ** zeros)).flat();

/** What one panel shows: a figure a minute against its limit. */
interface Panel {
  title: string;
  unit: string;
  values: (data: ChartData) => number[];
  limit: number;
}

/**
 * Requests and tokens a minute against their limits, over the run's time, one panel above the other. The same figures
 * stand in a sentence and in a table, for those who do not see the drawing.
 */
export function MinuteChart(props: { minutes: MinuteLine[]; limits: Limits }) {
  const { minutes, limits } = props;
  const [at, setAt] = useState<number | null>(null);
  const data = useMemo(() => chartData(minutes), [minutes]);
  const sync = useId();
  if (minutes.length === 0) return <p class="muted">Nothing was sent yet.</p>;

  const panels: Panel[] = [
    {
      title: 'Requests a minute',
      unit: 'requests',
      values: ({ requests }) => requests,
      limit: limits.requestsPerMinute,
    },
    {
      title: 'Tokens a minute',
      unit: 'tokens',
      values: ({ tokens }) => tokens,
      limit: limits.tokensPerMinute,
    },
  ];
  // The last point only ends the last minute.
  const index = at === null ? null : Math.min(at, data.at.length - 2);
  return (
    <figure class="chart">
      <figcaption class="small">{sentence(minutes, limits)}</figcaption>
      <div aria-hidden="true">
        {panels.map((panel) => (
          <div key={panel.unit} class="chart-panel">
            <div class="chart-title">
              <span>{panel.title}</span>
              <span class="muted">{readout(panel, data, index)}</span>
            </div>
            <Plot panel={panel} data={data} sync={sync} onCursor={setAt} />
          </div>
        ))}
      </div>
      <details>
        <summary>As a table</summary>
        <MinuteTable minutes={minutes} />
      </details>
    </figure>
  );
}

function sentence(minutes: MinuteLine[], limits: Limits): string {
  const most = peaks(minutes);
  const refused =
    most.rateLimited === 0
      ? 'None was answered 429.'
      : `${counted(most.rateLimited, 'request')} answered 429, and were tried again.`;
  return (
    `In its fullest minutes the run sent ${count(most.requests)} of ${counted(limits.requestsPerMinute, 'request')} ` +
    `and was charged ${count(most.tokens)} of ${counted(limits.tokensPerMinute, 'token')}. ${refused}`
  );
}

function readout(panel: Panel, data: ChartData, index: number | null): string {
  const seconds = index === null ? undefined : data.at[index];
  if (index === null || seconds === undefined) {
    const beyond = isFarAbove(panel.limit, panel.values(data)) ? ', far above what is drawn' : '';
    return `limit ${count(panel.limit)}${beyond}`;
  }
  const refused = panel.unit === 'requests' ? (data.rateLimited[index] ?? 0) : 0;
  return (
    `${clock(seconds * 1000)}: ${count(panel.values(data)[index] ?? 0)} of ${count(panel.limit)}` +
    (refused > 0 ? `, ${count(refused)} answered 429` : '')
  );
}

function Plot(props: {
  panel: Panel;
  data: ChartData;
  sync: string;
  onCursor: (index: number | null) => void;
}) {
  const { panel, data, sync, onCursor } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const dark = useMedia('(prefers-color-scheme: dark)');
  const columns = columnsOf(panel, data);
  const latest = useRef(columns);
  latest.current = columns;
  const limit = useRef(panel.limit);
  limit.current = panel.limit;

  // Made anew for other colours only; new figures and widths are given to the one that is there.
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const made = new uPlot(
      optionsOf({ element, limit, sync, refusals: panel.unit === 'requests', onCursor }),
      latest.current,
      element,
    );
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [dark, theme.value, sync]);

  useEffect(() => {
    plot.current?.setData(columns);
  }, [data, panel.limit]);

  return <div ref={box} class="chart-plot" />;
}

/** Columns as uPlot takes them: time, figure, limit and, of requests, those that were refused. */
function columnsOf(panel: Panel, data: ChartData): uPlot.AlignedData {
  const limit = data.at.map(() => panel.limit);
  const refused = data.rateLimited.map((n) => (n > 0 ? n : null));
  return panel.unit === 'requests'
    ? [data.at, panel.values(data), limit, refused]
    : [data.at, panel.values(data), limit];
}

function optionsOf(options: {
  element: HTMLElement;
  limit: { current: number };
  sync: string;
  refusals: boolean;
  onCursor: (index: number | null) => void;
}): uPlot.Options {
  const { element, limit, refusals, onCursor } = options;
  const color = coloursOf(element);
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const axis: uPlot.Axis = {
    stroke: color('--ink-2'),
    font: `12px ${getComputedStyle(element).fontFamily}`,
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false }, sync: { key: options.sync } },
    scales: {
      x: { time: true },
      // The second column alone: the limit, which is in the third, may be left out.
      y: {
        range: ({ data }) => [
          0,
          axisTop(
            Array.from(data[1] ?? [], (value) => value ?? 0),
            limit.current,
          ),
        ],
      },
    },
    axes: [
      { ...axis, incrs: TIME_STEPS, values: (_plot, splits) => timesOf(splits), space: 72 },
      { ...axis, incrs: STEPS, values: (_plot, splits) => splits.map(compact), size: AXIS_WIDTH, space: 32 },
    ],
    series: [
      {},
      {
        stroke: color('--ink'),
        width: 1.5,
        fill: color('--sunken'),
        points: { show: false },
        ...(stepped && { paths: stepped }),
      },
      { stroke: color('--ink-2'), width: 1, dash: [6, 4], points: { show: false } },
      ...(refusals
        ? [
            {
              stroke: color('--error'),
              paths: () => null,
              points: { show: true, size: 6, fill: color('--error') },
            },
          ]
        : []),
    ],
    hooks: { setCursor: [({ cursor }) => onCursor(cursor.idx ?? null)] },
  };
}

/** Times below the axis; the day too where it is another one than before. */
function timesOf(splits: number[]): string[] {
  let last = '';
  return splits.map((seconds) => {
    const date = new Date(seconds * 1000);
    const day = dayOf.format(date);
    const text = day === last ? clock(date.getTime()) : `${clock(date.getTime())}\n${day}`;
    last = day;
    return text;
  });
}

const dayOf = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** A canvas knows no custom property: what one stands for now is read off an element that wears it. */
function coloursOf(element: HTMLElement): (token: string) => string {
  return (token) => {
    const probe = document.createElement('span');
    probe.style.color = `var(${token})`;
    element.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
}

function MinuteTable({ minutes }: { minutes: MinuteLine[] }) {
  const rows = minuteRows(minutes);
  const step = rows[0]?.minutes ?? 1;
  return (
    <Table
      caption={step === 1 ? 'Each minute, newest first' : `Each ${duration(step * 60_000)}, newest first`}
      head={
        <>
          <th scope="col">From</th>
          <th scope="col" class="end">
            Requests
          </th>
          <th scope="col" class="end">
            Tokens
          </th>
          <th scope="col" class="end">
            Answered 429
          </th>
        </>
      }
    >
      {rows.map((row) => (
        <tr key={row.from}>
          <th scope="row" class="nowrap">
            {dateTime(row.from)}
            {step > 1 && `, ${step} min`}
          </th>
          <td class="end">{count(row.requests)}</td>
          <td class="end">{count(row.tokens)}</td>
          <td class="end">{count(row.rateLimited)}</td>
        </tr>
      ))}
    </Table>
  );
}
