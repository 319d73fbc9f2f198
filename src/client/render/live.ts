import type { Colors } from 'picocolors/types.js';
import { inWords } from '../../shared/phrases.ts';
import type { RunState } from '../../shared/types.ts';
import type { LiveView } from '../live-view.ts';
import { bar, count, cut, duration, of, pad, percent } from './format.ts';

const BAR = 30;
const SIMULATED = 'SIMULATED: no model looks at the pictures';

const SAID: Record<RunState, string> = {
  planning: 'planning',
  running: 'running',
  paused: 'PAUSED',
  blocked: 'BLOCKED',
  complete: 'complete',
  incomplete: 'finished, some answers are missing',
  cancelled: 'cancelled',
  failed: 'failed',
};

/** The display of a run under way, one string a line, none wider than `width`. */
export function liveLines(view: LiveView, width: number, colors: Colors): string[] {
  const lines: string[] = [];
  const line = (text: string, paint: (text: string) => string = (t) => t): void => {
    lines.push(paint(cut(text, width)));
  };
  if (view.simulated) line(SIMULATED, colors.magenta);
  line(
    `${view.run} · ${SAID[view.state]}${view.fresh ? '' : ' (last record)'} · ${view.source}`,
    colors.bold,
  );
  const room = Math.max(5, Math.min(BAR, width - 50));
  line(
    `${bar(view.share, room)} ${percent(view.share)} · ${duration(view.elapsedMs)} · ${remaining(view)}`,
    view.state === 'running' ? colors.green : colors.yellow,
  );
  line(
    `pictures ${of(view.picturesDone, view.pictures)}${view.listing ? ' (listing)' : ''}` +
      ` · answers ${of(view.answered, view.questions)} · failed ${count(view.failed)}` +
      (view.skipped > 0 ? ` · skipped ${count(view.skipped)}` : ''),
  );
  line(
    `last minute: requests ${of(view.lastMinute.requests, view.limits.requestsPerMinute)}` +
      ` · tokens ${of(view.lastMinute.tokens, view.limits.tokensPerMinute)}`,
  );
  line(
    `calls under way ${count(view.callsUnderWay)} · waiting for the limiter ${count(view.waiting)}` +
      ` · 429s ${count(view.rateLimited)} · base64 fallbacks ${count(view.fallbacks)}`,
  );
  line('matches', colors.dim);
  for (const { name, matches } of view.prompts) line(`  ${pad(count(matches), 6, 'right')}  ${name}`);
  if (view.block !== null) {
    line(`BLOCKED: ${view.block.reason}`, colors.red);
    line(`  ${view.block.remedy}`, colors.yellow);
    if (view.block.nextProbeAt !== undefined)
      line(`  tries again by itself at ${view.block.nextProbeAt.slice(11, 19)} UTC`);
  }
  for (const failure of view.failures) {
    line(`! ${failure.kind}: ${failure.image} · ${failure.prompt}: ${failure.message}`, colors.red);
  }
  return lines;
}

/** The same in one plain line, for a log. */
export function plainLine(view: LiveView): string {
  const parts = [
    view.simulated ? `SIMULATED ${view.run}` : view.run,
    SAID[view.state],
    `pictures ${of(view.picturesDone, view.pictures)}`,
    `answers ${of(view.answered, view.questions)}`,
    `matches ${count(view.prompts.reduce((sum, { matches }) => sum + matches, 0))}`,
    `failed ${count(view.failed)}`,
    `under way ${count(view.callsUnderWay)}`,
    `last minute ${of(view.lastMinute.requests, view.limits.requestsPerMinute)} requests, ` +
      `${of(view.lastMinute.tokens, view.limits.tokensPerMinute)} tokens`,
    `429s ${count(view.rateLimited)}`,
    `fallbacks ${count(view.fallbacks)}`,
    remaining(view),
  ];
  return cut(parts.join(' · '), 1000);
}

function remaining(view: LiveView): string {
  if (view.state === 'paused' || view.state === 'blocked') return 'waits';
  if (view.remainingMs === null) return 'time remaining unknown';
  if (view.remainingMs === 0 && !view.listing) return 'last calls';
  return view.listing ? `over ${inWords(view.remainingMs)} left` : `${inWords(view.remainingMs)} left`;
}
