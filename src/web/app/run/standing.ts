import type { RunDetail } from '../../api.ts';
import { count, counted, dateTime, roughly } from '../format.ts';
import { isLive, STATES } from '../words.ts';

/** How long a run still takes, or why nobody can say. Empty where the question makes no sense. */
export function remaining(run: Pick<RunDetail, 'state' | 'remainingMs' | 'listing'>): string {
  if (run.state !== 'running' && run.state !== 'planning') return '';
  if (run.remainingMs === null) return 'not known yet';
  return run.listing ? `more than ${roughly(run.remainingMs)}` : roughly(run.remainingMs);
}

/** What a run does now or how it ended, and how old that knowledge is where it is not of this moment. */
export function standing(
  run: Pick<RunDetail, 'state' | 'fresh' | 'unreadable' | 'updatedAt' | 'answered' | 'questions' | 'failed'>,
  now: number,
): string {
  const missing = run.questions - run.answered;
  const said =
    run.state === 'incomplete'
      ? `It has ended, and ${missingText(missing, run.failed)}.`
      : STATES[run.state].says;
  if (!isLive(run.state) || run.fresh || run.updatedAt === null) return said;
  const why =
    run.unreadable === null
      ? 'Its workflow does not answer now'
      : 'What its workflow says cannot be read here';
  return `${said} ${why}; this is its record of ${roughly(
    Math.max(0, now - Date.parse(run.updatedAt)),
  )} ago (${dateTime(run.updatedAt)}).`;
}

function missingText(missing: number, failed: number): string {
  const has = missing === 1 ? 'question has' : 'questions have';
  const unasked = missing - failed;
  if (failed === 0) return `${count(missing)} ${has} no answer`;
  return unasked > 0
    ? `${count(missing)} ${has} no answer: ${count(failed)} failed, ${count(unasked)} ${unasked === 1 ? 'was' : 'were'} not asked`
    : `${count(missing)} ${has} no answer because asking failed`;
}

/** Why the calls of a run that goes on do not leave at once. Empty where nothing waits. */
export function waits(run: Pick<RunDetail, 'waiting' | 'callsUnderWay'>): string {
  if (run.waiting === null || run.waiting === 0) return '';
  return `${counted(run.waiting, 'question')} ready, and kept back so that the limits hold`;
}

/** What those who hear the page are told when a run's state changes. */
export const changed = (run: Pick<RunDetail, 'run' | 'state'>): string =>
  `Run ${run.run}: ${STATES[run.state].word}`;
