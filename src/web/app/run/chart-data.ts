import type { MinuteLine } from '../../../shared/types.ts';

/** Columns of the chart: time in seconds since 1970, and for each of these moments what the minute after it held. */
export interface ChartData {
  at: number[];
  requests: number[];
  tokens: number[];
  rateLimited: number[];
}

const MINUTE = 60;

/**
 * Minutes in which nothing happened are not recorded, and are 0 here: at each edge of a gap, which is enough for a line
 * of steps. The last moment ends the last minute, so that a run of one minute has a width too.
 */
export function chartData(minutes: readonly MinuteLine[]): ChartData {
  const data: ChartData = { at: [], requests: [], tokens: [], rateLimited: [] };
  const push = (at: number, { sent, charged, rateLimited }: Omit<MinuteLine, 'at' | 'waitMs'>): void => {
    data.at.push(at);
    data.requests.push(sent);
    data.tokens.push(charged);
    data.rateLimited.push(rateLimited);
  };
  const nothing = { sent: 0, charged: 0, rateLimited: 0 };
  let end: number | undefined;
  for (const line of minutes) {
    const at = Date.parse(line.at) / 1000;
    if (end !== undefined && at > end) push(end, nothing);
    if (end !== undefined && at < end) continue;
    push(at, line);
    end = at + MINUTE;
  }
  const last = minutes.at(-1);
  if (end !== undefined && last !== undefined) push(end, { ...last, rateLimited: 0 });
  return data;
}

/** A run that stays below this part of a limit is bound by something else: its line would lie flat at the bottom. */
const FAR_BELOW = 0.25;

/** Whether the limit is so far above all that was reached that a drawing leaves it out. */
export const isFarAbove = (limit: number, values: readonly number[]): boolean => {
  const most = mostOf(values);
  return most > 0 && most < limit * FAR_BELOW;
};

/** The top of an axis: above everything that was reached, and above the limit unless that {@link isFarAbove}. */
export function axisTop(values: readonly number[], limit: number): number {
  const most = mostOf(values);
  if (isFarAbove(limit, values)) return most * 1.25;
  return most === 0 && limit === 0 ? 1 : Math.max(most, limit) * 1.08;
}

const mostOf = (values: readonly number[]): number => values.reduce((top, value) => Math.max(top, value), 0);

/** A row of the chart's table. */
export interface MinuteRow {
  /** ISO 8601, UTC. */
  from: string;
  /** Minutes that the row sums up. */
  minutes: number;
  requests: number;
  tokens: number;
  rateLimited: number;
  waitMs: number;
}

/** Lengths that a row of the table may have, in minutes. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440];

/** The chart as a table of at most some rows, newest first: each sums up so many minutes that they suffice. */
export function minuteRows(minutes: readonly MinuteLine[], most = 60): MinuteRow[] {
  for (const step of STEPS) {
    const rows = sumUp(minutes, step);
    if (rows.length <= most || step === STEPS.at(-1)) return rows;
  }
  return [];
}

function sumUp(minutes: readonly MinuteLine[], step: number): MinuteRow[] {
  const rows = new Map<number, MinuteRow>();
  for (const { at, sent, charged, rateLimited, waitMs } of minutes) {
    const from = Math.floor(Date.parse(at) / (step * 60_000)) * step * 60_000;
    const row = rows.get(from) ?? {
      from: new Date(from).toISOString(),
      minutes: step,
      requests: 0,
      tokens: 0,
      rateLimited: 0,
      waitMs: 0,
    };
    row.requests += sent;
    row.tokens += charged;
    row.rateLimited += rateLimited;
    row.waitMs += waitMs;
    rows.set(from, row);
  }
  return [...rows.entries()].sort(([a], [b]) => b - a).map(([, row]) => row);
}

/** The most that a minute held. */
export function peaks(minutes: readonly MinuteLine[]): {
  requests: number;
  tokens: number;
  rateLimited: number;
} {
  return {
    requests: minutes.reduce((most, { sent }) => Math.max(most, sent), 0),
    tokens: minutes.reduce((most, { charged }) => Math.max(most, charged), 0),
    rateLimited: minutes.reduce((sum, { rateLimited }) => sum + rateLimited, 0),
  };
}
