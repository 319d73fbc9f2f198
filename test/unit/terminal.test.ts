import { describe, expect, test } from 'vitest';
import stringWidth from 'string-width';
import { colorsWanted } from '../../src/client/render/colors.ts';
import { cut, pad } from '../../src/client/render/format.ts';
import { resultsLines } from '../../src/client/render/results.ts';
import { table } from '../../src/client/render/table.ts';
import { noCounts } from '../../src/shared/counts.ts';

describe('colours', () => {
  test.each<[Record<string, string>, boolean, boolean]>([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ FORCE_COLOR: 'false' }, true, false],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true, false],
  ])('%j, a terminal: %s', (env, interactive, wanted) => {
    expect(colorsWanted(env, interactive)).toBe(wanted);
  });

  const view = {
    summary: {
      ...{ run: 'r', state: 'incomplete' as const, simulated: false, images: 1, listing: false, skipped: 0 },
      ...{
        prompts: [{ id: 'a', name: 'A' }],
        counts: noCounts(),
        recordedMsAgo: null,
        results: '/r',
        elapsedMs: null,
      },
    },
    filtered: null,
    questions: [{ id: 'a', name: 'A', matches: 0, counted: 0, answered: 0, pictures: [] }],
  };
  const ESC = String.fromCharCode(27);

  test('are in a table of results when they are wanted, and only then', () => {
    expect(resultsLines(view, 80, true).join('\n')).toContain(ESC);
    expect(resultsLines(view, 80, false).join('\n')).not.toContain(ESC);
  });
});

/** Names as people and cameras write them: Chinese, Telugu, Korean, emoji of several characters, combining marks. */
const NAMES = [
  '故宫博物院_20251125.jpg',
  'లాలాపేట్_కెమెరా.jpg',
  '서울역-앞.jpg',
  '👨‍👩‍👧‍👦🇮🇳🏳️‍🌈.jpg',
  'e\u0301a\u0308o\u0302.jpg',
  'plain.jpg',
];

describe('widths', () => {
  test.each([1, 2, 3, 5, 8, 13])(
    'a text cut to %d columns is never wider, and no character is cut in two',
    (width) => {
      for (const name of NAMES) {
        const short = cut(name, width);
        expect(stringWidth(short)).toBeLessThanOrEqual(width);
        const kept = short.replace(/…$/, '');
        const characters = [...new Intl.Segmenter('en').segment(name)].map(({ segment }) => segment);
        expect(name.startsWith(kept)).toBe(true);
        expect(characters.slice(0, [...new Intl.Segmenter('en').segment(kept)].length).join('')).toBe(kept);
      }
    },
  );

  test('a column of them is straight', () => {
    for (const name of NAMES) expect(stringWidth(pad(cut(name, 10), 10))).toBe(10);
    const lines = table(
      [{ title: 'Picture' }, { title: 'N', align: 'right' }],
      NAMES.map((name) => [name, '1']),
      60,
    );
    expect(new Set(lines.map((line) => stringWidth(line))).size).toBe(1);
  });

  const columns = [
    { title: 'Question', shrinks: true },
    { title: 'Id', optional: true },
    { title: 'Match', align: 'right' as const },
    { title: 'Pictures', shrinks: true, optional: true },
  ];
  const rows = NAMES.map((name) => [`${name} asked`, 'identifier', '12', NAMES.join(', ')]);

  test.each([12, 16, 20, 30, 40, 60, 80, 200])(
    'a table of %d columns is no wider, and keeps its figures',
    (width) => {
      const lines = table(columns, rows, width);
      expect(Math.max(...lines.map((line) => stringWidth(line)))).toBeLessThanOrEqual(width);
      if (width >= 16) for (const line of lines.slice(1)) expect(line).toMatch(/ 12( |$)/);
    },
  );

  test('gives way at the right first: pictures become fewer, then go, and the id goes with them last', () => {
    const titles = (width: number): string => table(columns, rows, width)[0] ?? '';
    expect(titles(80)).toMatch(/^Question +Id +Match +Pictures/);
    expect(titles(36)).toMatch(/^Question +Id +Match/);
    expect(titles(20)).toMatch(/^Question +Match$/);
  });
});
