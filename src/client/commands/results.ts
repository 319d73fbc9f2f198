import { printableJson } from '../../shared/redact.ts';
import type { ResultsFile } from '../../shared/results.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';
import { findRun, runsOf } from '../find-run.ts';
import { count, cut, of } from '../render/format.ts';
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
    if (questions.every(({ missing }) => missing.length === 0)) print('No answer is missing.');
    const pictures = [...new Set(questions.flatMap(({ missing }) => missing.map(({ image }) => image)))];
    if (pictures.length > 0) {
      print('');
      print('This run cannot ask them again. A new run asks every question about these pictures and');
      print('pays for all of them:');
      print(
        `${deps.calledAs} run ${quoted(file.settings.source)}${settingsOf(file, deps)} ${pictures.map((image) => `--include ${quoted(globOf(image))}`).join(' ')}`,
      );
    }
    return EXIT.ok;
  }
  overview(recorded.run, file.state, file.totals.found, questions, deps.terminal.columns()).forEach(print);
  print('');
  print(`All of it: ${recorded.place}/results.json`);
  return EXIT.ok;
}

/** Flags that make a new run ask as this one did, as far as the results tell; its prompts file they do not. */
function settingsOf({ settings }: ResultsFile, { config }: Deps): string {
  return (
    (settings.model === config.model ? '' : ` --model ${quoted(settings.model)}`) +
    (settings.detail === config.detail ? '' : ` --detail ${settings.detail}`)
  );
}

function overview(
  run: string,
  state: string,
  found: number,
  questions: QuestionResults[],
  width: number,
): string[] {
  const missing = questions.reduce((sum, question) => sum + found - question.answered, 0);
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
        { title: 'Pictures', shrinks: true },
      ],
      questions.map(({ id, name, matches, counted, answered }) => [
        name,
        id,
        count(matches.length),
        count(counted),
        of(answered, found),
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

/** For a shell to read; what a terminal would act on is written as bash and zsh spell it, and stays one line. */
const quoted = (text: string): string => {
  if (/^[\w./:@%+=-]+$/.test(text)) return text;
  const spelt = printableJson(JSON.stringify(text))
    .slice(1, -1)
    .replaceAll('\\"', '"')
    .replaceAll("'", "\\'");
  return /[\\]/.test(spelt) ? `$'${spelt}'` : `'${text}'`;
};

/** A glob that matches this name only. */
const globOf = (name: string): string => name.replace(/[*?[\]{}()!+@\\]/g, '\\$&');
