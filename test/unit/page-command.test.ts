import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import type { Deps, PageSettings, Terminal } from '../../src/client/deps.ts';
import { pageBeside } from '../../src/client/page-beside.ts';
import { servePage } from '../../src/web/serve.ts';
import { runHere } from '../helpers/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'serve-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('serve', () => {
  const can: Partial<Deps> = {
    servePage: (settings) =>
      servePage(settings, { readPicture: () => Promise.reject(new Error('no source')), appFolder: folder }),
  };

  test('prints its address, answers there, and ends on a signal', async () => {
    let address = '';
    const ended = runHere(
      folder,
      ['serve', '--port', '0', '--results', 'runs'],
      {},
      {
        async servePage(settings: PageSettings) {
          const page = await servePage(settings, {
            readPicture: () => Promise.reject(new Error()),
            appFolder: folder,
          });
          address = page.url;
          return page;
        },
      },
    );
    await expect.poll(() => address).not.toBe('');
    const answer = await fetch(`${address}/api/page`);
    expect(await answer.json()).toMatchObject({ root: join(folder, 'runs') });
    process.emit('SIGHUP');
    const { status, out } = await ended;
    expect(status).toBe(0);
    expect(out.split('\n').slice(0, 2)).toEqual([`Runs of ${join(folder, 'runs')}:`, address]);
    await expect(fetch(`${address}/api/page`)).rejects.toThrow();
  });

  writeFileSync(join(folder, 'short'), 'short', { mode: 0o600 });
  test.each<[string, string[], Record<string, string>, RegExp]>([
    ['no token beyond this machine', ['--host', '0.0.0.0'], {}, /0\.0\.0\.0.*PAGE_TOKEN_FILE/],
    [
      'a token file that is not there',
      [],
      { PAGE_TOKEN_FILE: 'none' },
      /PAGE_TOKEN_FILE is .*none: there is no/,
    ],
    ['a token that can be guessed', [], { PAGE_TOKEN_FILE: 'short' }, /fewer than 32/],
    ['a port that is none', ['--port', '70000'], {}, /--port is "70000".*1 to 65,535/],
    [
      'an address of another machine',
      ['--host', '192.0.2.1'],
      { PAGE_TOKEN_FILE: 'token' },
      /no such address.*--host/,
    ],
  ])('with %s does not start', async (_, args, env, why) => {
    writeFileSync(join(folder, 'token'), 'x'.repeat(32), { mode: 0o600 });
    const { status, err } = await runHere(folder, ['serve', '--port', '0', ...args], env, can);
    expect(status).toBe(2);
    expect(err.replaceAll('\n', ' ')).toMatch(why);
  });
});

describe('the page beside a run', () => {
  const started = { run: 'a', results: '/results/a' };
  const depsOf = (interactive: boolean, servePage: (settings: PageSettings) => Promise<never>) =>
    ({
      terminal: { interactive, out: new PassThrough() } as unknown as Terminal,
      servePage: servePage as Deps['servePage'],
    }) as unknown as Deps;

  test.each([
    ['no terminal', false, {}],
    ['--no-page', true, { page: false }],
    ['--json', true, { json: true }],
    ['--detach', true, { detach: true }],
  ])('is not served with %s', async (_, interactive, flags) => {
    const served: PageSettings[] = [];
    const deps = depsOf(interactive, (settings) => (served.push(settings), Promise.reject(new Error())));
    const page = await pageBeside(deps, flags, started, () => undefined);
    expect([page.url, served]).toEqual([null, []]);
    await page.close();
  });

  test('is for this machine, at any free port, and leads to the run', async () => {
    const asked: Partial<PageSettings>[] = [];
    let closed = 0;
    const deps = depsOf(true, (({ deps: _, ...settings }: PageSettings) => {
      asked.push(settings);
      return Promise.resolve({ url: 'http://127.0.0.1:8081', close: async () => void (closed += 1) });
    }) as never);
    const page = await pageBeside(deps, {}, started, () => undefined);
    expect(page.url).toBe('http://127.0.0.1:8081/runs/a');
    expect(asked).toEqual([{ root: '/results', host: '127.0.0.1', port: 8080, orNext: true, quiet: true }]);
    await page.close();
    expect(closed).toBe(1);
  });

  test('that cannot be served is told, and the run goes on without it', async () => {
    const said: string[] = [];
    const deps = depsOf(true, () => Promise.reject(new Error('no port is free')));
    const page = await pageBeside(deps, {}, started, (text) => said.push(text));
    expect(page.url).toBeNull();
    expect(said).toEqual(['The page is not served: no port is free']);
  });
});
