import type { RunRow } from '../../api.ts';
import { shareOf } from '../format.ts';
import { STATES } from '../words.ts';

/** What the list can be sorted by; with `-` the largest or newest first. */
const KEYS = ['started', 'run', 'state', 'source', 'progress', 'matches', 'tokens', 'duration'] as const;

export type SortKey = (typeof KEYS)[number];
export type RunSort = SortKey | `-${SortKey}`;

const DEFAULT_SORT: RunSort = '-started';

/** The order that an address asks for; the usual one for anything else. */
export function sortOf(text: string | null): RunSort {
  return KEYS.some((key) => text === key || text === `-${key}`) ? (text as RunSort) : DEFAULT_SORT;
}

/** The order that a column's head leads to: turned round where it is sorted by it, figures largest first otherwise. */
export function nextSort(key: SortKey, now: RunSort): RunSort {
  if (now === key) return `-${key}`;
  if (now === `-${key}`) return key;
  return key === 'run' || key === 'source' || key === 'state' ? key : `-${key}`;
}

/** How a column is sorted now, as `aria-sort` says it. */
export function sortedBy(key: SortKey, now: RunSort): 'ascending' | 'descending' | null {
  if (now === key) return 'ascending';
  return now === `-${key}` ? 'descending' : null;
}

export const tokensOf = (row: RunRow): number => row.inputTokens + row.outputTokens;

const matchesOf = (row: RunRow): number => row.prompts.reduce((sum, { matches }) => sum + matches, 0);

/** Questions without an answer, of those that are known. */
export const missingOf = (row: Pick<RunRow, 'questions' | 'answered'>): number =>
  Math.max(0, row.questions - row.answered);

/** States by how much they concern a person. */
const CONCERN: RunRow['state'][] = [
  'blocked',
  'failed',
  'interrupted',
  'incomplete',
  'paused',
  'running',
  'planning',
  'cancelled',
  'complete',
];

const VALUE: Record<SortKey, (row: RunRow) => number | string> = {
  started: (row) => row.startedAt,
  run: (row) => row.run,
  state: (row) => (row.problem === null ? CONCERN.indexOf(row.state) : -1),
  source: (row) => row.source,
  progress: (row) => shareOf(row.answered, row.questions),
  matches: matchesOf,
  tokens: tokensOf,
  duration: (row) => row.activeMs,
};

/** Sorts a copy; among equals the newest comes first, whatever the direction. */
export function sortRuns(rows: readonly RunRow[], sort: RunSort): RunRow[] {
  const down = sort.startsWith('-');
  const value = VALUE[(down ? sort.slice(1) : sort) as SortKey];
  const newest = (a: RunRow, b: RunRow): number => compare(b.startedAt, a.startedAt) || compare(b.run, a.run);
  return [...rows].sort((a, b) => {
    const order = compare(value(a), value(b));
    return (down ? -order : order) || newest(a, b);
  });
}

function compare(a: number | string, b: number | string): number {
  if (typeof a === 'string' && typeof b === 'string') return collator.compare(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}

const collator = new Intl.Collator('en', { numeric: true });

/** Runs in which every word is found: in the name, source, model, state or questions. */
export function searchRuns(rows: readonly RunRow[], text: string): RunRow[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    const said = [
      row.run,
      row.source,
      row.model,
      STATES[row.state].word,
      row.state,
      row.simulated ? 'simulated' : '',
      row.problem ?? '',
      ...row.prompts.map(({ name }) => name),
    ]
      .join('\n')
      .toLowerCase();
    return words.every((word) => said.includes(word));
  });
}

/** Address of the list with these settings; what is usual is left out. */
export function listPath(search: string, sort: RunSort): string {
  const query = new URLSearchParams();
  if (search !== '') query.set('q', search);
  if (sort !== DEFAULT_SORT) query.set('sort', sort);
  const text = query.toString();
  return text === '' ? '/' : `/?${text}`;
}

/** Ticks or unticks a run for the comparison; a third one is not taken. */
export function choose(chosen: readonly string[], run: string): string[] {
  if (chosen.includes(run)) return chosen.filter((one) => one !== run);
  return chosen.length < 2 ? [...chosen, run] : [...chosen];
}

/** The comparison of the chosen two, the older one at the left; `null` until there are two. */
export function comparePath(rows: readonly RunRow[], chosen: readonly string[]): string | null {
  const two = rows.filter(({ run }) => chosen.includes(run));
  if (two.length !== 2) return null;
  const [left, right] = two
    .sort((a, b) => a.startedAt.localeCompare(b.startedAt))
    .map(({ run }) => encodeURIComponent(run));
  return `/compare/${left}/${right}`;
}
