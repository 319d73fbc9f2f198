import { questionsOf } from '../../shared/counts.ts';
import pc from 'picocolors';
import { count, cut, of, recalledText } from './format.ts';
import { honestState, type Summary } from './summary.ts';
import { table } from './table.ts';

/** What the pictures of a run show, or those of them that were asked for. */
export interface ResultsView {
  summary: Summary;
  /** Pictures found of all, where not all of them are meant. */
  filtered: { found: number; of: number } | null;
  questions: {
    id: string;
    name: string;
    matches: number;
    counted: number;
    answered: number;
    /** Names of the first ones that match. */
    pictures: string[];
  }[];
}

/** A table of a run's matches, question by question. */
export function resultsLines(
  { summary, filtered, questions }: ResultsView,
  width: number,
  colored: boolean,
): string[] {
  const { counts } = summary;
  const colors = pc.createColors(colored);
  const asked = questionsOf(summary.images, summary.prompts.length, summary.counts);
  const state = honestState(summary.state, counts, asked);
  const missing = Math.max(0, asked - (counts?.answered ?? 0));
  const found = filtered?.found ?? summary.images;
  const title =
    `Run ${summary.run}: ${state}, ` +
    (filtered === null ? `${count(found)} pictures` : `${of(found, filtered.of)} pictures`) +
    (missing > 0 ? `, ${count(missing)} answers missing${filtered === null ? '' : ' in all'}` : '');
  const [titles = '', ...rows] = table(
    [
      { title: 'Question', shrinks: true },
      { title: 'Id', optional: true },
      { title: 'Match', align: 'right' },
      { title: 'Counted', align: 'right' },
      { title: 'Answered', align: 'right' },
      { title: 'Pictures', shrinks: true, optional: true },
    ],
    questions.map(({ id, name, matches, counted, answered, pictures }) => [
      name,
      id,
      count(matches),
      count(counted),
      of(answered, found),
      pictures.join(', ') + (matches > pictures.length ? ', …' : ''),
    ]),
    width,
  );
  return [
    state === 'complete' ? cut(title, width) : colors.yellow(cut(title, width)),
    '',
    colors.dim(titles),
    ...rows,
    ...(filtered === null && (counts?.recalled ?? 0) > 0 ? ['', recalledText(counts?.recalled ?? 0)] : []),
  ];
}
