// Draws docs/terminal.svg from a recorded terminal (what `script` writes), as it looked at a share of its frames:
//   script --quiet --command 'stty rows 32 cols 108; npm start' demo.log
//   npx tsx scripts/draw-terminal.ts 0.6 < demo.log
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';

const PICTURE = new URL('../docs/terminal.svg', import.meta.url);

const CHARACTER = 8.4;
const LINE = 20;
const MARGIN = 18;

const BACKGROUND = '#16191d';
const PLAIN = '#d5dae0';
const COLORS: Record<number, string> = {
  31: '#ff7b72',
  32: '#7ee787',
  33: '#e3b341',
  35: '#d2a8ff',
};

interface Style {
  color: string;
  bold: boolean;
  dim: boolean;
}

interface Cell extends Style {
  text: string;
}

const NORMAL: Style = { color: PLAIN, bold: false, dim: false };

/** The end of one frame of the live display: the terminal may show what it has. */
const FRAME_END = '\u001b[?2026l';

/** What the screen shows after this output. Knows the few sequences that our display uses. */
function screenAfter(output: string): Cell[][] {
  const rows: Cell[][] = [[]];
  let [row, column] = [0, 0];
  let style = NORMAL;
  const put = (text: string): void => {
    const line = (rows[row] ??= []);
    while (line.length < column) line.push({ ...NORMAL, text: ' ' });
    line[column++] = { ...style, text };
  };
  // eslint's no-control-regex would refuse the escape character in a literal.
  const token = new RegExp(`${'\u001b'}\\[(\\??)([\\d;]*)([A-Za-z])|([^])`, 'gu');
  for (const [, special, numbers = '', command, text] of output.matchAll(token)) {
    const n = Number(numbers || 1);
    if (text === '\n') row++;
    else if (text === '\r') column = 0;
    else if (text !== undefined) put(text);
    else if (special === '?') continue;
    else if (command === 'A') row = Math.max(0, row - n);
    else if (command === 'B') row += n;
    else if (command === 'G') column = n - 1;
    else if (command === 'K') rows[row] = numbers === '2' ? [] : (rows[row] ?? []).slice(0, column);
    else if (command === 'm') style = styleAfter(style, Number(numbers || 0));
  }
  return Array.from(rows, (line) => line ?? []);
}

function styleAfter(style: Style, code: number): Style {
  if (code === 0) return NORMAL;
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 39) return { ...style, color: PLAIN };
  return { ...style, color: COLORS[code] ?? style.color };
}

function draw(rows: Cell[][]): string {
  const width = Math.ceil(Math.max(...rows.map((row) => row.length)) * CHARACTER + 2 * MARGIN);
  const height = rows.length * LINE + 2 * MARGIN;
  const lines = rows.flatMap((row, at) => {
    if (row.length === 0) return [];
    const y = MARGIN + at * LINE + 14;
    return [`  <text x="${MARGIN}" y="${y}">${spansOf(row).map(spanText).join('')}</text>`];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    '  <title>The demonstration in a terminal</title>',
    `  <rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>`,
    `  <g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="${PLAIN}">`,
    ...lines,
    '  </g>',
    '</svg>',
    '',
  ].join('\n');
}

/** Neighbours of one style as one piece. */
function spansOf(row: Cell[]): Cell[] {
  const spans: Cell[] = [];
  for (const cell of row) {
    const last = spans.at(-1);
    if (last && last.color === cell.color && last.bold === cell.bold && last.dim === cell.dim)
      last.text += cell.text;
    else spans.push({ ...cell });
  }
  return spans;
}

function spanText({ text, color, bold, dim }: Cell): string {
  // Browsers fold spaces in a picture's text, whatever it asks for; they keep these.
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll(' ', '\u00a0');
  const style = [
    color === PLAIN ? '' : ` fill="${color}"`,
    bold ? ' font-weight="bold"' : '',
    dim ? ' opacity="0.6"' : '',
  ].join('');
  return style === '' ? escaped : `<tspan${style}>${escaped}</tspan>`;
}

const share = Number(argv[2]);
const frames = readFileSync(0, 'utf8').split(FRAME_END);
const rows = screenAfter(frames.slice(0, Math.ceil(frames.length * share)).join(FRAME_END));
const first = rows.findIndex((row) =>
  row
    .map(({ text }) => text)
    .join('')
    .startsWith('Demonstration'),
);
writeFileSync(PICTURE, draw(rows.slice(Math.max(0, first))));
