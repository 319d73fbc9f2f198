import { printableJson } from '../shared/redact.ts';
import { createLogUpdate } from 'log-update';
import pc from 'picocolors';
import { cut, labelled, LABEL, pad, wrap } from './render/format.ts';
import { failureText, liveLines, plainLine, planningLines } from './render/live.ts';
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
  /** The run's own page, where one is served. */
  page: string | null;
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
  /** What it waits for, when that is why the command ends. */
  block?: Block | null;
}

/** A run whose plan is being made: it has no figures yet. */
export interface PlanningInfo {
  ms: number;
  /** What holds it up, once it has taken unusually long. */
  waitsFor: string | null;
}

/** One face of a run under way. Nothing here computes. */
export interface Display {
  start(info: StartInfo): void;
  planning(info: PlanningInfo): void;
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

/** The run's folder is not in it: there is none before the plan is made. */
const startLines = (info: StartInfo, width: number): string[] =>
  [
    ['Server', info.server],
    ['Run', `${info.run}${info.simulated ? ' (SIMULATED)' : ''}`],
    ['Source', info.source],
    ...(info.page === null ? [] : [['Page', info.page]]),
    ...(info.webUi === null ? [] : [['Web UI', info.webUi]]),
  ].flatMap(([label = '', text = '']) => labelled(label, cut(text, 2000), width));

const factLine = (label: string, text: string): string => pad(label, LABEL) + cut(text, 2000);

const blockLines = ({ reason, remedy }: Block, width: number): string[] =>
  [...labelled('BLOCKED', reason, width), ...labelled('', remedy, width)].map((line) => cut(line, 4000));

function endLines(info: EndInfo, width: number, block: Block | null): string[] {
  const parts = [
    [
      ...(info.error === null ? [] : wrap(`Failed: ${cut(info.error, 4000)}`, width)),
      ...(info.summary === null ? [] : summaryLines(info.summary, width)),
    ],
    block === null ? [] : blockLines(block, width),
    info.hints,
  ];
  return parts.flatMap((lines) => (lines.length === 0 ? [] : ['', ...lines]));
}

/** Tells the run's folder once, at the first sign that it is there. */
function folderTeller(tell: (line: string) => void): { of(info: StartInfo): void; seen(): void } {
  let results: string | null = null;
  return {
    of: (info) => void (results = info.results),
    seen() {
      if (results !== null) tell(factLine('Results', results));
      results = null;
    },
  };
}

function liveDisplay(terminal: Terminal): Display {
  const colors = pc.createColors(terminal.colors);
  const live = createLogUpdate(terminal.out);
  let shown: (() => string[]) | null = null;
  const draw = (): void => {
    if (shown !== null) live(['', ...shown()].join('\n'));
  };
  const above = (text: string): void => {
    live.clear();
    write(terminal.out, text);
    draw();
  };
  const folder = folderTeller(above);
  return {
    start(info) {
      startLines(info, terminal.columns()).forEach((line) => write(terminal.out, line));
      folder.of(info);
    },
    planning({ waitsFor, ms }) {
      shown = () => planningLines(waitsFor, ms, terminal.columns(), colors);
      draw();
    },
    update(view) {
      folder.seen();
      shown = () => liveLines(view, terminal.columns(), colors);
      draw();
    },
    failure: () => undefined,
    blocked: () => undefined,
    say: (text) => above(wrap(text, terminal.columns()).map(colors.yellow).join('\n')),
    end(info) {
      live.clear();
      const width = terminal.columns();
      endLines(info, width, info.block ?? null).forEach((line) => write(terminal.out, line));
      live.done();
    },
  };
}

function plainDisplay(terminal: Terminal, now: () => number): Display {
  let last = 0;
  let waitedFor: string | null | undefined;
  const line = (text: string): void => write(terminal.out, text);
  const folder = folderTeller(line);
  return {
    start(info) {
      startLines(info, WIDE).forEach(line);
      folder.of(info);
    },
    planning({ waitsFor }) {
      if (waitsFor !== waitedFor)
        line(waitsFor ?? 'planning: the source, the results place and the model are looked at');
      waitedFor = waitsFor;
    },
    update(view) {
      folder.seen();
      if (now() - last < PLAIN_EVERY_MS) return;
      last = now();
      line(plainLine(view));
    },
    failure: (failure) => line(cut(`failed: ${failureText(failure)}`, 1000)),
    blocked: (block) => blockLines(block, WIDE).forEach(line),
    say: line,
    // The block was told when it came.
    end: (info) => endLines(info, WIDE, null).forEach(line),
  };
}

function jsonDisplay(terminal: Terminal): Display {
  let waitedFor: string | null | undefined;
  const event = (name: string, body: object): void =>
    write(
      terminal.out,
      printableJson(JSON.stringify({ event: name, at: new Date().toISOString(), ...body })),
    );
  return {
    // No page is served where a program reads.
    start: ({ page: _none, ...info }) => event('start', info),
    planning({ waitsFor }) {
      if (waitsFor !== waitedFor) event('planning', { waitsFor });
      waitedFor = waitsFor;
    },
    update: ({ failures: _shownApart, block: _too, ...view }) => event('progress', view),
    failure: (line) => event('failure', line),
    blocked: (block) => event('blocked', block),
    say: (text) => write(terminal.err, text),
    end: ({ summary, exitStatus, error }) => event('end', { exitStatus, error, ...summary }),
  };
}
