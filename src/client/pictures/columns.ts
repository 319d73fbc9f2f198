import { placeInName } from '../../shared/picture-name.ts';
import type { FailureKind } from '../../shared/types.ts';

/** Most pictures of a page: a picture's place in its run is page × 1,000 + its index in the page. */
export const PAGE_PICTURES = 1_000;

/** {@link Pictures.answer} of a question that was not asked yet. */
export const UNASKED = -1;

export const isAnswered = (code: number): boolean => code >= 0;
export const isMatch = (code: number): boolean => code > 0;
export const isFailed = (code: number): boolean => code < UNASKED;

/**
 * What lists, filters and sums need of a run's pictures, in columns: some 50 bytes a picture beside its name. Never
 * changes; a run that goes on gets another one. Pictures are named by their place; not every number below `end` is one.
 */
export interface Pictures {
  /** In the plan's order; a prompt is named by its number in it. */
  readonly prompts: readonly { id: string; name: string }[];
  /** How many there are. */
  readonly size: number;
  /** Every place is below it. */
  readonly end: number;
  /** By place; the same array as long as no picture came. */
  readonly names: readonly (string | undefined)[];
  has(at: number): boolean;
  name(at: number): string;
  camera(at: number): string | null;
  /** Civil time of the name in milliseconds since 1970, as if it were UTC; `NaN` where it tells none. */
  clock(at: number): number;
  /** The same number for the same content (an identity's hash of 53 bits). */
  content(at: number): number;
  /**
   * The count where it matched, at least 1; 0 where it did not; {@link UNASKED}; below that a failure, whose kind
   * {@link kind} tells.
   */
  answer(prompt: number, at: number): number;
  kind(code: number): FailureKind;
}

/** The next state of some pictures, made from the one before; that one stays as it is. */
export interface Draft {
  picture(at: number, ref: { name: string; identity: string }): void;
  /** `value`: as in an index line. A prompt that the plan has not is passed over. */
  answer(at: number, prompt: string, value: number | FailureKind): void;
  /** The new state; the old one when nothing is new. */
  finish(): Columns;
}

/** {@link Pictures} with the arrays that hold them. */
export interface Columns extends Pictures {
  readonly arrays: Arrays;
}

interface Arrays {
  names: (string | undefined)[];
  contents: Float64Array;
  clocks: Float64Array;
  cameras: Int32Array;
  answers: Int32Array[];
  /** Names of cameras and kinds of failure, by number. Only added to, and so shared by all states of a run. */
  cameraNames: Interned<string>;
  kinds: Interned<FailureKind>;
}

/** Of a run of which nothing is known yet. */
export const noPictures = (prompts: readonly { id: string; name: string }[]): Columns =>
  columnsOf(prompts, 0, {
    names: [],
    contents: new Float64Array(),
    clocks: new Float64Array(),
    cameras: new Int32Array(),
    answers: prompts.map(() => new Int32Array()),
    cameraNames: intern(),
    kinds: intern(),
  });

function columnsOf(prompts: Pictures['prompts'], size: number, arrays: Arrays): Columns {
  const { names, contents, clocks, cameras, answers, cameraNames, kinds } = arrays;
  return {
    arrays,
    prompts,
    size,
    names,
    end: names.length,
    has: (at) => names[at] !== undefined,
    name: (at) => names[at] ?? '',
    camera: (at) => cameraNames.values[cameras[at] ?? NONE] ?? null,
    clock: (at) => clocks[at] ?? NaN,
    content: (at) => contents[at] ?? NaN,
    answer: (prompt, at) => answers[prompt]?.[at] ?? UNASKED,
    kind: (code) => kinds.values[UNASKED - 1 - code] ?? 'Unclassified',
  };
}

/** @param end - Every place of the new state is below it. */
export function draftOf(before: Columns, end: number): Draft {
  const { prompts, arrays: old } = before;
  const length = Math.max(end, before.end);
  const numberOf = new Map(prompts.map(({ id }, prompt) => [id, prompt]));
  const answers = old.answers.map((column) => grown(column, Int32Array, length, UNASKED));
  let named: Pick<Arrays, 'names' | 'contents' | 'clocks' | 'cameras'> = old;
  let { size } = before;
  let changed = false;

  const nameable = (): typeof named => {
    if (named !== old) return named;
    changed = true;
    const names = old.names.slice();
    while (names.length < length) names.push(undefined);
    return (named = {
      names,
      contents: grown(old.contents, Float64Array, length, NaN),
      clocks: grown(old.clocks, Float64Array, length, NaN),
      cameras: grown(old.cameras, Int32Array, length, NONE),
    });
  };

  return {
    picture(at, { name, identity }) {
      if (named.names[at] === name) return;
      const { names, contents, clocks, cameras } = nameable();
      if (names[at] === undefined) size += 1;
      const { camera, time } = placeInName(name);
      names[at] = name;
      contents[at] = hash(identity);
      clocks[at] = time === null ? NaN : Date.parse(`${time}Z`);
      cameras[at] = camera === null ? NONE : old.cameraNames.numberOf(camera);
    },
    answer(at, prompt, value) {
      const column = answers[numberOf.get(prompt) ?? NONE];
      if (column === undefined) return;
      const code =
        typeof value === 'number' ? Math.min(value, MOST) : UNASKED - 1 - old.kinds.numberOf(value);
      if (column[at] === code) return;
      column[at] = code;
      changed = true;
    },
    finish: () => (changed ? columnsOf(prompts, size, { ...old, ...named, answers }) : before),
  };
}

const NONE = -1;
/** The largest number of an `Int32Array`. */
const MOST = 2 ** 31 - 1;

function grown<T extends Int32Array | Float64Array>(
  old: T,
  Kind: new (length: number) => T,
  length: number,
  filler: number,
): T {
  const column = new Kind(length);
  column.set(old);
  column.fill(filler, old.length);
  return column;
}

interface Interned<T> {
  readonly values: T[];
  numberOf(value: T): number;
}

function intern<T>(): Interned<T> {
  const numbers = new Map<T, number>();
  const values: T[] = [];
  return {
    values,
    numberOf(value) {
      const known = numbers.get(value);
      if (known !== undefined) return known;
      numbers.set(value, values.length);
      return values.push(value) - 1;
    },
  };
}

/** 53 bits: two FNV-1a hashes of different starts. */
function hash(text: string): number {
  let [high, low] = [0x811c9dc5, 0x1b873593];
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code, 0x85ebca6b);
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}
