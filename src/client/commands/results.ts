import { printableJson } from '../../shared/redact.ts';
import { plural } from '../../shared/phrases.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';
import { findRun, runsOf } from '../find-run.ts';
import { summaryNow } from '../look-at-run.ts';
import { lineOf, nextSteps } from '../next-steps.ts';
import { count, cut, of } from '../render/format.ts';
import { honestState } from '../render/summary.ts';
import { table } from '../render/table.ts';
import { missingByPicture, resultsByQuestion, type QuestionResults } from '../results-view.ts';

export interface ResultsFlags {
  match?: string;
  missing?: boolean;
  json?: boolean;
  results?: string;
}

const SHOWN_PICTURES = 5;

/** `results [RUN]`: what the pictures of a run show, question by question. */
export async function resultsCommand(
  deps: Deps,
  name: string | undefined,
  flags: ResultsFlags,
): Promise<number> {
  const recorded = await findRun(deps, name, flags.results);
  const file = await runsOf(deps, flags.results).runs.results(recorded);
  if (file === null) {
    throw new UsageError(
      `Run ${recorded.run} has no results yet: \`${deps.calledAs} status ${recorded.run}\`.`,
    );
  }
  const print = (line: string): void => void deps.terminal.out.write(`${line}\n`);
  if (flags.json === true) {
    print(printableJson(JSON.stringify(file)));
    return EXIT.ok;
  }
  const questions = resultsByQuestion(file);
  if (flags.match !== undefined) {
    for (const { image } of questionOf(questions, flags.match).matches) print(cut(image, 4000));
    return EXIT.ok;
  }
  if (file.label !== undefined) print(file.label);
  if (flags.missing === true) {
    for (const { image, reason, questions: ids } of missingByPicture(questions)) {
      const which = ids.length === questions.length ? 'every question' : ids.join(', ');
      print(cut(`${image} · ${which}`, 4000));
      print(cut(`  ${reason}`, 4000));
    }
    const unasked = file.totals.found - file.images.length;
    if (unasked > 0) print(`${plural(unasked, 'more picture')}: not asked about yet`);
    const summary = summaryNow({ recorded, live: null }, deps.now());
    const state = honestState(summary.state, summary.counts, summary.images * summary.prompts.length);
    const none = unasked === 0 && questions.every(({ missing }) => missing.length === 0);
    print(none ? 'No answer is missing.' : '');
    const line = lineOf(deps, recorded.run, recorded.place);
    if (!none) nextSteps({ ...summary, state }, line, { which: false }).forEach(print);
    return EXIT.ok;
  }
  overview(recorded.run, file.state, file.totals.found, questions, deps.terminal.columns()).forEach(print);
  print('');
  print(`All of it: ${recorded.place}/results.json`);
  return EXIT.ok;
}

function overview(
  run: string,
  state: string,
  found: number,
  questions: QuestionResults[],
  width: number,
): string[] {
  const missing = questions.reduce((sum, question) => sum + found - question.answered, 0);
  const recalled = questions.some((question) => question.recalled > 0);
  const shown = state === 'complete' && missing > 0 ? 'incomplete' : state;
  return [
    `Run ${run}: ${shown}, ${count(found)} pictures${missing > 0 ? `, ${count(missing)} answers missing` : ''}`,
    '',
    ...table(
      [
        { title: 'Question' },
        { title: 'Id' },
        { title: 'Match', align: 'right' },
        { title: 'Counted', align: 'right' },
        { title: 'Answered', align: 'right' },
        ...(recalled ? [{ title: 'Recalled', align: 'right' as const }] : []),
        { title: 'Pictures', shrinks: true },
      ],
      questions.map(({ id, name, matches, counted, answered, recalled: ofThem }) => [
        name,
        id,
        count(matches.length),
        count(counted),
        of(answered, found),
        ...(recalled ? [count(ofThem)] : []),
        matches
          .slice(0, SHOWN_PICTURES)
          .map(({ image }) => image)
          .join(', ') + (matches.length > SHOWN_PICTURES ? ', …' : ''),
      ]),
      width,
    ),
  ];
}

function questionOf(questions: QuestionResults[], id: string): QuestionResults {
  const question = questions.find((candidate) => candidate.id === id);
  if (question !== undefined) return question;
  throw new UsageError(
    `--match is ${JSON.stringify(id)}: the run's questions are ${questions.map((known) => known.id).join(', ')}.`,
  );
}
