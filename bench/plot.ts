import type { Call } from './pace.ts';

/** A run's calls and what they are drawn against. Times in milliseconds, amounts a minute of the real account. */
export interface Plot {
  title: string;
  /** In the order of their time. */
  calls: readonly Call[];
  startedAt: number;
  endedAt: number;
  /** How many times as fast as the real account the run went. */
  speed: number;
  /** Horizontal lines, such as the limit, with what they are. */
  lines: readonly { label: string; tokensPerMinute: number }[];
}

const WIDTH = 760;
const HEIGHT = 320;
const LEFT = 64;
const RIGHT = 16;
const TOP = 40;
const BOTTOM = 44;
const SAMPLES = 240;

/** The palette follows the reader's: it is an image in a document, which has no colours of its own. */
const STYLE = `
text { font: 12px system-ui, sans-serif; fill: #444 }
.title { font-size: 14px; font-weight: 600; fill: #222 }
.grid { stroke: #8884 }
.area { fill: #2a6fdb33 }
.pace { fill: none; stroke: #2a6fdb; stroke-width: 1.5; stroke-linejoin: round }
.limit { stroke: #b3261e; stroke-dasharray: 6 4 }
@media (prefers-color-scheme: dark) {
text { fill: #bbb }
.title { fill: #eee }
.area { fill: #6ea8fe33 }
.pace { stroke: #6ea8fe }
.limit { stroke: #ff8a80 }
}`;

/** An SVG of the tokens of the last minute over time, against the limits. Same input, same text. */
export function plotOf({ title, calls, startedAt, endedAt, speed, lines }: Plot): string {
  const minutes = ((endedAt - startedAt) * speed) / 60_000;
  const highest = Math.max(1, ...lines.map(({ tokensPerMinute }) => tokensPerMinute));
  const top = highest * 1.15;
  const x = (minute: number): number => LEFT + (minute / minutes) * (WIDTH - LEFT - RIGHT);
  const y = (tokens: number): number => HEIGHT - BOTTOM - (tokens / top) * (HEIGHT - TOP - BOTTOM);
  const points = samples(calls, startedAt, endedAt, 60_000 / speed).map(
    ({ at, tokens }) => `${fixed(x(((at - startedAt) * speed) / 60_000))},${fixed(y(tokens))}`,
  );
  const line = `M${points.join('L')}`;
  const right = WIDTH - RIGHT;
  const floor = fixed(y(0));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(WIDTH)} ${String(HEIGHT)}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="${String(LEFT)}" y="22">${escaped(title)}</text>`,
    ...ticks(top).map(
      (tokens) =>
        `<path class="grid" d="M${String(LEFT)},${fixed(y(tokens))}H${String(right)}"/>` +
        `<text x="${String(LEFT - 8)}" y="${fixed(y(tokens) + 4)}" text-anchor="end">${grouped(tokens)}</text>`,
    ),
    ...ticks(minutes).map(
      (minute) =>
        `<text x="${fixed(x(minute))}" y="${String(HEIGHT - BOTTOM + 18)}" text-anchor="middle">${grouped(minute)}</text>`,
    ),
    `<text x="${fixed((LEFT + right) / 2)}" y="${String(HEIGHT - 8)}" text-anchor="middle">minutes</text>`,
    `<path class="area" d="${line}V${floor}H${String(LEFT)}Z"/>`,
    `<path class="pace" d="${line}"/>`,
    ...lines.map(
      ({ label, tokensPerMinute }) =>
        `<path class="limit" d="M${String(LEFT)},${fixed(y(tokensPerMinute))}H${String(right)}"/>` +
        `<text x="${String(right - 4)}" y="${fixed(y(tokensPerMinute) + (tokensPerMinute === highest ? -5 : 15))}" text-anchor="end">${escaped(label)}</text>`,
    ),
    '</svg>',
  ].join('\n')}\n`;
}

/** The tokens of the last `windowMs`, at even distances from the start to the end. */
function samples(
  calls: readonly Call[],
  startedAt: number,
  endedAt: number,
  windowMs: number,
): { at: number; tokens: number }[] {
  let tokens = 0;
  let newest = 0;
  let oldest = 0;
  return Array.from({ length: SAMPLES + 1 }, (_, n) => {
    const at = startedAt + ((endedAt - startedAt) * n) / SAMPLES;
    for (let next = calls[newest]; next !== undefined && next.at <= at; next = calls[newest]) {
      tokens += next.admitted;
      newest += 1;
    }
    for (let first = calls[oldest]; first !== undefined && first.at <= at - windowMs; first = calls[oldest]) {
      tokens -= first.admitted;
      oldest += 1;
    }
    return { at, tokens };
  });
}

/** 1, 2 or 5 times a power of ten, at least a fifth of `top`: four to six ticks. */
function step(top: number): number {
  const power = 10 ** Math.floor(Math.log10(top / 5));
  return ([1, 2, 5].find((factor) => factor * power >= top / 5) ?? 10) * power;
}

function ticks(top: number): number[] {
  const distance = step(top);
  return Array.from({ length: Math.floor(top / distance + 1e-9) + 1 }, (_, n) => n * distance);
}

const fixed = (value: number): string => String(Math.round(value * 10) / 10);

const grouped = (value: number): string =>
  (Math.round(value * 100) / 100).toLocaleString('en-US', { maximumFractionDigits: 2 });

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
