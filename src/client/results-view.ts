import type { ResultEntry, ResultsFile } from '../shared/results.ts';

/** A question's results over all pictures. */
export interface QuestionResults {
  id: string;
  name: string;
  /** Pictures with an answer. */
  answered: number;
  /** Of the answered, those that another run had paid for. */
  recalled: number;
  matches: { image: string; count: number; description: string }[];
  /** Sum of what was counted in the matching pictures. */
  counted: number;
  missing: { image: string; reason: string }[];
}

/** Pure: `results.json` by question. A picture without an outcome counts as missing. */
export function resultsByQuestion(file: ResultsFile): QuestionResults[] {
  return file.settings.prompts.map(({ id, name }) => {
    const entries = file.images.map((image) => ({ image: image.name, entry: image.answers[id] }));
    const matches = entries.flatMap(({ image, entry }) =>
      isAnswer(entry) && entry.match ? [{ image, count: entry.count, description: entry.description }] : [],
    );
    return {
      id,
      name,
      answered: entries.filter(({ entry }) => isAnswer(entry)).length,
      recalled: entries.filter(({ entry }) => isAnswer(entry) && entry.recalledFrom !== undefined).length,
      matches,
      counted: matches.reduce((sum, match) => sum + match.count, 0),
      missing: entries.flatMap(({ image, entry }) =>
        isAnswer(entry) ? [] : [{ image, reason: entry === undefined ? 'not asked yet' : reasonOf(entry) }],
      ),
    };
  });
}

/** Pure: missing answers, one entry a picture and reason. */
export function missingByPicture(
  questions: readonly QuestionResults[],
): { image: string; reason: string; questions: string[] }[] {
  const found = new Map<string, { image: string; reason: string; questions: string[] }>();
  for (const { id, missing } of questions) {
    for (const { image, reason } of missing) {
      const key = `${image}\n${reason}`;
      const entry = found.get(key) ?? { image, reason, questions: [] };
      found.set(key, { ...entry, questions: [...entry.questions, id] });
    }
  }
  return [...found.values()].sort((a, b) => a.image.localeCompare(b.image));
}

type Answered = Exclude<ResultEntry, { error: unknown }>;

const isAnswer = (entry: ResultEntry | undefined): entry is Answered =>
  entry !== undefined && !('error' in entry);

const reasonOf = (entry: ResultEntry): string =>
  'error' in entry ? `${entry.error.kind}: ${entry.error.message}` : '';
