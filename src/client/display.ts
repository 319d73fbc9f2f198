import { createLogUpdate } from 'log-update';
import pc from 'picocolors';
import { cut } from './render/format.ts';
import { liveLines, plainLine } from './render/live.ts';
import { summaryLines, type Summary } from './render/summary.ts';
import type { Terminal } from './deps.ts';
import type { LiveView } from './live-view.ts';
import type { Block, FailureLine } from '../shared/types.ts';

/** What a run's start tells. */
export interface StartInfo {
  /** The server that is used, for a person. */
  server: string;
  run: string;
  workflowId: string;
  source: string;
  results: string;
  /** The run's page in the Web UI, where we know it. */
  webUi: string | null;
  simulated: boolean;
}

/** How a run's end is told. */
export interface EndInfo {
  summary: Summary | null;
  exitStatus: number;
  /** Why it failed; `null` when it did not. */
  error: string | null;
  /** What a person can do next, one a line. */
  hints: string[];
}

/** One face of a run under way. Nothing here computes. */
export interface Display {
  start(info: StartInfo): void;
  update(view: LiveView): void;
  failure(line: FailureLine): void;
  blocked(block: Block): void;
  /** Something a person should read; never part of `--json`'s output. */
  say(text: string): void;
  end(info: EndInfo): void;
}

const PLAIN_EVERY_MS = 5000;

/** The live display of a terminal, plain lines elsewhere, or one JSON object a line. */
export function createDisplay(terminal: Terminal, options: { json: boolean; now(): number }): Display {
  if (options.json) return jsonDisplay(terminal);
  return terminal.interactive ? liveDisplay(terminal) : plainDisplay(terminal, options.now);
}

const write = (stream: NodeJS.WritableStream, text: string): void => void stream.write(`${text}\n`);

/** Width of lines that no terminal limits. */
const WIDE = 120;

function startLines(info: StartInfo): string[] {
  return [
    `Server   ${info.server}`,
    `Run      ${info.run}${info.simulated ? ' (SIMULATED)' : ''}`,
    `Source   ${info.source}`,
    `Results  ${info.results}`,
    ...(info.webUi === null ? [] : [`Web UI   ${info.webUi}`]),
  ].map((line) => cut(line, 2000));
}

function endLines(info: EndInfo, width: number): string[] {
  return [
    '',
    ...(info.error === null ? [] : [`Failed: ${cut(info.error, 4000)}`]),
    ...(info.summary === null ? [] : summaryLines(info.summary, width)),
    ...(info.hints.length === 0 ? [] : ['', ...info.hints]),
  ];
}

function liveDisplay(terminal: Terminal): Display {
  const colors = pc.createColors(terminal.colors);
  const live = createLogUpdate(terminal.out);
  const above = (text: string): void => {
    live.clear();
    write(terminal.out, text);
  };
  return {
    start: (info) => startLines(info).forEach((line) => write(terminal.out, line)),
    update: (view) => live(liveLines(view, terminal.columns(), colors).join('\n')),
    failure: () => undefined,
    blocked: () => undefined,
    say: (text) => above(colors.yellow(text)),
    end(info) {
      live.clear();
      endLines(info, terminal.columns()).forEach((line) => write(terminal.out, line));
      live.done();
    },
  };
}

function plainDisplay(terminal: Terminal, now: () => number): Display {
  let last = 0;
  const line = (text: string): void => write(terminal.out, text);
  return {
    start: (info) => startLines(info).forEach(line),
    update(view) {
      if (now() - last < PLAIN_EVERY_MS) return;
      last = now();
      line(plainLine(view));
    },
    failure: (failure) =>
      line(cut(`failed: ${failure.image} · ${failure.prompt}: ${failure.kind}: ${failure.message}`, 1000)),
    blocked: (block) => line(cut(`BLOCKED: ${block.reason} ${block.remedy}`, 2000)),
    say: line,
    end: (info) => endLines(info, WIDE).forEach(line),
  };
}

function jsonDisplay(terminal: Terminal): Display {
  const event = (name: string, body: object): void =>
    write(terminal.out, JSON.stringify({ event: name, at: new Date().toISOString(), ...body }));
  return {
    start: (info) => event('start', info),
    update: ({ failures: _shownApart, block: _too, ...view }) => event('progress', view),
    failure: (line) => event('failure', line),
    blocked: (block) => event('blocked', block),
    say: (text) => write(terminal.err, text),
    end: ({ summary, exitStatus, error }) => event('end', { exitStatus, error, ...summary }),
  };
}
