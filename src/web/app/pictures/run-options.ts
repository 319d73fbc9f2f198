import type { RunRow } from '../../api.ts';
import { dateTime } from '../format.ts';
import type { Option } from '../ui/field.tsx';

/** A name that a run gets where nobody gives one: the time of its start. */
const IS_TIME = /^\d{8}_\d{6}$/;

/** Runs to choose from: by name, with what tells them apart. */
export const runOptions = (rows: RunRow[]): Option[] =>
  rows.map(({ run, model, startedAt, problem }) => {
    const about = problem !== null ? [] : IS_TIME.test(run) ? [model] : [model, dateTime(startedAt)];
    return { value: run, text: [run, ...about].join(' · ') };
  });
