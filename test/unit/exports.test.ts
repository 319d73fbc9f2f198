import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { COLUMNS, type ExportRow } from '../../src/client/export/rows.ts';
import { answered, exported, failed, writeRun } from './export-kit.ts';

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'exports-'))));
afterEach(() => rmSync(root, { recursive: true }));

const ESC = String.fromCharCode(27);
const FIRST = 'LALAPET_20251125_112143.jpg';

/** Three pictures: both questions answered; one refused; nothing asked. */
const writeThree = (): void =>
  writeRun(root, [
    {
      name: FIRST,
      answers: {
        crowd: answered({ match: false, count: 0, description: 'nobody' }),
        pothole: answered({ count: 3, description: 'three holes', recalledFrom: '20261101_000000' }),
      },
    },
    {
      name: 'north/b.jpg',
      answers: { crowd: failed('Refused', 'declined to say'), pothole: answered({ usage: null }) },
    },
    { name: 'north/c.jpg' },
  ]);

const ROW: ExportRow = {
  run: '20261124_100000',
  picture: FIRST,
  camera: 'LALAPET',
  day: '2025-11-25',
  time: '11:21:43',
  uri: `gs://city/${FIRST}`,
  question_id: 'pothole',
  question: 'Pothole Detection',
  match: true,
  count: 3,
  description: 'three holes',
  error: null,
  route: 'url',
  model: 'gpt-4o-2024-08-06',
  input_tokens: 1200,
  output_tokens: 40,
  ms: 900,
  sent_at: '2026-11-24T10:00:01.000Z',
  request_id: 'req_1',
  recalled_from: '20261101_000000',
  error_message: null,
  simulated: false,
};

const rowsIn = (json: string): ExportRow[] => JSON.parse(json) as ExportRow[];

/** Cells of a CSV text, as RFC 4180 has them. */
function cellsOf(csv: string): string[][] {
  const lines: string[][] = [[]];
  for (const [, quoted, bare, end] of csv.matchAll(/(?:"((?:[^"]|"")*)"|([^,"\r\n]*))(,|\r\n)/g)) {
    lines.at(-1)?.push(quoted?.replaceAll('""', '"') ?? bare ?? '');
    if (end === '\r\n') lines.push([]);
  }
  return lines.slice(0, -1);
}

describe('rows', () => {
  test('there is one for each picture and question, with why an answer is missing', async () => {
    writeThree();
    const rows = rowsIn(await exported(root, 'json'));
    expect(rows).toHaveLength(6);
    expect(rows[1]).toEqual(ROW);
    expect(Object.keys(rows[0] ?? {})).toEqual(COLUMNS);
    expect(rows[2]).toMatchObject({
      ...{ picture: 'north/b.jpg', match: null, count: null, error: 'Refused', route: 'base64' },
      ...{ error_message: 'declined to say', request_id: 'req_2', sent_at: '2026-11-24T10:00:05.000Z' },
    });
    expect(rows[3]).toMatchObject({ input_tokens: null, recalled_from: null });
    expect(rows[4]).toMatchObject({ error: 'unasked', camera: null, day: null, time: null, model: null });
  });

  test('NDJSON has the same, one a line', async () => {
    writeThree();
    const lines = (await exported(root, 'ndjson')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as ExportRow)).toEqual(rowsIn(await exported(root, 'json')));
  });

  test('CSV has the same, and begins with the mark by which spreadsheets know UTF-8', async () => {
    writeThree();
    const csv = await exported(root, 'csv');
    expect(csv.startsWith(`\ufeffrun,picture,camera,`)).toBe(true);
    const [, ...lines] = cellsOf(csv.slice(1));
    const texts = rowsIn(await exported(root, 'json')).map((row) =>
      COLUMNS.map((column) => String(row[column] ?? '')),
    );
    expect(lines).toEqual(texts);
    expect(csv.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  });

  test('those of the question that the query is about, of the pictures that it finds', async () => {
    writeThree();
    const rows = rowsIn(
      await exported(root, 'json', { query: { prompt: 'pothole', match: 'yes', count: 2 } }),
    );
    expect(rows).toEqual([ROW]);
    expect(rowsIn(await exported(root, 'json', { query: { text: 'DECLINED' } }))).toEqual([]);
    expect(rowsIn(await exported(root, 'json', { query: { text: 'Three' } }))).toHaveLength(2);
    await expect(exported(root, 'csv', { query: { prompt: 'none' } })).rejects.toThrow(/crowd, pothole/);
  });

  test('come while a text is still searched for', async () => {
    const names = Array.from({ length: 400 }, (_, n) => `camera-${String(n).padStart(3, '0')}.jpg`);
    writeRun(
      root,
      names.map((name) => ({ name, answers: { crowd: answered(), pothole: answered() } })),
    );
    let looked = 0;
    const lookedAt: number[] = [];
    const text = await exported(root, 'ndjson', { query: { text: 'camera' } }, (details) => ({
      ...details,
      async *streamRows(places) {
        for await (const row of details.streamRows(places)) {
          looked += 1;
          yield row;
        }
      },
      async *streamDetails(places) {
        lookedAt.push(looked);
        yield* details.streamDetails(places);
      },
    }));
    expect(text.trim().split('\n')).toHaveLength(800);
    expect(lookedAt[0]).toBe(20);
    expect(lookedAt).toHaveLength(20);
  });

  test('a run without pictures found is an empty list, and a table without lines', async () => {
    writeThree();
    const query = { camera: 'nobody' };
    expect(await exported(root, 'json', { query })).toBe('[]\n');
    expect(await exported(root, 'ndjson', { query })).toBe('');
    expect(cellsOf((await exported(root, 'csv', { query })).slice(1))).toEqual([COLUMNS]);
    expect(await exported(root, 'html', { query })).toContain('No picture matches.');
  });

  test('more pictures than are written at once all come, in order', async () => {
    const names = Array.from({ length: 121 }, (_, n) => `camera-${String(n).padStart(3, '0')}.jpg`);
    writeRun(
      root,
      names.map((name) => ({ name, answers: { crowd: answered(), pothole: answered() } })),
    );
    const rows = rowsIn(await exported(root, 'json', { query: { prompt: 'crowd' } }));
    expect(rows.map(({ picture }) => picture)).toEqual(names);
    expect(cellsOf((await exported(root, 'csv')).slice(1))).toHaveLength(1 + 2 * 121);
  });

  test('say when no model looked at the pictures', async () => {
    const account = { ...{ label: 'default', provider: 'openai' as const }, endpoint: 's', simulated: true };
    writeRun(root, [{ name: 'a.jpg', answers: { crowd: answered() } }], { plan: { account } });
    expect(rowsIn(await exported(root, 'json'))[0]?.simulated).toBe(true);
    expect(await exported(root, 'html')).toContain('SIMULATED: no model looked at the pictures');
  });
});

describe('hostile names and texts', () => {
  test.each([
    ['=HYPERLINK("http://x","y")', `'=HYPERLINK("http://x","y")`],
    ['+1+1', `'+1+1`],
    ['-2', `'-2`],
    ['@SUM(A1)', `'@SUM(A1)`],
    ['\t=1', `' =1`.slice(1)],
    [`\u200e=1`, `'=1`],
    [`${ESC}[31m=1`, `'=1`],
    ['\ufeff=1', `'=1`],
    ['\uff1d1', `'\uff1d1`],
    ['a "b", c', 'a "b", c'],
    ['two\r\nlines', 'two lines'],
  ])('%j is %j in a spreadsheet', async (description, cell) => {
    writeRun(root, [
      { name: `${description.slice(0, 4)}.jpg`, answers: { crowd: answered({ description }) } },
    ]);
    const csv = await exported(root, 'csv', { query: { prompt: 'crowd' } });
    const line = cellsOf(csv.slice(1))[1] ?? [];
    expect(line[COLUMNS.indexOf('description')]).toBe(cell);
    expect(line.filter((text) => /^[=+\-@\t\r]/.test(text))).toEqual([]);
    expect(line[COLUMNS.indexOf('count')]).toBe('1');
  });

  test('are text in the report', async () => {
    const name = `<img src=x onerror=alert(1)>${ESC}[2J.jpg`;
    const description = `</li><script>alert("x")</script> & 'more' \u202egpj`;
    writeRun(root, [
      { name, answers: { crowd: answered({ description }), pothole: failed('Timeout', '<b>slow</b>') } },
    ]);
    const report = await exported(root, 'html');
    expect(report).not.toMatch(/<script|<img src=x|<b>|\u202e/);
    expect(report).not.toContain(ESC);
    expect(report).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;more&#39;');
    expect(report).toContain('&lt;img src=x onerror=alert(1)&gt;');
  });

  test('no form holds a key or a signed URL', async () => {
    const secret =
      'at https://storage.googleapis.com/c/a.jpg?X-Goog-Signature=0123456789abcdef with sk-canary-123456';
    writeRun(root, [
      {
        name: 'a.jpg',
        answers: { crowd: answered({ description: secret }), pothole: failed('Lost', secret) },
      },
    ]);
    for (const format of ['json', 'ndjson', 'csv', 'html'] as const) {
      const text = await exported(root, format);
      expect(text).toContain('[redacted]');
      expect(text).not.toMatch(/0123456789abcdef|sk-canary/);
    }
  });
});

describe('the report', () => {
  const WEBP = Buffer.from('RIFF\x04\x00\x00\x00WEBPdata', 'latin1');

  test('allows nothing but its own style and the pictures in it', async () => {
    writeThree();
    const report = await exported(root, 'html');
    const [, policy = ''] = /Content-Security-Policy" content="([^"]+)"/.exec(report) ?? [];
    const [, style = ''] = /<style>([^]*)<\/style>/.exec(report) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(policy.replaceAll('&#39;', "'").split('; ').toSorted()).toEqual([
      "base-uri 'none'",
      "default-src 'none'",
      "form-action 'none'",
      'img-src data:',
      `style-src 'sha256-${hash}'`,
    ]);
    expect(report).not.toMatch(/<script|<link|<iframe|href=|style=|https?:/);
  });

  test('tells matches by question, errors by kind, and sums that are honest about what is missing', async () => {
    writeThree();
    const report = await exported(root, 'html');
    expect(report).toContain('finished, some answers are missing');
    expect(report).toMatch(
      /<th scope="row">Pothole Detection<\/th><td>2<\/td><td>4<\/td><td>2<\/td><td>0<\/td><td>1<\/td>/,
    );
    expect(report).toMatch(/<h2>Pothole Detection <span class="count">2<\/span><\/h2>[^]*three holes/);
    expect(report).toMatch(
      /<h3>Refused <span[^>]*>1<\/span><\/h3>[^]*north\/b\.jpg[^]*Crowd Detection: declined to say/,
    );
    expect(report).toContain('LALAPET · 2025-11-25 11:21:43');
    expect(report).toContain('2026-11-24 12:00 UTC');
  });

  test('has the thumbnails in it, and goes on where one cannot be made', async () => {
    writeThree();
    const asked: string[] = [];
    const report = await exported(root, 'html', {
      thumbnail: async (at, { name }) => {
        asked.push(`${at} ${name}`);
        if (at === 0) return WEBP;
        throw new Error('gone');
      },
    });
    expect(asked).toEqual([`0 ${FIRST}`, '1 north/b.jpg']);
    expect(report).toContain(`<img alt="" src="data:image/webp;base64,${WEBP.toString('base64')}">`);
    expect(report).toContain('The picture cannot be shown.');
  });

  test('shows what is no picture by no means', async () => {
    writeThree();
    const thumbnail = async (): Promise<Uint8Array> => Buffer.from('<svg onload="alert(1)">');
    expect(await exported(root, 'html', { thumbnail })).not.toMatch(/<img|svg/);
  });
});

test('docs/exports.md lists exactly the columns', () => {
  const document = readFileSync('docs/exports.md', 'utf8');
  const [, rows = ''] = /^\| column +\| what +\|\n\|[-| ]+\|\n((?:\|.*\n)+)/m.exec(document) ?? [];
  expect([...rows.matchAll(/^\| `(\w+)` +\|/gm)].map(([, name]) => name)).toEqual(COLUMNS);
});
