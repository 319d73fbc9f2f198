import { NONE, type PictureQuery, type PictureSort } from '../../../shared/picture-query.ts';
import type { PromptName } from './shown-answers.ts';
import { kindWords } from './shown-answers.ts';
import { hourName } from './heat.ts';

/** The query with some fields set anew; `undefined` takes one out. */
export function changed(
  query: PictureQuery,
  change: { [Field in keyof PictureQuery]?: PictureQuery[Field] | undefined },
): PictureQuery {
  const entries = Object.entries({ ...query, ...change }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries);
}

/**
 * The query about another prompt. Naming a prompt alone would filter nothing, so a person who chooses one means its
 * matches; who takes it back means no more what was said of it.
 */
export function aboutPrompt(query: PictureQuery, prompt: string | undefined): PictureQuery {
  if (prompt === undefined) return changed(query, { prompt, match: undefined, count: undefined });
  const says = query.match !== undefined || query.count !== undefined || query.error !== undefined;
  return changed(query, says ? { prompt } : { prompt, match: 'yes' });
}

/** One condition of a query as a person reads it, and the query without it. */
export interface Condition {
  field: keyof PictureQuery;
  words: string;
  without: PictureQuery;
}

/** What a query asks for, condition by condition; the order of the pictures is none. */
export function conditionsOf(query: PictureQuery, prompts: PromptName[]): Condition[] {
  const about = prompts.find(({ id }) => id === query.prompt)?.name ?? query.prompt;
  const of = about === undefined ? 'any question' : about;
  const conditions: Condition[] = [];
  const add = (field: keyof PictureQuery, words: string): void => {
    conditions.push({ field, words, without: changed(query, { [field]: undefined }) });
  };
  const { prompt, match, count, error, camera, day, hour, text } = query;
  if (match !== undefined) add('match', match === 'yes' ? `${of}: match` : `${of}: no match`);
  if (count !== undefined) add('count', `${of}: count at least ${count}`);
  if (error === 'any') add('error', `${of}: without an answer, any error`);
  else if (error === 'unasked') add('error', `${of}: not asked yet`);
  else if (error !== undefined) add('error', `${of}: ${kindWords(error)}`);
  if (prompt !== undefined && match === undefined && count === undefined && error === undefined)
    add('prompt', `about ${about}`);
  if (camera !== undefined) add('camera', camera === NONE ? 'no camera in the name' : `camera ${camera}`);
  if (day !== undefined) add('day', day === NONE ? 'no day in the name' : `day ${day}`);
  if (hour !== undefined) add('hour', hour === NONE ? 'no time in the name' : `hour ${hourName(hour)}`);
  if (text !== undefined) add('text', `text “${text}”`);
  return conditions;
}

/**
 * Whether answers that come later can put pictures in between those that are shown. In the order of their names or times
 * they stay where they are as long as nothing is asked of their answers.
 */
export const movesWithAnswers = ({ match, count, error, text, sort }: PictureQuery): boolean =>
  [match, count, error, text].some((asked) => asked !== undefined) || sort === 'count' || sort === '-count';

export const SORTS: { sort: PictureSort; words: string }[] = [
  { sort: 'name', words: 'Name, A to Z' },
  { sort: '-name', words: 'Name, Z to A' },
  { sort: 'time', words: 'Time, oldest first' },
  { sort: '-time', words: 'Time, newest first' },
  { sort: '-count', words: 'Count, largest first' },
  { sort: 'count', words: 'Count, smallest first' },
];

/** A whole number of at least 1 that a person typed, else `undefined`. */
export function countTyped(typed: string): number | undefined {
  const count = Number(typed.trim());
  return Number.isSafeInteger(count) && count >= 1 ? count : undefined;
}
