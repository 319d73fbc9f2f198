import { questionsOf } from '../../shared/counts.ts';
import { plural } from '../../shared/phrases.ts';
import type { Counts, RunState } from '../../shared/types.ts';
import { count, cut, duration, labelled, of, recalledText } from './format.ts';
import { table } from './table.ts';

/** What is said of a run that has ended or stands still. */
export interface Summary {
  run: string;
  state: RunState | 'interrupted';
  simulated: boolean;
  images: number;
  /** More pictures may come: the totals are of those found so far. */
  listing: boolean;
  skipped: number;
  prompts: { id: string; name: string }[];
  /** `null` where nothing is recorded yet: unknown is not 0. */
  counts: Counts | null;
  /** Age of the record that the numbers are from, in milliseconds; `null`: they are the run's own, of this moment. */
  recordedMsAgo: number | null;
  /** Folder or `gs://` place of the run. */
  results: string;
  elapsedMs: number | null;
}

/** Stands above whatever is told of a run whose model is a simulator. */
export const SIMULATED = 'SIMULATED: no model looked at the pictures; every answer is made up.';

const TITLE: Record<Summary['state'], string> = {
  planning: 'is planning',
  running: 'is running',
  paused: 'is PAUSED',
  blocked: 'is BLOCKED',
  complete: 'is complete',
  incomplete: 'has finished, but some answers are missing',
  cancelled: 'was cancelled',
  failed: 'failed',
  interrupted: 'was interrupted; no worker is at it now',
};

/** The state as it may be shown: never complete while an answer is missing. */
export function honestState(
  state: Summary['state'],
  counts: Counts | null,
  questions: number,
): Summary['state'] {
  return state === 'complete' && (counts?.answered ?? 0) < questions ? 'incomplete' : state;
}

/** Table of matches, totals and where the results are. */
export function summaryLines(summary: Summary, width: number): string[] {
  const { counts, prompts } = summary;
  const questions = questionsOf(summary.images, prompts.length, counts);
  const state = honestState(summary.state, counts, questions);
  const fact = (label: string, text: string): string[] => labelled(label, text, width);
  const title = [...(summary.simulated ? [SIMULATED] : []), `Run ${summary.run} ${TITLE[state]}.`, ''];
  if (counts === null)
    return [...title, ...fact('Recorded', 'nothing yet; results come a moment after the first answers')];
  const failures = Object.entries(counts.failures).sort(([, a], [, b]) => b - a);
  const unasked = Math.max(0, questions - counts.answered - counts.failed);
  return [
    ...title,
    ...table(
      [
        { title: 'Question', shrinks: true },
        { title: 'Pictures that match', align: 'right' },
      ],
      prompts.map(({ id, name }) => [name, count(counts.matches[id] ?? 0)]),
      width,
    ),
    '',
    ...fact(
      'Pictures',
      `${of(counts.imagesComplete, summary.images)} with every answer${summary.listing ? ' (still listing)' : ''}` +
        (summary.skipped > 0 ? `, ${count(summary.skipped)} skipped` : ''),
    ),
    ...fact(
      'Answers',
      of(counts.answered, questions) +
        (counts.failed > 0 ? `, ${count(counts.failed)} failed` : '') +
        (state === 'interrupted'
          ? ' recorded so far'
          : unasked > 0
            ? `, ${count(unasked)} not there yet`
            : ''),
    ),
    ...(counts.recalled > 0 ? fact('', recalledText(counts.recalled)) : []),
    ...(failures.length > 0
      ? fact('Failures', failures.map(([kind, n]) => `${kind} ${count(n)}`).join(', '))
      : []),
    ...fact(
      'Tokens',
      `${count(counts.inputTokens)} in (${count(counts.cachedTokens)} cached), ` +
        `${count(counts.outputTokens)} out; ${count(counts.charged)} counted against the limit`,
    ),
    ...fact(
      'Calls',
      `${count(counts.tries)}, ${count(counts.rateLimited)} answered 429, ` +
        `${count(counts.fallbacks)} fell back to base64`,
    ),
    ...(counts.possiblyPaid > 0
      ? fact(
          'Given up',
          `${plural(counts.possiblyPaid, 'call')} while under way, by a cancel: possibly paid, without an answer`,
        )
      : []),
    ...(summary.elapsedMs === null ? [] : fact('Time', duration(summary.elapsedMs))),
    ...(summary.recordedMsAgo === null
      ? []
      : fact('Recorded', `${duration(summary.recordedMsAgo)} ago${state === 'interrupted' ? LATER : ''}`)),
    ...fact('Results', `${summary.results}/results.json`),
  ];
}

/** What the last record of an interrupted run leaves out. */
const LATER = '; answers that came later are kept too, and count again when the run goes on';

/** The same in one plain line, for a log. */
export function recordLine({
  run,
  state,
  simulated,
  images,
  prompts,
  counts,
  recordedMsAgo,
}: Summary): string {
  const questions = questionsOf(images, prompts.length, counts);
  const parts = [
    simulated ? `SIMULATED ${run}` : run,
    honestState(state, counts, questions),
    ...(counts === null
      ? ['nothing recorded yet']
      : [
          `answers ${of(counts.answered, questions)}`,
          `matches ${count(Object.values(counts.matches).reduce((sum, n) => sum + n, 0))}`,
          `failed ${count(counts.failed)}`,
        ]),
    ...(recordedMsAgo === null ? [] : [`recorded ${duration(recordedMsAgo)} ago`]),
  ];
  return cut(parts.join(' · '), 1000);
}
