import { jsonBytes } from './cut.ts';
import { type Problem, promptSetProblems } from './prompt-rules.ts';
import type { ResumeInput, RunInput } from './types.ts';

/** Pictures side by side in one child: more would make a child's history and its shard too large. */
export const MAX_BATCH_SIZE = 16;
export const MAX_CONCURRENCY = 10_000;
/** Pictures that a person can name to be asked again. */
export const MAX_ONLY = 1_000;
/** Pictures of a run. */
export const MAX_LIMIT = 10_000_000;
/** Questions in one batch, so that its results stay below Temporal's 2 MB a payload (`test/unit/payload-bounds.test.ts`). */
export const MAX_QUESTIONS_IN_BATCH = 200;

/** Names of pictures that a run carries along while it goes on, all together, in bytes of JSON. */
const MAX_ONLY_BYTES = 400_000;
/** The longest path that Linux takes; a `gs://` address has at most 1,300 characters. */
const MAX_PLACE = 4_096;
const MAX_GLOBS = 100;
/** Of all globs of a list together. */
const MAX_GLOBS_BYTES = 100_000;
/** So many problems are told at once: whoever mends them sees the others. */
const PROBLEMS_TOLD = 20;

type Rule = (value: unknown) => string | null;

const isGcs = (text: string): boolean => /^gs:\/\/[a-z0-9][a-z0-9._-]+(\/[^]*)?$/.test(text);
const isAbsolute = (text: string): boolean => /^(\/|[A-Za-z]:[\\/])/.test(text);

const place: Rule = (value) => {
  if (typeof value !== 'string' || value === '')
    return 'must be a text: gs://bucket/prefix/ or the absolute path of a folder';
  if (value.length > MAX_PLACE) return `has more than ${MAX_PLACE} characters, which no folder or bucket has`;
  if (isGcs(value) || isAbsolute(value)) return null;
  // Before the relative paths: a misspelt address (gs:/bucket, GS://Bucket, s3://…) was not meant as a folder.
  if (/^gs\b|^\w+:/i.test(value))
    return 'is no bucket address: write gs://bucket/prefix/, with the bucket in small letters';
  return 'is a relative path, which means nothing to a worker elsewhere: give the absolute path, or gs://bucket/prefix/';
};

const modelName: Rule = (value) =>
  typeof value === 'string' && /^[\x21-\x7e]{1,100}$/.test(value)
    ? null
    : 'must be the name of a model, such as gpt-4o';

const wholeNumber =
  (least: number, most: number): Rule =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? null
      : `must be a whole number from ${least} to ${most}`;

const globs: Rule = (value) => {
  if (!Array.isArray(value) || !value.every((glob) => typeof glob === 'string' && glob !== ''))
    return 'must be a list of globs, such as ["**/*.jpg"]';
  return value.length > MAX_GLOBS || bytesOf(value) > MAX_GLOBS_BYTES
    ? `holds too much: at most ${MAX_GLOBS} globs and ${MAX_GLOBS_BYTES} bytes in all; use globs that match more`
    : null;
};

const webAddress: Rule = (value) => {
  if (typeof value !== 'string' || value.length > 1_000 || !/^https?:\/\/[^\s/]+(\/\S*)?$/.test(value))
    return 'must be an address such as https://example.org/told';
  return /^https?:\/\/[^/]*@/.test(value)
    ? 'holds a user or a password, which would be kept in history: leave them out'
    : null;
};

const yesOrNo: Rule = (value) => (typeof value === 'boolean' ? null : 'must be true or false');

const runName: Rule = (value) =>
  typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value)
    ? null
    : 'must be letters, digits, dots, dashes and underscores, 64 at most, such as 20251126_025312';

const pictures: Rule = (value) => {
  const isList =
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= MAX_ONLY &&
    value.every((name) => typeof name === 'string' && name !== '');
  if (!isList) return `must be a list of names or identities of pictures, ${MAX_ONLY} at most`;
  return bytesOf(value) > MAX_ONLY_BYTES
    ? `holds more than ${MAX_ONLY_BYTES} bytes of names: name fewer pictures at once`
    : null;
};

const bytesOf = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + jsonBytes(text) + 3, 0);

const retryRules = { refused: yesOrNo, only: pictures };

const resumeRules: { [F in keyof Required<ResumeInput>]: Rule } = {
  resumeOf: runName,
  results: place,
  serverIsGone: yesOrNo,
  ...retryRules,
};

const rules: { [F in keyof Required<RunInput>]: Rule } = {
  source: place,
  results: place,
  name: runName,
  prompts: (value) => (isRecord(value) ? null : 'must be { instructions, prompts: [{ id, name, text }] }'),
  model: modelName,
  detail: (value) => (['low', 'high', 'auto'].includes(value as string) ? null : 'must be low, high or auto'),
  batchSize: wholeNumber(1, MAX_BATCH_SIZE),
  concurrency: wholeNumber(1, MAX_CONCURRENCY),
  include: globs,
  exclude: globs,
  limit: wholeNumber(1, MAX_LIMIT),
  fresh: yesOrNo,
  notify: webAddress,
};

const unknownField =
  (known: object, what: string): Rule =>
  () =>
    `stands in what is no field of ${what}; known are ${Object.keys(known).join(', ')}`;

/**
 * What is wrong with what a person gave to `analyzeImages`, for a new run or for one that goes on, field by field, the
 * first twenty problems of it; empty when nothing is. Pure, so that the workflow and the command line say the same. It
 * looks at the input alone: whether the source is there is the plan's to find out.
 */
export function checkRunInput(input: unknown): Problem[] {
  if (!isRecord(input)) {
    return [
      {
        field: 'input',
        value: shown(input),
        problem: `${shown(input)} must be an object such as {"source":"gs://bucket/prefix/"}`,
      },
    ];
  }
  if (input.resumeOf !== undefined)
    return fieldProblems(input, resumeRules, 'a run that goes on, whose plan stands');
  const missing = {
    field: 'source',
    value: '',
    problem: 'is missing: give gs://bucket/prefix/ or the absolute path of a folder',
  };
  const problems = [
    ...(input.source === undefined ? [missing] : []),
    ...fieldProblems(input, rules, 'a run'),
    ...(isRecord(input.prompts) ? promptSetProblems(input.prompts) : []).map((p) => ({
      ...p,
      field: `prompts.${p.field}`,
    })),
  ];
  return problems.slice(0, PROBLEMS_TOLD);
}

/** What is wrong with which answers are to be asked again; empty when nothing is. */
export function checkRetry(retry: unknown): Problem[] {
  if (retry === undefined || retry === null) return [];
  if (isRecord(retry)) return fieldProblems(retry, retryRules, 'what is asked again');
  const problem = `${shown(retry)} must be an object such as {"refused":true}`;
  return [{ field: 'retryFailed', value: shown(retry), problem }];
}

/** The first {@link PROBLEMS_TOLD} of them: there may be a hundred thousand fields in 2 MB. */
function fieldProblems(
  input: Record<string, unknown>,
  known: Readonly<Record<string, Rule>>,
  what: string,
): Problem[] {
  const problems: Problem[] = [];
  for (const [field, value] of Object.entries(input)) {
    if (problems.length === PROBLEMS_TOLD) break;
    if (value === undefined) continue;
    const rule = (Object.hasOwn(known, field) ? known[field] : undefined) ?? unknownField(known, what);
    const problem = rule(value);
    if (problem === null) continue;
    problems.push({ field: shortened(field), value: shown(value), problem: `${shown(value)} ${problem}` });
  }
  return problems;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const shown = (value: unknown): string => {
  return shortened(JSON.stringify(value) ?? String(value));
};

const shortened = (text: string): string => {
  const start = printable(text.slice(0, 81));
  return start.length > 80 ? `${start.slice(0, 80)}…` : start;
};

/** What a person gave, without the control characters that would reach a terminal. */
const printable = (text: string): string => text.replace(/\p{Cc}/gu, '\uFFFD');
