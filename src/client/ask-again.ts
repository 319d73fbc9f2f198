import { files } from '../shared/names.ts';
import type { ResultStore } from '../shared/result-store.ts';
import { checkRetry } from '../shared/run-input.ts';
import type { ImagePage, Retry } from '../shared/types.ts';
import { UsageError } from './deps.ts';
import { quoted } from './quoted.ts';
import type { RecordedRun } from './runs.ts';

/** Flags of `resume` and `retry-failed` that say which failures are asked again. */
export interface RetryFlags {
  refused?: boolean;
  only?: string[];
}

/** What the flags ask for; empty when none was given. Throws a {@link UsageError}. */
export function retryOf({ refused, only }: RetryFlags): Retry {
  const retry: Retry = {
    ...(refused === true ? { refused } : {}),
    ...(only === undefined ? {} : { only }),
  };
  const [problem] = checkRetry(retry);
  if (problem !== undefined) throw new UsageError(`--${problem.field} is ${problem.problem}.`);
  return retry;
}

/** The flags again, as they follow a command line. */
export const flagsOf = ({ refused, only = [] }: Retry): string =>
  [...(refused === true ? [' --refused'] : []), ...only.map((name) => ` --only ${quoted(name)}`)].join('');

/** Some 200 KB each: read in a second or two also from a bucket. */
const PAGES_READ = 20;

/**
 * Checks the pictures that `--only` names against those that the run has listed, before anything is started for them.
 * Leaves a run of more than 20,000 pictures, and one that is still being listed, to the run itself.
 * Throws a {@link UsageError} that names the unknown one, and one that is near it.
 */
export async function checkOnly(store: ResultStore, run: RecordedRun, { only }: Retry): Promise<void> {
  if (only === undefined || run.progress?.listed !== true) return;
  const pages = await store.list('images');
  if (pages.length > PAGES_READ) return;
  const names: string[] = [];
  const unknown = new Set(only);
  for (let page = 0; page < pages.length && unknown.size > 0; page += 1) {
    const text = await store.read(files.page(page));
    if (text === null) return;
    for (const { name, identity } of (JSON.parse(text) as ImagePage).images) {
      names.push(name);
      unknown.delete(name);
      unknown.delete(identity);
    }
  }
  const [first] = unknown;
  if (first === undefined) return;
  const near = nearest(first, names);
  throw new UsageError(
    `--only is ${JSON.stringify(first)}: run ${run.run} has no picture of that name` +
      (near === null ? '.' : `; did you mean ${JSON.stringify(near)}?`),
  );
}

/** The name that is meant, if one is near: the same file in another folder, or a few letters away. Pure. */
export function nearest(wanted: string, names: readonly string[]): string | null {
  const fileOf = (name: string): string => (name.split('/').at(-1) ?? name).toLowerCase();
  const same = names.find((name) => fileOf(name) === fileOf(wanted));
  if (same !== undefined) return same;
  const most = Math.max(1, Math.floor(wanted.length / 4));
  let best: { name: string; distance: number } | null = null;
  for (const name of names) {
    const compared = wanted.includes('/') ? name.toLowerCase() : fileOf(name);
    const distance = distanceOf(wanted.toLowerCase(), compared, best?.distance ?? most + 1);
    if (distance < (best?.distance ?? most + 1)) best = { name, distance };
  }
  return best?.name ?? null;
}

/** Levenshtein's distance, or `limit` when it is that or more. */
function distanceOf(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    if (Math.min(...next) >= limit) return limit;
    row = next;
  }
  return Math.min(limit, row.at(-1) ?? limit);
}
