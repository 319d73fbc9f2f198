import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { PAGE_HEADER } from '../../src/web/api.ts';
import { createGuard, isLoopback } from '../../src/web/guard.ts';
import { createSessions } from '../../src/web/sessions.ts';
import { readToken } from '../../src/web/token.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const OWN = { [PAGE_HEADER]: '1' };

describe('the guard', () => {
  const guard = createGuard({ host: '127.0.0.1', pageUrl: 'https://pictures.example.org', signedIn: null });
  const judge = (headers: Record<string, string>, method = 'GET', target = '/api/runs'): number =>
    guard({ method, target, headers: { host: 'localhost:8080', ...headers } })?.status ?? 200;

  test.each([
    [200, 'localhost:8080'],
    [200, 'LOCALHOST'],
    [200, '127.0.0.1:9'],
    [200, '[::1]:8080'],
    [200, 'pictures.example.org'],
    [403, 'pictures.example.org:8080'],
    [403, 'pictures.example.org.evil.example'],
    [403, 'evil.example'],
    [403, 'evil.example:8080'],
    [403, 'localhost.evil.example'],
    [403, '127.0.0.1.evil.example'],
    [403, '127.0.0.1@evil.example'],
    [403, '127.0.0.2'],
    [403, '169.254.169.254'],
    [403, 'localhost:8080, evil.example'],
    [403, ''],
  ])('answers %i to one who reaches it as %j', (status, host) => {
    expect(judge({ host })).toBe(status);
  });

  test.each([
    [200, 'http://localhost:8080'],
    [200, 'https://pictures.example.org'],
    [403, 'https://localhost:8080'],
    [403, 'http://localhost:8081'],
    [403, 'http://localhost'],
    [403, 'http://pictures.example.org'],
    [403, 'https://evil.example'],
    [403, 'null'],
    [403, ''],
  ])('answers %i to a request of the origin %j', (status, origin) => {
    expect(judge({ origin })).toBe(status);
    expect(judge({ origin, ...JSON_TYPE, ...OWN }, 'POST')).toBe(status);
  });

  test.each([
    [200, '/api/runs', { 'sec-fetch-site': 'same-origin' }],
    [200, '/api/runs', { 'sec-fetch-site': 'none' }],
    [403, '/api/runs', { 'sec-fetch-site': 'same-site' }],
    [403, '/api/runs', { 'sec-fetch-site': 'cross-site' }],
    [403, '/pictures/a/0/full', { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'image' }],
    [403, '/assets/main.js', { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'script' }],
    // A link from the Temporal Web UI.
    [
      200,
      '/runs/a',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    ],
    [
      403,
      '/runs/a',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
    ],
    [
      403,
      '/api/runs/a/export.csv',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    ],
  ])('answers %i for %s with %j', (status, target, headers) => {
    expect(judge(headers, 'GET', target)).toBe(status);
  });

  test.each([
    [200, { ...OWN, ...JSON_TYPE }],
    [200, { ...OWN, 'content-type': 'application/json; charset=utf-8' }],
    [403, JSON_TYPE],
    [415, OWN],
    [415, { ...OWN, 'content-type': 'text/plain' }],
    [415, { ...OWN, 'content-type': 'application/x-www-form-urlencoded' }],
    [415, { ...OWN, 'content-type': 'application/jsonp' }],
  ])('answers %i to a POST with %j', (status, headers) => {
    expect(judge(headers, 'POST', '/api/runs/a/cancel')).toBe(status);
  });

  test.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'CONNECT'])('does not take %s', (method) => {
    expect(judge({ ...OWN, ...JSON_TYPE }, method)).toBe(405);
  });

  test.each(['/?token=abc', '/api/runs?x=1&access_token=abc', '/runs/a?TOKEN', '/x?page-token=1&token='])(
    'refuses a token in the address %s',
    (target) => {
      const refusal = guard({ method: 'GET', target, headers: { host: 'localhost' } });
      expect(refusal?.status).toBe(400);
      expect(refusal?.problem).not.toContain('abc');
    },
  );

  test.each(['http://localhost/api/runs', '*', ''])('takes no target such as %j', (target) => {
    expect(judge({}, 'GET', target)).toBe(400);
  });

  test('asks for the token where data is, and nowhere else', () => {
    const locked = createGuard({
      host: '0.0.0.0',
      pageUrl: null,
      signedIn: ({ cookie }) => cookie === 'right',
    });
    const status = (target: string, cookie?: string): number =>
      locked({ method: 'GET', target, headers: { host: 'localhost', cookie } })?.status ?? 200;
    for (const path of [
      '/api/runs',
      '/api/page',
      '/api',
      '/pictures/a/0/thumb',
      '/api/session/x',
      '/api/none?x=1',
    ])
      expect([path, status(path), status(path, 'right')]).toEqual([path, 401, 200]);
    for (const path of ['/', '/runs/a/pictures?match=yes', '/assets/main.js', '/api/session'])
      expect([path, status(path)]).toEqual([path, 200]);
  });

  test('goes by the address that it was told to listen at, but not by any', () => {
    const at = (host: string, name: string): number =>
      createGuard({ host, pageUrl: null, signedIn: null })({
        method: 'GET',
        target: '/',
        headers: { host: name },
      })?.status ?? 200;
    expect(at('192.168.1.5', '192.168.1.5:8080')).toBe(200);
    expect(at('192.168.1.5', '192.168.1.6:8080')).toBe(403);
    expect(at('fd00::5', '[fd00::5]:8080')).toBe(200);
    for (const any of ['0.0.0.0', '::'])
      expect([any, at(any, '0.0.0.0'), at(any, '192.168.1.5')]).toEqual([any, 403, 403]);
    expect(at('pictures.internal', 'pictures.internal')).toBe(403);
  });

  test.each([
    ['127.0.0.1', true],
    ['127.8.9.1', true],
    ['::1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['::', false],
    ['192.168.1.5', false],
    ['127.0.0.1.evil.example', false],
    ['localhost.evil.example', false],
    ['', false],
  ])('%j is reached from this machine alone: %s', (host, loopback) => {
    expect(isLoopback(host)).toBe(loopback);
  });
});

describe('sessions', () => {
  const TOKEN = 'a-token-that-has-more-than-32-characters';
  const make = (secure = false) => {
    const clock = { now: 1_000_000 };
    return { clock, sessions: createSessions({ token: TOKEN, secure, port: 8080, now: () => clock.now }) };
  };
  const cookieOf = (outcome: ReturnType<ReturnType<typeof createSessions>['signIn']>): string =>
    'cookie' in outcome ? (outcome.cookie.split(';')[0] ?? '') : '';

  test('exchange the token for a cookie that does not hold it', () => {
    const { sessions } = make();
    const outcome = sessions.signIn(TOKEN, 'a');
    if (!('cookie' in outcome)) throw new Error('no cookie');
    expect(outcome.cookie).toMatch(
      /^image-analysis-8080=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    );
    expect(outcome.cookie).not.toContain(TOKEN);
    const cookie = cookieOf(outcome);
    expect(sessions.knows({ cookie })).toBe(true);
    expect(sessions.knows({ cookie: `other=1; ${cookie}; more=2` })).toBe(true);
    for (const wrong of [`${cookie}x`, cookie.slice(0, -1), `x${cookie}`, `image-analysis-8080=${TOKEN}`, ''])
      expect(sessions.knows({ cookie: wrong })).toBe(false);
    expect(sessions.knows({})).toBe(false);
    expect(cookieOf(sessions.signIn(TOKEN, 'a'))).not.toBe(cookie);
  });

  test('go over https alone where the page does', () => {
    const outcome = make(true).sessions.signIn(TOKEN, 'a');
    expect('cookie' in outcome && outcome.cookie).toMatch(/^__Host-image-analysis-8080=.*; Secure$/);
  });

  test('end after twelve hours', () => {
    const { sessions, clock } = make();
    const cookie = cookieOf(sessions.signIn(TOKEN, 'a'));
    clock.now += 12 * 3_600_000 - 1;
    expect(sessions.knows({ cookie })).toBe(true);
    clock.now += 1;
    expect(sessions.knows({ cookie })).toBe(false);
  });

  test('are bounded: the oldest gives way', () => {
    const { sessions } = make();
    const first = cookieOf(sessions.signIn(TOKEN, 'a'));
    const second = cookieOf(sessions.signIn(TOKEN, 'a'));
    for (let n = 0; n < 199; n += 1) sessions.signIn(TOKEN, 'a');
    expect(sessions.knows({ cookie: first })).toBe(false);
    expect(sessions.knows({ cookie: second })).toBe(true);
  });

  test('let nobody guess: ten wrong tokens a minute and client, then not even the right one', () => {
    const { sessions, clock } = make();
    for (let n = 0; n < 10; n += 1)
      expect(sessions.signIn(`${TOKEN}${n}`, 'a')).toEqual({ refused: 'wrong' });
    expect(sessions.signIn(TOKEN, 'a')).toEqual({ refused: 'too many', retryAfterSeconds: 60 });
    expect(sessions.signIn(TOKEN, 'b')).toHaveProperty('cookie');
    clock.now += 60_000;
    expect(sessions.signIn(TOKEN, 'a')).toHaveProperty('cookie');
  });

  test.each(['', 'short', TOKEN.slice(1), `${TOKEN} `])('do not take %j for the token', (token) => {
    expect(make().sessions.signIn(token, 'a')).toEqual({ refused: 'wrong' });
  });
});

describe('the token file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'token-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string, mode = 0o600): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  const TOKEN = '0123456789abcdef0123456789abcdef';

  test.each([0o600, 0o400, 0o640, 0o440])('of mode %o is read, without its line end', async (mode) => {
    expect(await readToken(file('good', `${TOKEN}\n`, mode))).toBe(TOKEN);
  });

  test.each<[string, () => string, RegExp]>([
    ['is not there', () => join(folder, 'none'), /no such file.*openssl rand/],
    [
      'is a folder',
      () => (mkdirSync(join(folder, 'folder'), { recursive: true }), join(folder, 'folder')),
      /no file/,
    ],
    ['may be read by others', () => file('open', TOKEN, 0o644), /others.*chmod 600/],
    ['may be written by its group', () => file('group', TOKEN, 0o660), /others.*chmod 600/],
    ['is short', () => file('short', TOKEN.slice(1)), /fewer than 32 characters/],
    ['is empty', () => file('empty', ''), /fewer than 32 characters/],
    ['has spaces', () => file('spaces', `${TOKEN} ${TOKEN}`), /a space/],
    ['is large', () => file('large', 'x'.repeat(5_000)), /more than a token/],
  ])('that %s is refused by name, and its content not shown', async (_, make, why) => {
    const path = make();
    const error: unknown = await readToken(path).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'SettingError' });
    expect(String(error)).toMatch(why);
    expect(String(error)).toContain(`PAGE_TOKEN_FILE is ${path}`);
    expect(String(error)).not.toContain(TOKEN.slice(1));
  });
});
