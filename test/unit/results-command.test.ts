import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Deps } from '../../src/client/deps.ts';
import { missingOf } from '../../src/client/results-view.ts';
import { noCounts } from '../../src/shared/counts.ts';
import { type Outcome, runHere } from '../helpers/program.ts';
import { answered, failed, writeRun } from './export-kit.ts';

let folder: string;
const NORTH = 'NORTH_20251125_112143.jpg';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'results-'));
  writeRun(join(folder, 'results'), [
    {
      name: NORTH,
      answers: { crowd: answered({ count: 12 }), pothole: answered({ match: false, count: 0 }) },
    },
    {
      name: 'SOUTH_20251125_120000.jpg',
      answers: { crowd: answered({ count: 2 }), pothole: answered({ count: 3 }) },
    },
    {
      name: 'b.jpg',
      answers: { crowd: failed('InvalidImage', 'is empty'), pothole: failed('InvalidImage', 'is empty') },
    },
    { name: 'c.jpg', answers: { crowd: failed('Refused', 'declined'), pothole: answered({ match: false }) } },
    { name: 'd.jpg', answers: { crowd: answered({ match: false }) } },
    { name: 'e.jpg' },
  ]);
  writeFileSync(join(folder, 'results/20261124_100000/results.json'), '{"a":"\\u001b[31m"}');
});
afterAll(() => rmSync(folder, { recursive: true }));

const results = (...args: string[]): Promise<Outcome> => runHere(folder, ['results', ...args]);
const onTerminal = (
  args: string[],
  columns = 100,
  can: Partial<Deps> = {},
): Promise<Outcome & { shown: string }> => {
  const out = new PassThrough();
  const terminal = { out, err: out, interactive: true, colors: false, columns: () => columns };
  return runHere(folder, ['results', ...args], {}, { terminal, ...can }).then((ended) => ({
    ...ended,
    shown: String(out.read() ?? ''),
  }));
};

describe('the table', () => {
  test('tells matches, counts, answers and the pictures concerned, and what is missing', async () => {
    const { out, status } = await results();
    expect(status).toBe(0);
    expect(out.split('\n')).toEqual([
      'Run 20261124_100000: incomplete, 6 pictures, 6 answers missing',
      '',
      'Question           Id       Match  Counted  Answered  Pictures',
      `Crowd Detection    crowd        2       14    3 of 6  ${NORTH}, SOUTH_20251125_120…`,
      'Pothole Detection  pothole      1        3    3 of 6  SOUTH_20251125_120000.jpg',
      '',
      `All of it: ${join(folder, 'results/20261124_100000')}/results.json`,
      '',
    ]);
  });

  test('is of the pictures that the filters find', async () => {
    const { out } = await results('--camera', 'NORTH');
    expect(out).toContain('1 of 6 pictures, 6 answers missing in all');
    expect(out).toMatch(/crowd +1 +12 +1 of 1 +NORTH/);
    expect(out).toMatch(/pothole +0 +0 +1 of 1\n/);
  });

  test.each([28, 40, 60, 80])('fits a terminal of %d columns', async (columns) => {
    const { shown } = await onTerminal([], columns);
    const table = shown.split('\n').slice(0, -3);
    expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(columns);
    expect(shown).toMatch(/^Crowd.* 2 +14 /m);
  });

  test('says what was recalled', async () => {
    const place = join(folder, 'recalled');
    const counts = { ...noCounts(), images: 1, answered: 2, recalled: 2 };
    writeRun(place, [{ name: 'a.jpg', answers: { crowd: answered(), pothole: answered() } }], {
      progress: { counts, state: 'complete' },
    });
    const { out } = await results('--results', place);
    expect(out).toContain('Run 20261124_100000: complete, 1 pictures\n');
    expect(out).toContain('2 recalled from earlier runs, at no cost');
  });
});

describe('names for pipes', () => {
  test.each<[string[], string[]]>([
    [
      ['--match', 'crowd'],
      [NORTH, 'SOUTH_20251125_120000.jpg'],
    ],
    [['--match', 'crowd', '--count', '3'], [NORTH]],
    [['--match', 'crowd', '--day', '2025-11-25', '--hour', '12'], ['SOUTH_20251125_120000.jpg']],
    [['--match', 'pothole', '--text', 'north'], []],
  ])('%j', async (args, names) => {
    expect((await results(...args)).out).toBe(names.map((name) => `${name}\n`).join(''));
  });
});

describe('what is missing', () => {
  test('is told by picture and reason, with what to do', async () => {
    const { out } = await results('--missing');
    expect(out.split('\n').slice(0, 8)).toEqual([
      'b.jpg · every question',
      '  InvalidImage: is empty',
      'c.jpg · crowd',
      '  Refused: declined',
      'd.jpg · pothole',
      '  not asked yet',
      '1 more picture: not asked about yet',
      '',
    ]);
    expect(out).toMatch(/Ask \d answers again: image-analysis resume 20261124_100000/);
  });

  test('nothing, where the filters find nothing that is missing', async () => {
    expect((await results('--missing', '--camera', 'NORTH')).out).toBe('No answer is missing.\n');
  });

  test('has one entry a reason', () => {
    const prompt = (id: string) => ({ id, name: id, text: '' });
    const answers = [
      { prompt: prompt('a'), outcome: null },
      { prompt: prompt('b'), outcome: failed('Lost', 'x') },
      { prompt: prompt('c'), outcome: answered() },
      { prompt: prompt('d'), outcome: null },
    ];
    const place = { at: 0, name: '', camera: null, time: null, uri: '', identity: '', bytes: 0, batch: 0 };
    expect(missingOf({ ...place, startedAt: null, endedAt: null, answers })).toEqual([
      { reason: 'not asked yet', questions: ['a', 'd'] },
      { reason: 'Lost: x', questions: ['b'] },
    ]);
  });
});

describe('exports', () => {
  test('go to the standard output', async () => {
    const { out, status } = await results('--format', 'ndjson', '--error', 'Refused');
    expect(status).toBe(0);
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toMatchObject([
      { picture: 'c.jpg', question_id: 'crowd', error: 'Refused' },
      { picture: 'c.jpg', question_id: 'pothole', match: false },
    ]);
  });

  test('go to a file whole, over an older one, and leave nothing beside it', async () => {
    mkdirSync(join(folder, 'out'));
    writeFileSync(join(folder, 'out/report.html'), 'older');
    const asked: string[] = [];
    const { shown, status } = await onTerminal(['--format', 'html', '--output', 'out/report.html'], 100, {
      thumbnail: async ({ run }, { uri }) => {
        asked.push(`${run} ${uri}`);
        return null;
      },
    });
    expect({ shown, status }).toEqual({ shown: `Written: ${join(folder, 'out/report.html')}\n`, status: 0 });
    expect(readdirSync(join(folder, 'out'))).toEqual(['report.html']);
    expect(readFileSync(join(folder, 'out/report.html'), 'utf8')).toMatch(/^<!doctype html>[^]*<\/html>\n$/);
    expect(asked).toContain(`20261124_100000 gs://city/${NORTH}`);
  });

  test('a file that could not be finished is not there, and an older one is as it was', async () => {
    const place = join(folder, 'damaged');
    writeRun(place, [
      { name: 'a.jpg', answers: { crowd: answered(), pothole: answered() } },
      ...[1, 2, 3].map((n) => ({ name: `b${String(n)}.jpg` })),
      { name: 'c.jpg', answers: { crowd: answered(), pothole: answered() } },
    ]);
    // Gone after the index has read it: an index segment stands for the shards.
    const run = join(place, '20261124_100000');
    mkdirSync(join(run, 'index'));
    const images = ['a.jpg', 'c.jpg'].map((name, n) => ({
      ...{ name, identity: name, batch: n },
      answers: { crowd: 1, pothole: 1 },
    }));
    writeFileSync(
      join(run, 'index/000000.json'),
      JSON.stringify({ page: 0, counts: {}, minutes: [], images }),
    );
    rmSync(join(run, 'shards/000001.json'));
    mkdirSync(join(folder, 'kept'));
    writeFileSync(join(folder, 'kept/all.csv'), 'older');
    const { status, err } = await results('--results', place, '--format', 'csv', '--output', 'kept/all.csv');
    expect(status).toBe(1);
    expect(err).toContain('shards/000001.json');
    expect(readdirSync(join(folder, 'kept'))).toEqual(['all.csv']);
    expect(readFileSync(join(folder, 'kept/all.csv'), 'utf8')).toBe('older');
  });
});

describe('wrong usage says what to do', () => {
  test.each<[string[], RegExp]>([
    [['--match', 'nope'], /--match is "nope": .*crowd, pothole/],
    [['--count', '0'], /--count is "0": give a whole number, 1 or more/],
    [['--hour', '24'], /--hour is "24": give a whole number from 0 to 23/],
    [['--day', 'monday'], /--day is "monday": give a day as in 2025-11-25/],
    [['--error', 'Oops'], /--error is "Oops": give one of any, unasked, /],
    [['--format', 'xml'], /Allowed choices are json, ndjson, csv, html/],
    [['--output', 'x.csv'], /--output is for an export: add --format/],
    [['--json', '--camera', 'x'], /--json gives all of results\.json\. For --camera use --format json/],
    [['--json', '--missing'], /Give one of --json, --missing and --format/],
    [['--format', 'csv', '--output', 'no/such/x.csv'], /x\.csv" cannot be written: there is no such folder/],
    [['--format', 'csv', '--output', 'results'], /results" cannot be written: it is a folder/],
    [['nope', '--format', 'csv'], /no run "nope"/],
  ])('%j', async (args, says) => {
    const { status, out, err } = await results(...args);
    expect(err).toMatch(says);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(existsSync(join(folder, 'x.csv'))).toBe(false);
  });

  test('a report is not poured over a terminal', async () => {
    const { status, err, shown } = await onTerminal(['--format', 'html']);
    expect({ status, shown }).toEqual({ status: 2, shown: '' });
    expect(err).toContain('image-analysis results --format html --output report.html');
    expect((await results('--format', 'html')).out).toMatch(/^<!doctype html>/);
  });
});

test('--json gives results.json as it is, without what a terminal would act on', async () => {
  const { out } = await results('--json');
  expect(out).toBe('{"a":"\\u001b[31m"}\n');
});
