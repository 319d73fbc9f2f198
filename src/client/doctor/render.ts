import type { Colors } from 'picocolors/types.js';
import { plural } from '../../shared/phrases.ts';
import { pad, wrap } from '../render/format.ts';
import type { CheckResult, CheckState } from './check.ts';

/** Widths of the columns of states and titles. */
const STATE = 9;
const TITLE = 19;

/** One check for a person: state, title and what was found; below it, how to mend it. */
export function linesOf(
  { state, title, found, remedy }: CheckResult,
  width: number,
  colors: Colors,
): string[] {
  const room = Math.max(30, width - STATE - TITLE);
  const text = [
    ...wrap(found, room),
    ...(remedy === null ? [] : wrap(`${state === 'skipped' ? '' : 'Mend: '}${remedy}`, room)),
  ];
  return text.map((line, at) =>
    at === 0 ? coloured(state, colors) + pad(title, TITLE) + line : ' '.repeat(STATE + TITLE) + line,
  );
}

const coloured = (state: CheckState, colors: Colors): string => {
  const colour = { ok: colors.green, warn: colors.yellow, wrong: colors.red, skipped: colors.dim }[state];
  return colour(pad(state, STATE));
};

/** `2 links are wrong, 1 works with a loss, 9 are in order, 3 were not looked at.` */
export function summaryLine(results: readonly CheckResult[]): string {
  const n = (state: CheckState): number => results.filter((result) => result.state === state).length;
  const is = (count: number): string => (count === 1 ? 'is' : 'are');
  const parts = [
    n('wrong') === 0 ? 'Nothing is wrong' : `${plural(n('wrong'), 'link')} ${is(n('wrong'))} wrong`,
    ...(n('warn') === 0 ? [] : [`${n('warn')} ${n('warn') === 1 ? 'works' : 'work'} with a loss`]),
    `${n('ok')} ${is(n('ok'))} in order`,
    ...(n('skipped') === 0 ? [] : [`${n('skipped')} ${n('skipped') === 1 ? 'was' : 'were'} not looked at`]),
  ];
  return `${parts.join(', ')}.`;
}

/** One check for a machine; the keys are documented in docs/doctor.md. */
export const jsonOf = ({ name, title, state, found, remedy, ms }: CheckResult): string =>
  JSON.stringify({ check: name, title, state, found, remedy, ms });
