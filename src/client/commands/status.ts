import { setTimeout as sleep } from 'node:timers/promises';
import { createLogUpdate } from 'log-update';
import pc from 'picocolors';
import { noCounts, questionsOf } from '../../shared/counts.ts';
import { printableJson } from '../../shared/redact.ts';
import { isEnd } from '../../shared/run-state.ts';
import { liveView } from '../live-view.ts';
import { configOf, lookAtRun, summaryNow, type RunNow } from '../look-at-run.ts';
import { EXIT, type Deps } from '../deps.ts';
import { engineTrouble } from '../engine/open-engine.ts';
import { findRun, runsOf } from '../find-run.ts';
import { onInterrupt } from '../interrupt.ts';
import { lineOf, nextSteps } from '../next-steps.ts';
import { labelled } from '../render/format.ts';
import { liveLines, plainLine } from '../render/live.ts';
import { honestState, recordLine, summaryLines } from '../render/summary.ts';
import { createWatcher } from '../watch.ts';

export interface StatusFlags {
  watch?: boolean;
  json?: boolean;
  results?: string;
}

/** `status [RUN]`: how a run stands, with or without a worker. */
export async function statusCommand(
  deps: Deps,
  name: string | undefined,
  flags: StatusFlags,
): Promise<number> {
  const recorded = await findRun(deps, name, flags.results);
  const lines = flags.json === true ? jsonLines : textLines;
  const print = (line: string): void => void deps.terminal.out.write(`${line}\n`);
  if (flags.watch !== true) {
    const now = await lookAtRun(deps, recorded);
    lines(deps, now, await troubleOf(deps, now)).forEach(print);
    return EXIT.ok;
  }
  const watcher = createWatcher(deps, runsOf(deps, flags.results).runs, recorded);
  const interrupt = onInterrupt(() => process.exit(EXIT.interrupted));
  const face = flags.json === true ? eachChange(deps, jsonLines) : faceOf(deps);
  try {
    for (;;) {
      const now = await watcher.look();
      if (now.ended || interrupt.signal.aborted) {
        face.end(now, await troubleOf(deps, now));
        return EXIT.ok;
      }
      face.show(now, await troubleOf(deps, now));
      await sleep(LOOK_MS, undefined, { signal: interrupt.signal }).catch(() => undefined);
    }
  } finally {
    interrupt.dispose();
    await watcher.close();
  }
}

const LOOK_MS = 1000;
const KEYS = 'Ctrl-C ends this view';

/** Tells how a run stands in its own way: as one says it, and what it waits for where its engine cannot go on. */
interface Face {
  show(now: RunNow, trouble: string | null): void;
  end(now: RunNow, trouble: string | null): void;
}

/** Drawn anew at each look on a terminal; elsewhere one line each change. */
function faceOf(deps: Deps): Face {
  const { terminal } = deps;
  const print = (line: string): void => void terminal.out.write(`${line}\n`);
  if (!terminal.interactive) {
    const { show } = eachChange(deps, (_deps, now) => [lineOfChange(now, deps.now())]);
    return { show, end: (now, trouble) => textLines(deps, now, trouble).forEach(print) };
  }
  const live = createLogUpdate(terminal.out);
  const colors = pc.createColors(terminal.colors);
  return {
    show(now, trouble) {
      const width = terminal.columns();
      const waits = trouble === null ? [] : ['', ...labelled('WAITS', trouble, width)];
      const lines =
        now.live === null
          ? [...textLines(deps, now, trouble), '', `(${KEYS})`]
          : [...liveLines(liveView(now.live, deps.now()), width, colors, KEYS), ...waits];
      live(lines.join('\n'));
    },
    end(now, trouble) {
      live.clear();
      textLines(deps, now, trouble).forEach(print);
      live.done();
    },
  };
}

/** The clock alone, the time left and the last minute's figures are no change. */
function eachChange(deps: Deps, lines: (deps: Deps, now: RunNow, trouble: string | null) => string[]): Face {
  let last = '';
  const show = (now: RunNow, trouble: string | null): void => {
    const { state, images, counts } = summaryNow(now, deps.now());
    const { answered, failed, rateLimited, fallbacks, images: done } = counts ?? noCounts();
    const figures = [images, done, answered, failed, rateLimited, fallbacks];
    const key = JSON.stringify([state, now.live?.fresh, ...figures, now.silent, trouble]);
    if (key === last) return;
    last = key;
    for (const line of lines(deps, now, trouble)) deps.terminal.out.write(`${line}\n`);
  };
  return { show, end: show };
}

/** The run as it says itself, or what was last recorded of it, in one line. */
function lineOfChange(now: RunNow, at: number): string {
  return now.live === null ? recordLine(summaryNow(now, at)) : plainLine(liveView(now.live, at));
}

async function troubleOf(deps: Deps, { recorded }: RunNow): Promise<string | null> {
  const config = configOf(deps, recorded);
  return config.address === null ? engineTrouble(config.dataDir) : null;
}

function jsonLines(deps: Deps, now: RunNow, trouble: string | null): string[] {
  const summary = summaryNow(now, deps.now());
  const state = honestState(
    summary.state,
    summary.counts,
    questionsOf(summary.images, summary.prompts.length, summary.counts),
  );
  const live = now.live === null ? null : liveView(now.live, deps.now());
  const updatedAt = now.recorded.progress?.updatedAt ?? null;
  return [printableJson(JSON.stringify({ ...summary, state, live, updatedAt, engineWaits: trouble }))];
}

function textLines(deps: Deps, now: RunNow, trouble: string | null): string[] {
  const { recorded, live, silent } = now;
  const width = deps.terminal.columns();
  const summary = summaryNow(now, deps.now());
  const view = live === null ? null : liveView(live, deps.now());
  const block = (live?.progress ?? recorded.progress)?.block ?? null;
  const waits =
    trouble !== null
      ? labelled('WAITS', trouble, width)
      : silent !== null
        ? labelled('UNSURE', `The server did not tell: ${silent}`, width)
        : [];
  const state = honestState(
    summary.state,
    summary.counts,
    questionsOf(summary.images, summary.prompts.length, summary.counts),
  );
  return [
    ...summaryLines(summary, width),
    ...(view !== null && !isEnd(view.state) ? [plainLine(view)] : []),
    ...(block === null
      ? []
      : [...labelled('BLOCKED', block.reason, width), ...labelled('', block.remedy, width)]),
    ...waits,
    ...nextSteps({ ...summary, state }, lineOf(deps, recorded.run, recorded.place)),
  ];
}
