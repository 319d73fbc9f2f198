import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { checkRunInput } from '../../src/shared/run-input.ts';

const document = readFileSync('SECURITY.md', 'utf8');

/** `[test/unit/x.test.ts](test/unit/x.test.ts) “name of a test”` */
const named = [...document.matchAll(/\[(test\/[\w./-]+)\]\(([\w./-]+)\) “([^”]+)”/g)].map(
  ([, text = '', file = '', name = '']) => ({ text, file, name }),
);

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

describe('SECURITY.md', () => {
  test('names a test in every row of what is defended', () => {
    const sections = document.split(/^## /m).slice(3);
    const rows = sections.flatMap((section) =>
      section.split('\n').filter((line) => /^\| (?!-|threat|where)/.test(line)),
    );
    expect(rows.length).toBeGreaterThan(30);
    const bare = rows.filter((row) => !/\]\(test\//.test(row));
    expect(bare.map((row) => row.split('|')[1]?.trim())).toEqual(['a known hole in a package']);
  });

  test.each(named)('$file has “$name”', ({ text, file, name }) => {
    expect(text).toBe(file);
    // As a test's own name, or as the first cell of a row of its table.
    const source = readFileSync(file, 'utf8').replaceAll("\\'", "'");
    expect(source).toMatch(new RegExp(`[(\\[]\\s*['"\`]${escaped(name)}['"\`]`));
  });

  test.each(
    [...document.matchAll(/\]\(([^)#]+)\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !link.startsWith('test/')),
  )('links to %s, which is there', (link) => {
    expect(existsSync(link)).toBe(true);
  });
});

test.each([
  'http://169.254.169.254/latest/meta-data/',
  'https://internal.example/pictures/',
  'file:///etc/',
  's3://city/',
  'gs://../city',
  'gs://169.254.169.254:80/',
  '../../etc',
])('a run names no server: neither as source nor as place nor by a field of its own', (place) => {
  expect(checkRunInput({ source: place }).map(({ field }) => field)).toEqual(['source']);
  expect(checkRunInput({ source: '/pictures', results: place }).map(({ field }) => field)).toEqual([
    'results',
  ]);
  for (const field of ['baseUrl', 'OPENAI_BASE_URL', 'endpoint', 'apiKey', '__proto__']) {
    const input = JSON.parse(
      `{"source":"/pictures",${JSON.stringify(field)}:${JSON.stringify(place)}}`,
    ) as unknown;
    expect(checkRunInput(input).map((problem) => problem.field)).toEqual([field]);
  }
});

test.each(['OPENAI_BASE_URL', 'PAGE_URL', 'STORAGE_EMULATOR_HOST'])(
  'an address with a user or a password is refused, and not repeated',
  (name) => {
    const read = (value: string) => () => readConfig({ [name]: value }, '/');
    expect(read('https://user:canary@host.example/v1')).toThrow(
      new RegExp(`^${name} holds a user name or password`),
    );
    expect(read('https://user:canary@host.example/v1')).not.toThrow(/canary/);
    const [problem] = checkRunInput({ source: '/pictures', notify: 'https://user:canary@host.example/told' });
    expect(problem?.problem).toContain('holds a user or a password');
  },
);
