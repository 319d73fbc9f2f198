import type { RunRow } from '../../api.ts';
import { dateTime } from '../format.ts';
import type { Option } from '../ui/field.tsx';

/** Runs to choose from: by name, with what tells them apart. */
export const runOptions = (rows: RunRow[]): Option[] =>
  rows.map(({ run, model, startedAt, problem }) => ({
    value: run,
    text: problem === null ? `${run} · ${model} · ${dateTime(startedAt)}` : run,
  }));
