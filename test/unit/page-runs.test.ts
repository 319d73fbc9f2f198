import { describe, expect, test } from 'vitest';
import type { RunRow } from '../../src/web/api.ts';
import {
  choose,
  comparePath,
  listPath,
  missingOf,
  nextSort,
  type RunSort,
  searchRuns,
  sortedBy,
  sortOf,
  sortRuns,
} from '../../src/web/app/runs/list.ts';

const row = (run: string, rest: Partial<RunRow> = {}): RunRow => ({
  run,
  state: 'complete',
  source: 'gs://city-cameras/2025-11-25/',
  model: 'gpt-5-mini',
  simulated: false,
  startedAt: '2025-11-25T10:00:00.000Z',
  endedAt: '2025-11-25T11:00:00.000Z',
  activeMs: 1000,
  pictures: 10,
  listing: false,
  picturesComplete: 10,
  answered: 60,
  failed: 0,
  questions: 60,
  prompts: [{ id: 'pothole-detection', name: 'Pothole Detection', matches: 0 }],
  inputTokens: 100,
  outputTokens: 10,
  recalled: 0,
  problem: null,
  ...rest,
});

const names = (rows: RunRow[]): string[] => rows.map(({ run }) => run);

describe('the order', () => {
  const matched = (matches: number): RunRow['prompts'] => [{ id: 'a', name: 'A', matches }];
  const rows = [
    row('old', { startedAt: '2025-11-01T00:00:00.000Z', answered: 6, activeMs: 9000, prompts: matched(3) }),
    row('new', { startedAt: '2025-11-30T00:00:00.000Z', state: 'running', answered: 30, inputTokens: 900 }),
    row('mid', {
      startedAt: '2025-11-15T00:00:00.000Z',
      state: 'blocked',
      prompts: matched(30),
      answered: 0,
    }),
  ];

  test.each<[RunSort, string[]]>([
    ['-started', ['new', 'mid', 'old']],
    ['started', ['old', 'mid', 'new']],
    ['run', ['mid', 'new', 'old']],
    ['state', ['mid', 'new', 'old']],
    ['progress', ['mid', 'old', 'new']],
    ['-matches', ['mid', 'old', 'new']],
    ['-tokens', ['new', 'mid', 'old']],
    ['-duration', ['old', 'new', 'mid']],
    ['source', ['new', 'mid', 'old']],
  ])('by %s', (sort, expected) => {
    expect(names(sortRuns(rows, sort))).toEqual(expected);
  });

  test('names are sorted as numbers read, and the rows given stay as they are', () => {
    const given = [row('run-10'), row('run-9')];
    expect(names(sortRuns(given, 'run'))).toEqual(['run-9', 'run-10']);
    expect(names(given)).toEqual(['run-10', 'run-9']);
  });

  test('an unreadable run comes before all others of concern', () => {
    const rows = [row('a', { state: 'blocked' }), row('b', { state: 'failed', problem: 'no JSON' })];
    expect(names(sortRuns(rows, 'state'))).toEqual(['b', 'a']);
  });

  test.each<[string | null, RunSort]>([
    [null, '-started'],
    ['tokens', 'tokens'],
    ['-tokens', '-tokens'],
    ['--tokens', '-started'],
    ['__proto__', '-started'],
  ])('an address that says %s', (text, expected) => expect(sortOf(text)).toBe(expected));

  test('a column’s head turns the order round, and begins with the largest figure', () => {
    expect(nextSort('tokens', '-started')).toBe('-tokens');
    expect(nextSort('tokens', '-tokens')).toBe('tokens');
    expect(nextSort('source', '-started')).toBe('source');
    expect(nextSort('source', 'source')).toBe('-source');
    expect(sortedBy('tokens', '-tokens')).toBe('descending');
    expect(sortedBy('tokens', 'tokens')).toBe('ascending');
    expect(sortedBy('run', '-tokens')).toBeNull();
  });
});

describe('the search', () => {
  const rows = [
    row('20251126_025312', { state: 'incomplete' }),
    row('potholes', { source: '/data/roads', model: 'gpt-5', simulated: true }),
    row('broken', { state: 'failed', problem: 'run.json is no JSON', prompts: [], source: '' }),
  ];

  test.each([
    ['', ['20251126_025312', 'potholes', 'broken']],
    ['20251126', ['20251126_025312']],
    ['CITY missing', ['20251126_025312']],
    ['pothole', ['20251126_025312', 'potholes']],
    ['roads gpt-5 simulated', ['potholes']],
    ['no json', ['broken']],
    ['nowhere', []],
  ])('for %j', (text, expected) => expect(names(searchRuns(rows, text))).toEqual(expected));
});

test('the address says what is not usual', () => {
  expect(listPath('', '-started')).toBe('/');
  expect(listPath('a&b', '-started')).toBe('/?q=a%26b');
  expect(listPath('a', 'tokens')).toBe('/?q=a&sort=tokens');
});

test('what is missing is never less than nothing', () => {
  expect(missingOf({ questions: 6, answered: 4 })).toBe(2);
  expect(missingOf({ questions: 6, answered: 7 })).toBe(0);
});

test('two runs are chosen, and compared from the older to the newer', () => {
  const rows = [row('b', { startedAt: '2025-11-02T00:00:00.000Z' }), row('a'), row('c d')];
  expect(choose([], 'b')).toEqual(['b']);
  expect(choose(['b', 'a'], 'c d')).toEqual(['b', 'a']);
  expect(choose(['b', 'a'], 'b')).toEqual(['a']);
  expect(comparePath(rows, ['b'])).toBeNull();
  expect(comparePath(rows, ['c d', 'b'])).toBe('/compare/b/c%20d');
  expect(comparePath(rows, ['b', 'gone'])).toBeNull();
});
