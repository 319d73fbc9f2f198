import type { z } from 'zod';
import { invalidRequest, type ApiError } from './errors.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** Says what is wrong with a body in the provider's words: the first problem only, as the provider does. */
export function describeIssue(error: z.ZodError, body: unknown): ApiError {
  const [first] = error.issues;
  if (first === undefined) return invalidRequest('Invalid request.', null, null);
  const { issue, path } = innermost(first, first.path);
  const param = pathText(path);
  const value = valueAt(body, path);

  if (issue.code === 'unrecognized_keys') {
    const unknown = pathText([...path, issue.keys[0] ?? '']);
    return invalidRequest(`Unknown parameter: '${unknown}'.`, unknown, 'unknown_parameter');
  }
  if (value === undefined) {
    return invalidRequest(`Missing required parameter: '${param}'.`, param, 'missing_required_parameter');
  }
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(param, issue.expected, value);
    case 'too_small':
      return outOfBounds(param, 'below minimum', '>=', issue.minimum, value);
    case 'too_big':
      return typeof value === 'string'
        ? invalidRequest(
            `Invalid '${param}': string too long. Expected a string with maximum length ${issue.maximum}, but got a string with length ${value.length} instead.`,
            param,
            'string_above_max_length',
          )
        : outOfBounds(param, 'above maximum', '<=', issue.maximum, value);
    case 'invalid_value':
      return invalidValue(param, value, issue.values.map(String));
    case 'invalid_union':
      return typeof value === 'string'
        ? invalidValue(param, value, (issue as { options?: unknown[] }).options?.map(String) ?? [])
        : wrongType(param, 'string or array', value);
    case 'invalid_format':
      return invalidRequest(
        `Invalid '${param}': string does not match pattern. Expected a string that matches the pattern '${'pattern' in issue ? issue.pattern : ''}'.`,
        param,
        'invalid_value',
      );
    default:
      return invalidRequest(`Invalid '${param}'.`, param, 'invalid_value');
  }
}

const outOfBounds = (
  param: string,
  which: string,
  sign: string,
  bound: number | bigint,
  value: unknown,
): ApiError =>
  invalidRequest(
    `Invalid '${param}': integer ${which} value. Expected a value ${sign} ${bound}, but got ${String(value)} instead.`,
    param,
    `integer_${which.replace('minimum', 'min').replace('maximum', 'max').replace(' ', '_')}_value`,
  );

const wrongType = (param: string, expected: string, value: unknown): ApiError =>
  invalidRequest(
    `Invalid type for '${param}': expected ${named(expected)}, but got ${named(typeName(value))} instead.`,
    param,
    'invalid_type',
  );

function invalidValue(param: string, value: unknown, supported: string[]): ApiError {
  const quoted = supported.map((one) => `'${one}'`);
  const listed = quoted.length > 1 ? `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}` : quoted.join();
  return invalidRequest(
    `Invalid value: '${String(value)}'. Supported values are: ${listed}.`,
    param,
    'invalid_value',
  );
}

/** Of a union's branches, the problem of the one that came furthest. */
function innermost(issue: Issue, path: Path): { issue: Issue; path: Path } {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return { issue, path };
  const branches = issue.errors.flatMap(([first]) => (first === undefined ? [] : [first]));
  const wrongTypeOnly = (one: Issue): boolean => one.code === 'invalid_type' && one.path.length === 0;
  const [deepest] = branches
    .filter((one) => !wrongTypeOnly(one))
    .sort((a, b) => b.path.length - a.path.length);
  return deepest === undefined ? { issue, path } : innermost(deepest, [...path, ...deepest.path]);
}

/** `input[0].content[1].text`. */
function pathText(path: Path): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`))
    .join('');
}

function valueAt(body: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[part] : undefined,
    body,
  );
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'decimal';
  return typeof value;
}

function named(type: string): string {
  const name = type === 'int' ? 'integer' : type === 'record' ? 'object' : type;
  if (name === 'null') return name;
  return /^[aeiou]/.test(name) ? `an ${name}` : `a ${name}`;
}
