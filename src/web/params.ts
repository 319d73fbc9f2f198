import type { Context } from 'hono';
import { parseQuery, type PictureQuery } from '../shared/picture-query.ts';
import { PageProblem } from './problem.ts';
import type { PageEnv } from './streams.ts';

/** A run's name from the address. Nothing else gets into a path: a name holds no slash and does not start with a dot. */
export function runIn(c: Context<PageEnv>, name = 'run'): string {
  const run = c.req.param(name) ?? '';
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(run)) throw noSuchRun(run);
  return run;
}

export const noSuchRun = (run: string): PageProblem =>
  new PageProblem(
    404,
    `There is no run ${JSON.stringify(run.slice(0, 80))} in this results place, or its plan is still being made.`,
  );

/** A picture's place from the address. */
export function placeIn(c: Context<PageEnv>): number {
  const at = c.req.param('at') ?? '';
  if (!/^\d{1,9}$/.test(at)) throw noSuchPicture();
  return Number(at);
}

export const noSuchPicture = (): PageProblem => new PageProblem(404, 'The run has no such picture.');

/** Throws a `PictureQueryError`. */
export const queryIn = (c: Context<PageEnv>): PictureQuery => parseQuery(new URL(c.req.url).searchParams);

const MOST_TAKEN = 500;

/** Which part of a list is wanted. */
export function partIn(c: Context<PageEnv>): { from: number; take: number } {
  const number = (name: string, usual: number, least: number, most: number): number => {
    const text = c.req.query(name);
    if (text === undefined || text === '') return usual;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    if (value >= least && value <= most) return value;
    throw new PageProblem(400, `${name} must be a whole number from ${String(least)} to ${String(most)}.`);
  };
  return { from: number('from', 0, 0, 999_999_999), take: number('take', 60, 1, MOST_TAKEN) };
}

/** A POST's body, an object; an empty body is an empty one. Its size was bounded before. */
export async function bodyOf(c: Context<PageEnv>): Promise<object> {
  const text = await c.req.text();
  if (text === '') return {};
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = null;
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw new PageProblem(400, 'The body must be a JSON object.');
}
