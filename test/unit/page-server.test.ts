import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  Comparison,
  PageInfo,
  PictureDetail,
  PicturePage,
  Problem,
  RunDetail,
  RunRow,
  Summary,
} from '../../src/web/api.ts';
import { PAGE_HEADER } from '../../src/web/api.ts';
import { failedTo, putSample, said, startTestPage, writeRun, type TestPage } from './page-kit.ts';

const SCRIPT = '<script>alert(1)</script>';
const NAMES = [
  'road_20251125_112143.jpg',
  `a"><img src=x onerror=alert(1)>_20251125_120000.jpg`,
  '=HYPERLINK("http://evil.example")_20251125_130000.jpg',
  'north/gate_20251126_080000.jpg',
];

let page: TestPage;
beforeAll(async () => {
  page = await startTestPage();
  const { folder } = page;
  await writeRun(folder, 'first', [
    { name: NAMES[0] ?? '', outcome: said('A wide road.', 3) },
    { name: NAMES[1] ?? '', outcome: said(SCRIPT, 2) },
    { name: NAMES[2] ?? '', outcome: said('=1+1', 0) },
    { name: NAMES[3] ?? '', outcome: failedTo('Timeout') },
  ]);
  await writeRun(folder, 'second', [
    { name: NAMES[0] ?? '', outcome: said('An empty road.', 0) },
    { name: NAMES[3] ?? '', outcome: said('A gate.', 1) },
  ]);
  await writeRun(folder, 'shown', [{ name: NAMES[0] ?? '', outcome: said('A road.') }]);
  putSample(folder, 'shown');
});
afterAll(() => page.close());

const problemOf = (json: unknown): string => (json as Problem).problem;

describe('every answer', () => {
  test.each([
    ['/api/page', 200],
    ['/api/nothing', 404],
    ['/assets/main-ABC.js', 200],
    ['/assets/none.js', 404],
    ['/', 200],
    ['/runs/first/pictures?match=yes', 200],
    ['/pictures/shown/0/full', 200],
    ['/pictures/shown/1/full', 404],
    ['/api/runs/first/export.csv', 200],
    ['/api/runs/first/pictures?hour=99', 400],
  ])('of %s carries the headers that browsers protect people by', async (path, status) => {
    const { status: got, headers } = await page.ask(path);
    expect(got).toBe(status);
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
        "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(headers['permissions-policy']).toContain('camera=()');
    expect(headers['access-control-allow-origin']).toBeUndefined();
    if (path.startsWith('/api/')) expect(headers['cache-control']).toContain('no-store');
  });
});

describe('attacks', () => {
  test('a name that was pointed at this machine (DNS rebinding) gets nothing', async () => {
    const answer = await page.ask('/api/runs', { headers: { host: `evil.example:${page.port}` } });
    expect(answer.status).toBe(403);
    expect(problemOf(answer.json())).toContain('PAGE_URL');
    expect(answer.text).not.toContain('evil');
  });

  test('another site gets nothing and changes nothing', async () => {
    expect((await page.ask('/api/runs', { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    expect((await page.ask('/api/runs', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
    const cancelled = await page.post('/api/runs/first/cancel', {}, { origin: 'https://evil.example' });
    expect(cancelled.status).toBe(403);
    // What a form or `no-cors` of another site can send: no header of its own, no JSON.
    expect((await page.post('/api/runs/first/cancel', {}, { [PAGE_HEADER]: null })).status).toBe(403);
    expect((await page.post('/api/runs/first/cancel', {}, { 'content-type': 'text/plain' })).status).toBe(
      415,
    );
    const asked = { 'access-control-request-method': 'POST', origin: 'https://evil.example' };
    expect((await page.ask('/api/runs/first/cancel', { method: 'OPTIONS', headers: asked })).status).toBe(
      403,
    );
  });

  test('a request for another host by its whole address is refused', async () => {
    const text = await new Promise<string>((resolve) => {
      const socket = connect(page.port, '127.0.0.1');
      let heard = '';
      socket.on('data', (piece) => (heard += String(piece)));
      socket.on('close', () => resolve(heard));
      socket.end(`GET http://evil.example/api/runs HTTP/1.1\r\nHost: 127.0.0.1:${page.port}\r\n\r\n`);
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('a token in an address is refused, and stands in no log', async () => {
    for (const path of ['/?token=a-secret-token', '/api/runs?access_token=a-secret-token']) {
      const answer = await page.ask(path);
      expect(answer.status).toBe(400);
      expect(answer.text + page.log()).not.toContain('a-secret-token');
    }
  });

  test.each([
    '/api/runs/..',
    '/api/runs/..%2f..%2fsecret.txt',
    '/api/runs/%2e%2e/pictures',
    '/api/runs/.hidden',
    '/api/runs/a%00b',
    '/api/runs/first%2f..%2fsecond',
    `/api/runs/${'x'.repeat(65)}`,
    '/api/runs/..%5c..%5csecret.txt/summary',
    '/api/compare/first/..%2f..',
    '/api/runs/%2e%2e%2f/export.csv',
    '/pictures/..%2f..%2f/0/full',
    '/pictures/first/..%2f0/full',
    '/pictures/shown/-1/full',
    '/pictures/shown/0.5/thumb',
    '/pictures/shown/1e3/thumb',
    '/pictures/shown/9999999999/full',
    '/assets/..%2f..%2fsecret.txt',
    '/assets/../notes.js',
    '/assets/%2e%2e/notes.js',
    '/assets/..%2fnotes.js',
    '/assets/.%2fmain-ABC.js',
    '/assets/sub/main.js',
    '/assets/',
    '/api/runs/%E0%A4%A',
  ])('%s leaves no folder', async (path) => {
    const answer = await page.ask(path);
    expect([200, 400, 404]).toContain(answer.status);
    // What is no address of data is the application, which shows that there is no such page.
    if (answer.status === 200) expect(answer.text).toContain('the application');
    expect(answer.text).not.toMatch(/a secret of this machine|not an asset/);
  });

  test('a link in the results that leads out of the source is not followed', async () => {
    await writeRun(page.folder, 'outside', [{ name: 'x.jpg', outcome: null }]);
    const images = [
      { name: '../secret.txt', uri: join(page.folder, 'secret.txt'), identity: 'sha256:0', bytes: 24 },
    ];
    const listed = { page: 0, images, skipped: [], next: null };
    writeFileSync(join(page.folder, 'results/outside/images/000000.json'), JSON.stringify(listed));
    const answer = await page.ask('/pictures/outside/0/full');
    expect(answer.status).toBe(404);
    expect(answer.text).not.toContain('a secret');
  });

  test('texts of models and names of files are JSON, never markup', async () => {
    const { headers, text, json } = await page.ask('/api/runs/first/pictures');
    expect(headers['content-type']).toBe('application/json');
    expect(text).toContain(JSON.stringify(SCRIPT));
    expect((json() as PicturePage).rows.map(({ name }) => name)).toContain(NAMES[1]);
    const html = await page.ask('/api/runs/first/export.html');
    expect(html.text).not.toContain(SCRIPT);
    expect(html.text).not.toContain('<img src=x');
    expect(html.headers['content-disposition']).toBe('attachment; filename="first.html"');
    const wrong = await page.ask(`/api/runs/first/pictures?prompt=${encodeURIComponent(SCRIPT)}`);
    expect([wrong.status, wrong.headers['content-type']]).toEqual([400, 'application/json']);
  });

  test('a formula in a CSV is a text', async () => {
    const { text, headers } = await page.ask('/api/runs/first/export.csv?prompt=crowd');
    expect(headers['content-type']).toBe('text/csv; charset=utf-8');
    for (const cell of text.split(/[\r\n]+|,(?=")|",/)) expect(cell).not.toMatch(/^"?[=+@]/);
  });

  test('a body that is too large, or is no object, is refused', async () => {
    const large = await page.post('/api/runs/first/retry', { only: ['x'.repeat(600_000)] });
    expect(large.status).toBe(413);
    for (const body of ['[]', '"x"', 'null', '{'])
      expect((await page.post('/api/runs/first/retry', body)).status).toBe(400);
    expect(problemOf((await page.post('/api/runs/first/retry', { refused: 'yes' })).json())).toContain(
      'refused',
    );
    expect(problemOf((await page.post('/api/runs/first/retry', { results: '/etc' })).json())).toMatch(
      /results/,
    );
  });

  test('an error tells neither a stack nor a secret', async () => {
    await writeRun(page.folder, 'broken', [{ name: 'x.jpg', outcome: said('x') }]);
    const url = 'https://storage.example/x.jpg?X-Goog-Signature=0123456789abcdef';
    writeFileSync(join(page.folder, 'results/broken/images/000000.json'), `{"images": ${url}`);
    page.log();
    const answer = await page.ask('/api/runs/broken/pictures');
    expect(answer.status).toBe(500);
    expect(problemOf(answer.json())).toMatch(/000000\.json is damaged/);
    const log = page.log();
    expect(log).toContain('a request failed');
    expect(answer.text + log).not.toMatch(/0123456789abcdef|\.ts:\d|node_modules/);
  });
});

describe('a page with a token', () => {
  const TOKEN = '0123456789abcdef0123456789abcdef';
  let locked: TestPage;
  beforeAll(async () => {
    locked = await startTestPage({ token: TOKEN, host: '0.0.0.0', pageUrl: 'https://pictures.example.org' });
    await writeRun(locked.folder, 'first', [{ name: 'x.jpg', outcome: said('x') }]);
  });
  afterAll(() => locked.close());

  test('gives no data without its cookie', async () => {
    for (const path of [
      '/api/page',
      '/api/runs',
      '/api/runs/first',
      '/api/runs/first/events',
      '/pictures/first/0/full',
    ])
      expect((await locked.ask(path)).status).toBe(401);
    expect((await locked.post('/api/runs/first/cancel', {})).status).toBe(401);
    expect(
      (await locked.ask('/api/runs', { headers: { cookie: `image-analysis-${locked.port}=${TOKEN}` } }))
        .status,
    ).toBe(401);
    expect((await locked.ask('/api/runs', { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(
      401,
    );
    // The application, which asks for it, is the same for everybody and tells nothing.
    const { status, text } = await locked.ask('/runs/first');
    expect([status, text]).toEqual([200, '<!doctype html><title>the application</title>']);
  });

  test('exchanges it once for a cookie, with which everything is there', async () => {
    const entered = await locked.post('/api/session', { token: TOKEN });
    expect([entered.status, entered.text]).toEqual([204, '']);
    const [setCookie = ''] = entered.headers['set-cookie'] ?? [];
    expect(setCookie).toMatch(/^__Host-.*; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict; Secure$/);
    const cookie = setCookie.split(';')[0] ?? '';
    const host = 'pictures.example.org';
    expect((await locked.ask('/api/runs', { headers: { host, cookie } })).status).toBe(200);
    const act = { host, cookie, origin: `https://${host}` };
    expect((await locked.post('/api/runs/first/cancel', {}, act)).status).toBe(409);
    expect(
      (await locked.post('/api/runs/first/cancel', {}, { ...act, origin: 'https://example.org' })).status,
    ).toBe(403);
    // A cookie is no way around what the others are for.
    expect((await locked.ask('/api/runs', { headers: { host: 'evil.example', cookie } })).status).toBe(403);
  });

  test('does not tell how near a wrong token was, and soon hears no more', async () => {
    const wrong = await locked.post('/api/session', { token: TOKEN.slice(0, -1) });
    expect(wrong.status).toBe(401);
    expect(wrong.headers['set-cookie']).toBeUndefined();
    for (const body of [{}, { token: 7 }, { token: [TOKEN] }])
      expect((await locked.post('/api/session', body)).status).toBe(401);
    for (let n = 0; n < 6; n += 1) await locked.post('/api/session', { token: 'x' });
    const late = await locked.post('/api/session', { token: TOKEN });
    expect([late.status, late.headers['retry-after']]).toEqual([429, '60']);
    expect(late.text + wrong.text + locked.log()).not.toContain(TOKEN);
  });

  test('does not start beyond this machine without one', async () => {
    await expect(startTestPage({ host: '0.0.0.0' })).rejects.toThrow(/0\.0\.0\.0.*PAGE_TOKEN_FILE/);
    await expect(startTestPage({ host: '::' })).rejects.toMatchObject({ name: 'UsageError' });
  });
});

describe('runs and pictures', () => {
  test('what the page is, and its runs', async () => {
    expect((await page.ask('/api/page')).json() as PageInfo).toMatchObject({
      root: join(page.folder, 'results'),
      simulated: false,
    });
    const rows = (await page.ask('/api/runs')).json() as RunRow[];
    expect(rows.find(({ run }) => run === 'first')).toMatchObject({
      state: 'incomplete',
      answered: 6,
      failed: 2,
    });
    const detail = (await page.ask('/api/runs/first')).json() as RunDetail;
    expect(detail).toMatchObject({ fresh: false, errors: [{ kind: 'Timeout', questions: 2 }], webUi: null });
    expect(detail.actions.find(({ name }) => name === 'resume')).toMatchObject({
      possible: false,
      command: 'image-analysis resume first',
    });
  });

  test('rows by query, in parts, with what can be filtered by', async () => {
    const all = (await page.ask('/api/runs/first/pictures?from=1&take=2')).json() as PicturePage;
    expect(all).toMatchObject({ total: 4, of: 4, from: 1, days: ['2025-11-25', '2025-11-26'] });
    expect(all.rows).toHaveLength(2);
    const some = (await page.ask('/api/runs/first/pictures?match=yes&count=3')).json() as PicturePage;
    expect(some.rows.map(({ at }) => at)).toEqual([0]);
    const found = (await page.ask('/api/runs/first/pictures?text=WIDE')).json() as PicturePage;
    expect(found.rows.map(({ at }) => at)).toEqual([0]);
    for (const wrong of ['take=0', 'take=501', 'from=-1', 'from=x', 'match=maybe', 'prompt=none'])
      expect([wrong, (await page.ask(`/api/runs/first/pictures?${wrong}`)).status]).toEqual([wrong, 400]);
  });

  test('one picture with its neighbours under the query', async () => {
    const detail = (await page.ask('/api/runs/first/pictures/3?error=any')).json() as PictureDetail;
    expect(detail).toMatchObject({ at: 3, name: NAMES[3], previous: null, next: null, rank: 0, total: 1 });
    expect(detail.retry).toMatchObject({ possible: false, command: expect.stringContaining('--only') });
    const well = (await page.ask('/api/runs/first/pictures/0')).json() as PictureDetail;
    expect(well.retry.why).toContain('has failed');
    for (const path of ['4', '999999', 'x'])
      expect((await page.ask(`/api/runs/first/pictures/${path}`)).status).toBe(404);
  });

  test('sums and what changed between two runs', async () => {
    const sums = (await page.ask('/api/runs/first/summary?day=2025-11-25')).json() as Summary;
    expect(sums.prompts[0]).toMatchObject({ answered: 3, matches: 2, counted: 5 });
    const compared = (await page.ask('/api/compare/first/second?only=changed')).json() as Comparison;
    expect(compared).toMatchObject({ total: 2, left: { run: 'first' }, right: { run: 'second' } });
    expect(compared.pictures).toEqual({ both: 2, onlyLeft: 2, onlyRight: 0 });
  });

  test('the bytes of a picture, and a thumbnail that is sent once', async () => {
    const full = await page.ask('/pictures/shown/0/full');
    expect([full.status, full.headers['content-type']]).toEqual([200, 'image/jpeg']);
    expect(full.headers['cache-control']).toBe('private, max-age=3600');
    const thumb = await page.ask('/pictures/shown/0/thumb');
    expect([thumb.status, thumb.headers['content-type']]).toEqual([200, 'image/webp']);
    const { etag = '' } = thumb.headers;
    expect((await page.ask('/pictures/shown/0/thumb', { headers: { 'if-none-match': etag } })).status).toBe(
      304,
    );
    const gone = await page.ask('/pictures/first/0/thumb');
    expect([gone.status, problemOf(gone.json())]).toEqual([409, expect.stringContaining('was replaced')]);
  });

  test('there is no other run, picture, format, action or address', async () => {
    for (const path of [
      '/api/runs/none',
      '/api/runs/none/events',
      '/api/runs/none/pictures',
      '/api/runs/first/export.xml',
      '/api/runs/first/nothing',
      '/api/compare/first/none',
      '/pictures/none/0/thumb',
      '/pictures/first/0',
      '/api',
    ]) {
      const { status, json } = await page.ask(path);
      expect([path, status]).toEqual([path, 404]);
      expect(problemOf(json())).not.toBe('');
    }
    expect((await page.post('/api/runs/first/explode', {})).status).toBe(404);
    expect((await page.post('/api/runs', {})).status).toBe(404);
    expect((await page.post('/', {})).status).toBe(404);
  });

  test('an action without a server says which command does it', async () => {
    const { status, json } = await page.post('/api/runs/first/retry', { only: [NAMES[3]] });
    expect(status).toBe(409);
    expect(json()).toEqual({
      problem: 'No Temporal server answers for this run now, and the page starts none.',
      command: `image-analysis retry-failed first --only ${NAMES[3]}`,
    });
    const ended = (await page.post('/api/runs/first/pause', {})).json();
    expect(problemOf(ended)).toBe('The run is incomplete.');
  });
});

describe('the application', () => {
  test('is at every address that is none of data, and its assets are kept for ever', async () => {
    for (const path of ['/', '/runs/first', '/compare/first/second', '/notes.js', '/favicon.ico']) {
      const { status, headers, text } = await page.ask(path);
      expect([path, status, headers['content-type']]).toEqual([path, 200, 'text/html; charset=utf-8']);
      expect(text).toContain('the application');
      expect(headers['cache-control']).toBe('no-cache');
    }
    const { headers } = await page.ask('/assets/main-ABC.js');
    expect(headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
  });

  test('goes compressed to those who can read that', async () => {
    const { headers, text } = await page.ask('/assets/main-ABC.js', {
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(headers['content-encoding']).toBe('gzip');
    expect(text.length).toBeLessThan(500);
  });

  test('that was not built says how it is', async () => {
    const bare = await startTestPage({ appFolder: '/nowhere' });
    const { status, json } = await bare.ask('/');
    expect([status, problemOf(json())]).toEqual([503, expect.stringContaining('npm run build')]);
    await bare.close();
  });
});

describe('a port', () => {
  test('that is in use is passed over where any will do, and told where one was named', async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
    const { port } = taken.address() as { port: number };
    await expect(startTestPage({ port })).rejects.toThrow(/something else listens there.*--port/);
    const next = await startTestPage({ port, orNext: true });
    expect(next.port).not.toBe(port);
    expect((await next.ask('/api/page')).status).toBe(200);
    await next.close();
    taken.close();
  });
});
