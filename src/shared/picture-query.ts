import { daysIn } from './picture-name.ts';
import type { FailureKind } from './types.ts';

/** Which pictures of a run are wanted, and in what order. Every field is optional; all that are given must hold. */
export interface PictureQuery {
  /** Prompt id that `match`, `count` and `error` are about; without it each of them holds where it does for any prompt. */
  prompt?: string;
  /** `no`: answered and no match; without a prompt, that none of its answers is one. */
  match?: 'yes' | 'no';
  /** Matched with at least this count, 1 or more. */
  count?: number;
  /** Without an answer: for this reason, for any (`any`), or not asked yet (`unasked`). */
  error?: FailureKind | 'any' | 'unasked';
  /** {@link NONE}: pictures whose names tell no camera. */
  camera?: string;
  /** Civil day of the name, `2025-11-25`; {@link NONE}: the name tells no time. */
  day?: string;
  /** Civil hour of the name, 0 to 23; {@link NONE}: the name tells no time. */
  hour?: number | typeof NONE;
  /** In the name or in a description, whatever the case. */
  text?: string;
  /** `name` by default; `time` is the one in the name; `count` is the largest count, of the prompt if one is given. */
  sort?: PictureSort;
}

/** What a camera, day or hour is that a name does not tell. No camera is called so: `placeInName` sees to it. */
export const NONE = 'none';

export type PictureSort = 'name' | '-name' | 'time' | '-time' | 'count' | '-count';

/** A parameter that asks for nothing there can be. Its message is for a person: what is wrong, and what to give instead. */
export class PictureQueryError extends Error {
  override readonly name = 'PictureQueryError';
  readonly parameter: string;
  readonly value: string;
  readonly remedy: string;

  constructor(parameter: string, value: string, remedy: string) {
    super(`${parameter}=${JSON.stringify(value)} is not possible: ${remedy}`);
    this.parameter = parameter;
    this.value = value;
    this.remedy = remedy;
  }
}

const FAILURE_KINDS = Object.keys({
  RateLimited: true,
  SlowDown: true,
  ProviderError: true,
  Timeout: true,
  UrlUnreachable: true,
  OutputTruncated: true,
  InvalidAnswer: true,
  PictureNotSeen: true,
  PictureUnreadable: true,
  Blocked: true,
  RequestTooLarge: true,
  InvalidImage: true,
  NoVision: true,
  Refused: true,
  ContextTooLong: true,
  PictureGone: true,
  PictureChanged: true,
  Unclassified: true,
  Lost: true,
  Purged: true,
} satisfies Record<FailureKind, true>) as FailureKind[];

const MATCHES = ['yes', 'no'] as const;
const ERRORS = ['any', 'unasked', ...FAILURE_KINDS] as const;
const SORTS = ['name', '-name', 'time', '-time', 'count', '-count'] as const;

/** The parameters of a query, in the order in which an address shows them. */
const PARAMETERS = ['prompt', 'match', 'count', 'error', 'camera', 'day', 'hour', 'text', 'sort'] as const;

/**
 * A query from an address. An empty parameter is none; other parameters (`from`, `take`) are left alone. Whether a run
 * has the prompt is not known here.
 *
 * @throws PictureQueryError
 */
export function parseQuery(params: URLSearchParams): PictureQuery {
  const query: PictureQuery = {};
  for (const parameter of PARAMETERS) {
    const [value = '', second] = params.getAll(parameter);
    if (second !== undefined) throw new PictureQueryError(parameter, second, 'give it once.');
    if (value !== '') Object.assign(query, { [parameter]: parseValue(parameter, value) });
  }
  return query;
}

function parseValue(parameter: (typeof PARAMETERS)[number], value: string): string | number {
  switch (parameter) {
    case 'match':
      return oneOf(parameter, value, MATCHES);
    case 'error':
      return oneOf(parameter, value, ERRORS);
    case 'sort':
      return oneOf(parameter, value, SORTS);
    case 'count':
      return wholeNumber(parameter, value, 1, Number.MAX_SAFE_INTEGER, 'give a whole number, 1 or more.');
    case 'hour':
      if (value === NONE) return value;
      return wholeNumber(parameter, value, 0, 23, 'give a whole number from 0 to 23, or none.');
    case 'day':
      if (value === NONE || isDay(value)) return value;
      throw new PictureQueryError(parameter, value, 'give a day as in 2025-11-25, or none.');
    default:
      return value;
  }
}

function oneOf<T extends string>(parameter: string, value: string, possible: readonly T[]): T {
  const found = possible.find((one) => one === value);
  if (found === undefined)
    throw new PictureQueryError(parameter, value, `give one of ${possible.join(', ')}.`);
  return found;
}

function wholeNumber(parameter: string, value: string, least: number, most: number, remedy: string): number {
  const n = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!(n >= least && n <= most)) throw new PictureQueryError(parameter, value, remedy);
  return n;
}

function isDay(value: string): boolean {
  const [, year, month, day] = (/^(\d{4})-(\d{2})-(\d{2})$/.exec(value) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined) return false;
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
}

/** The query as an address's parameters, always in the same order, without `?`; empty for the empty query. */
export function formatQuery(query: PictureQuery): string {
  const params = new URLSearchParams();
  for (const parameter of PARAMETERS) {
    const value = query[parameter];
    if (value !== undefined && value !== '') params.set(parameter, String(value));
  }
  return params.toString();
}
