import type { Colors } from 'picocolors/types.js';
import stringWidth from 'string-width';
import { inWords, plural } from '../../shared/phrases.ts';
import type { AccountLimits, FailureKind, FailureLine } from '../../shared/types.ts';
import type { LiveView } from '../live-view.ts';
import { bar, clock, count, cut, LABEL, labelled, of, pad, percent, recalledText } from './format.ts';

const BAR = 40;
/** Room beside the bar: percentage and time. */
const BESIDE_BAR = 14;
const LONGEST_NAME = 40;
const MATCH_BAR = 20;
/** A provider's own words may be long. */
const BLOCK_LINES = 4;
const SIMULATED = 'SIMULATED  no model looks at the pictures';

type Paint = (text: string) => string;

/**
 * The display of a run under way, one string a line, none wider than `width`. Every figure has its place from the first
 * look to the last; what comes and goes (a block, failures) stands below.
 *
 * @param keys - What the person's keys do while the run goes on.
 */
export function liveLines(view: LiveView, width: number, colors: Colors, keys = 'Ctrl-C pauses'): string[] {
  const lines: string[] = [];
  const line = (text: string, paint: Paint = (t) => t): void => void lines.push(paint(cut(text, width)));
  const fact = (label: string, text: string, paint: Paint = (t) => t): void => {
    const room = Math.max(0, width - LABEL);
    lines.push(colors.dim(cut(pad(label, LABEL), width)) + paint(cut(text, room)));
  };
  if (view.simulated) line(SIMULATED, colors.magenta);
  const going = view.state === 'running';
  const share = going ? Math.min(view.share, 0.999) : view.share;
  const room = Math.max(1, Math.min(BAR, width - BESIDE_BAR));
  line(
    `${bar(share, room)} ${pad(percent(share), 5, 'right')}  ${clock(view.elapsedMs)}`,
    going ? colors.green : colors.yellow,
  );
  fact('State', stateOf(view) + (going ? ` (${keys})` : ''), going ? undefined : colors.yellow);
  line('');
  fact('Pictures', `${of(view.picturesDone, view.pictures)}${view.listing ? ' found so far' : ''} done`);
  fact(
    'Answers',
    of(view.answered, view.questions) + (view.recalled > 0 ? `, ${recalledText(view.recalled)}` : ''),
  );
  fact(
    'Requests',
    `${count(view.lastMinute.requests)} in the last minute, ${allowed(view.limits.requestsPerMinute, view.limits)}`,
  );
  fact(
    'Tokens',
    `${count(view.lastMinute.tokens)} in the last minute, ${allowed(view.limits.tokensPerMinute, view.limits)}`,
  );
  fact('Calls', `${count(view.callsUnderWay)} under way, ${count(view.waiting)} waiting their turn`);
  const troubles = troublesOf(view);
  fact('Trouble', troubles, troubles === 'none' ? undefined : colors.yellow);
  line('');
  matchLines(view, width).forEach((text, at) => fact(at === 0 ? 'Matches' : '', text));
  if (view.block !== null) {
    line('');
    for (const text of labelled('BLOCKED', view.block.reason, width).slice(0, BLOCK_LINES))
      line(text, colors.red);
    for (const text of labelled('', view.block.remedy, width).slice(0, BLOCK_LINES))
      line(text, colors.yellow);
    if (view.block.nextProbeAt !== undefined)
      fact(
        '',
        `It tries again by itself at ${view.block.nextProbeAt.slice(11, 19)} UTC, and at once on \`resume\`.`,
      );
  }
  if (view.failures.length > 0) line('');
  for (const failure of view.failures) {
    line(`! ${whereOf(failure)}`, colors.red);
    line(`  ${failure.kind}: ${failure.message}`);
  }
  return lines;
}

/** One failure in one line. Cleaned by whoever prints it. */
export const failureText = (failure: FailureLine): string =>
  `${whereOf(failure)}: ${failure.kind}: ${failure.message}`;

/** Failures of a picture, which no question about it can escape. */
const OF_PICTURE: readonly FailureKind[] = [
  'InvalidImage',
  'RequestTooLarge',
  'PictureGone',
  'PictureChanged',
];

const whereOf = ({ image, prompt, kind }: FailureLine): string =>
  OF_PICTURE.includes(kind) ? `${image} · every question` : `${image} · ${prompt}`;

/** Before the plan is made there are no figures yet. */
export function planningLines(waitsFor: string | null, ms: number, width: number, colors: Colors): string[] {
  const lines = [`Planning: the source, the results place and the model are looked at   ${clock(ms)}`];
  if (waitsFor !== null) lines.push(`  ${waitsFor}`);
  return lines.map((text, at) => (at === 0 ? cut(text, width) : colors.yellow(cut(text, width * 3))));
}

/** The same in one plain line, for a log. */
export function plainLine(view: LiveView): string {
  const parts = [
    view.simulated ? `SIMULATED ${view.run}` : view.run,
    stateOf(view),
    `pictures ${of(view.picturesDone, view.pictures)}`,
    `answers ${of(view.answered, view.questions)}` +
      (view.recalled > 0 ? ` (${count(view.recalled)} recalled)` : ''),
    `matches ${count(view.prompts.reduce((sum, { matches }) => sum + matches, 0))}`,
    `failed ${count(view.failed)}`,
    `under way ${count(view.callsUnderWay)}`,
    `last minute ${of(view.lastMinute.requests, view.limits.requestsPerMinute)} requests, ` +
      `${of(view.lastMinute.tokens, view.limits.tokensPerMinute)} tokens`,
    `429s ${count(view.rateLimited)}`,
    `fallbacks ${count(view.fallbacks)}`,
  ];
  return cut(parts.join(' · '), 1000);
}

function stateOf(view: LiveView): string {
  const text = wordsOf(view);
  return view.fresh ? text : `${text} (as last recorded; the run does not answer now)`;
}

function wordsOf(view: LiveView): string {
  const calls = view.callsUnderWay;
  switch (view.state) {
    case 'running':
      return `running, ${remaining(view)}`;
    case 'paused':
      return calls > 0 ? `pausing: ${plural(calls, 'call')} still under way` : 'PAUSED';
    case 'blocked':
      return calls > 0 ? `BLOCKED, ${plural(calls, 'call')} still under way` : 'BLOCKED';
    case 'incomplete':
      return 'finished, some answers are missing';
    default:
      return view.state;
  }
}

function remaining(view: LiveView): string {
  if (view.remainingMs === null) return 'time remaining unknown';
  if (view.remainingMs === 0 && !view.listing) return 'last calls';
  return view.listing ? `over ${inWords(view.remainingMs)} left` : `${inWords(view.remainingMs)} left`;
}

/** A limit and who said so. */
const allowed = (limit: number, { from }: AccountLimits): string =>
  `${count(limit)} ${{ told: 'at most', headers: 'allowed by the provider', start: 'to begin with' }[from]}`;

function troublesOf(view: LiveView): string {
  const troubles: [number, string][] = [
    [view.failed, 'failed'],
    [view.skipped, 'skipped'],
    [view.rateLimited, 'answered 429'],
    [view.fallbacks, 'fell back to base64'],
  ];
  const there = troubles.filter(([n]) => n > 0).map(([n, what]) => `${count(n)} ${what}`);
  return there.length === 0 ? 'none' : there.join(', ');
}

/** A question's matches, with a bar that is full when every picture matches. */
function matchLines({ prompts, pictures }: LiveView, width: number): string[] {
  const names = prompts.map(({ name }) => cut(name, LONGEST_NAME));
  const longest = Math.max(0, ...names.map((name) => stringWidth(name)));
  const digits = count(pictures).length;
  const room = Math.min(MATCH_BAR, width - LABEL - longest - digits - 4);
  return prompts.map(({ matches }, at) => {
    const long = room < 4 || pictures === 0 ? 0 : Math.ceil((matches / pictures) * room);
    return `${pad(names[at] ?? '', longest)}  ${pad(count(matches), digits, 'right')}  ${'■'.repeat(long)}`.trimEnd();
  });
}
