import stringWidth from 'string-width';
import { plain } from '../../shared/redact.ts';

const number = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `28,000`. */
export const count = (n: number): string => number.format(n);

/** `3 of 12`; with `unknown` for a total that is not known yet. */
export const of = (n: number, total: number | null): string =>
  `${count(n)} of ${total === null ? 'unknown' : count(total)}`;

/** What is said of answers that another run had paid for. */
export const recalledText = (n: number): string => `${count(n)} recalled from earlier runs, at no cost`;

/** `450 ms`, `9.3 s`, `2 min 05 s`, `1 h 11 min`, `2 d 3 h`; `unknown` for `null`. */
export function duration(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms) || ms < 0) return 'unknown';
  if (ms < 1000) return `${String(Math.round(ms))} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${String(Math.floor(seconds / 60))} min ${two(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${String(Math.floor(minutes / 60))} h ${two(minutes % 60)} min`;
  const hours = Math.round(minutes / 60);
  return `${String(Math.floor(hours / 24))} d ${String(hours % 24)} h`;
}

/** `██████░░░░`, never full before the share is 1. */
export function bar(share: number, width: number): string {
  const bounded = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0));
  const full = bounded >= 1 ? width : Math.min(width - 1, Math.floor(bounded * width));
  return '█'.repeat(Math.max(0, full)) + '░'.repeat(Math.max(0, width - full));
}

/** `37 %`, never 100 before the share is 1. */
export function percent(share: number): string {
  const bounded = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0));
  return `${String(bounded >= 1 ? 100 : Math.min(99, Math.floor(bounded * 100)))} %`;
}

/** Text of others on one line, cut to a width in columns; wide characters count two. */
export function cut(text: string, width: number): string {
  const clean = plain(text, 4000);
  if (stringWidth(clean) <= width) return clean;
  let kept = '';
  for (const { segment } of segmenter.segment(clean)) {
    if (stringWidth(kept + segment) > width - 1) break;
    kept += segment;
  }
  return width < 1 ? '' : `${kept}…`;
}

/** Fills up with spaces to a width in columns. */
export function pad(text: string, width: number, side: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - stringWidth(text)));
  return side === 'left' ? text + space : space + text;
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
const two = (n: number): string => String(n).padStart(2, '0');

/** `0:07`, `12:05`, `1:02:33`: for a display that must not jump. */
export function clock(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${String(h)}:${two(m)}:${two(s)}` : `${String(m)}:${two(s)}`;
}

/** Breaks a text of ours at spaces; a longer word (a path, an address) stays whole, so that it can be copied. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/ +/)) {
    const last = lines.at(-1);
    if (last === undefined || stringWidth(`${last} ${word}`) > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** Width of the labels at the left of what a command tells. */
export const LABEL = 11;

/** `Answers    84 of 84`, with further lines below the text. */
export function labelled(label: string, text: string, width: number): string[] {
  return wrap(text, Math.max(20, width - LABEL)).map((line, at) => pad(at === 0 ? label : '', LABEL) + line);
}
