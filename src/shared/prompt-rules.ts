/** Something in what a person gave that this person must mend. */
export interface Problem {
  /** Where it is: `instructions`, `prompts`, `prompts[2].id`; empty for the whole. */
  field: string;
  /** What stands there, shortened; empty where nothing does. */
  value: string;
  /** What stands there, what is wrong with it and what would be right: the rest of a line that begins with the field. */
  problem: string;
}

const MAX_PROMPTS = 100;
/** Of a prompt's text, and of the instructions. Some 1,000 tokens, paid with every single call. */
const MAX_TEXT = 4_000;
const MAX_NAME = 100;

/** Ids stand in file names, queries and object keys. */
const ID = /^[a-z0-9][a-z0-9-]{0,63}$/;

/**
 * Everything that is wrong with a set of prompts, in the order in which it stands there; none for a sound one. Takes
 * whatever was given (a parsed file, a workflow's input), so that both faces refuse the same things in the same words.
 */
export function promptSetProblems(given: unknown): Problem[] {
  if (!isRecord(given)) {
    return [problem('', given, 'must hold the fields "instructions" and "prompts"')];
  }
  return [
    ...unknownFields('', given, ['instructions', 'prompts']),
    ...textProblems('instructions', given.instructions, MAX_TEXT),
    ...listProblems(given.prompts),
  ];
}

function listProblems(prompts: unknown): Problem[] {
  if (!Array.isArray(prompts)) return [problem('prompts', prompts, 'must be a list of questions')];
  if (prompts.length === 0)
    return [problem('prompts', undefined, 'holds no question; add one with id, name and text')];
  if (prompts.length > MAX_PROMPTS) {
    const advice = `holds ${prompts.length} questions; at most ${MAX_PROMPTS} are asked in one run: split them`;
    return [problem('prompts', undefined, advice)];
  }
  const places = new Map<unknown, number>();
  return prompts.flatMap((prompt: unknown, index) => {
    const field = `prompts[${index}]`;
    if (!isRecord(prompt)) return [problem(field, prompt, 'must hold the fields "id", "name" and "text"')];
    const first = places.get(prompt.id);
    if (first === undefined) places.set(prompt.id, index);
    return [
      ...unknownFields(`${field}.`, prompt, ['id', 'name', 'text']),
      ...idProblems(`${field}.id`, prompt.id, first),
      ...nameProblems(`${field}.name`, prompt.name),
      ...textProblems(`${field}.text`, prompt.text, MAX_TEXT),
    ];
  });
}

function idProblems(field: string, id: unknown, first: number | undefined): Problem[] {
  if (id === undefined || id === null) return [problem(field, id, 'is missing; give a short, stable name')];
  if (typeof id !== 'string' || !ID.test(id)) {
    return [
      problem(field, id, 'must be 1 to 64 lower-case letters, digits and dashes, like "pothole-detection"'),
    ];
  }
  // The only word of that pattern which every JavaScript object already has.
  if (id === 'constructor') return [problem(field, id, 'is a reserved word; choose another')];
  if (first !== undefined) return [problem(field, id, `is the id of prompts[${first}] too; ids must differ`)];
  return [];
}

function nameProblems(field: string, name: unknown): Problem[] {
  const problems = textProblems(field, name, MAX_NAME);
  if (problems.length > 0 || typeof name !== 'string' || !/[\r\n\t]/.test(name)) return problems;
  return [problem(field, name, 'must be one line')];
}

function textProblems(field: string, text: unknown, max: number): Problem[] {
  if (text === undefined || text === null) return [problem(field, text, 'is missing; write it')];
  if (typeof text !== 'string') return [problem(field, text, 'must be text; put it in quotation marks')];
  if (text.trim() === '') return [problem(field, text, 'is empty; write it')];
  if (text.length > max) {
    return [problem(field, text, `has ${text.length} characters; at most ${max} are taken: shorten it`)];
  }
  if (CONTROL.test(text)) return [problem(field, text, 'holds a control character; remove it')];
  if (HALF.test(text)) return [problem(field, text, 'holds half of a character; remove it')];
  return [];
}

/** Control characters but for tab and the line ends; they would reach terminals. */
const CONTROL = /[^\P{Cc}\t\n\r]/u;

/** A lone surrogate: no UTF-8 text has it, and JSON needs six bytes for it. */
const HALF = /\p{Cs}/u;

/** Of a field that nobody knows; it is shown as it stands. So many of them are told of one question. */
const MAX_FIELD = 80;
const ODD_TOLD = 20;

function unknownFields(prefix: string, record: Record<string, unknown>, known: string[]): Problem[] {
  const odd = Object.keys(record).filter((key) => !known.includes(key));
  return odd
    .slice(0, ODD_TOLD)
    .map((key) => problem(prefix + key, record[key], `is unknown here; the fields are ${known.join(', ')}`));
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function problem(field: string, value: unknown, text: string): Problem {
  const at = printable(field.slice(0, MAX_FIELD));
  if (value === undefined || value === null) return { field: at, value: '', problem: text };
  const json = Array.isArray(value) ? '[…]' : typeof value === 'object' ? '{…}' : JSON.stringify(value);
  const shown = printable(json.length > 60 ? `${json.slice(0, 60)}…` : json);
  return { field: at, value: shown, problem: `${shown} ${text}` };
}

const printable = (text: string): string => text.replace(/\p{Cc}/gu, '\uFFFD');
