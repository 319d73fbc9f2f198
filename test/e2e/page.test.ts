import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcp, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ResultsFile } from '../../src/shared/results.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import type { PicturePage, RunDetail } from '../../src/web/api.ts';
import {
  axeFindings,
  openBrowser,
  type OpenedPage,
  overflow,
  settled,
  type TestBrowser,
  VIEWS,
  whyNoBrowser,
} from '../helpers/browser.ts';
import { createPlace, distinctPicture, type Place, type Running } from '../helpers/cli.ts';
import { type PageServer, startPageServer } from '../helpers/page-server.ts';
import { startTemporal, type TemporalServer } from '../helpers/temporal-server.ts';
import { until } from '../helpers/until.ts';

const PROMPTS = 6;
const CROWD = 'crowd-detection';

/** One address for a Temporal server that is stopped and started again: what a person would have in front of it. */
async function startFront(): Promise<{ address: string; lead(to: string | null): void; close(): void }> {
  let target: string | null = null;
  const open = new Set<Socket>();
  const server = createTcp((socket) => {
    if (target === null) return void socket.destroy();
    const on = connect(Number(target.split(':')[1]), '127.0.0.1');
    socket.pipe(on).pipe(socket);
    for (const [end, other] of [
      [socket, on],
      [on, socket],
    ] as const) {
      open.add(end);
      end
        .on('error', () => undefined)
        .on('close', () => {
          open.delete(end);
          other.destroy();
        });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const lead = (to: string | null): void => {
    target = to;
    for (const end of open) end.destroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    lead,
    close: () => {
      lead(null);
      server.close();
    },
  };
}

/** The page of a place, by a server that closes with it. */
const serve = (place: Place, env: Record<string, string> = {}): Promise<PageServer> =>
  startPageServer({ cwd: place.folder, env: { ...place.env, ...env } });

const getJson = async <T>(url: string): Promise<T> => (await fetch(url)).json() as Promise<T>;

const matching = (results: ResultsFile, prompt: string): string[] =>
  results.images
    .filter(({ answers }) => {
      const answer = answers[prompt];
      return answer !== undefined && 'match' in answer && answer.match;
    })
    .map(({ name }) => name)
    .sort();

describe.skipIf(whyNoBrowser() !== null)(`the page in a browser ${whyNoBrowser() ?? ''}`, () => {
  let browser: TestBrowser;
  let simulator: Simulator;
  let front: Awaited<ReturnType<typeof startFront>>;
  let temporal: TemporalServer;
  let place: Place;
  let worker: Running;
  let server: PageServer;
  let opened: OpenedPage;
  let page: Page;
  /** A stranger's attempts leave errors in the console of the stranger's page: that is the defence. */
  let attacked = false;
  /** Of the run that the tests go through, from its start to its end. */
  let run = '';
  const folder = mkdtempSync(join(tmpdir(), 'page-e2e-'));
  const dbFile = join(folder, 'temporal.db');

  beforeAll(async () => {
    browser = await openBrowser({ rebound: ['page.evil.example'] });
    [front, temporal, simulator] = await Promise.all([
      startFront(),
      startTemporal({ dbFile }),
      startSimulator({
        latency: { medianMs: 1_500 },
        limits: { requestsPerMinute: 60_000, tokensPerMinute: 60_000_000 },
        faults: [{ kind: 'refusal', count: 2, from: 20 }],
      }),
    ]);
    front.lead(temporal.address);
    place = createPlace({
      OPENAI_BASE_URL: simulator.url,
      TEMPORAL_ADDRESS: front.address,
      LIMITS: '50000/50000000',
    });
    const pictures = join(place.folder, 'pictures');
    mkdirSync(pictures);
    cpSync(resolve('samples'), pictures, { recursive: true });
    for (let n = 0; n < 10; n += 1) {
      writeFileSync(join(pictures, `NORTH_GATE_10_246_7_1_20251126_0${n}1500.jpg`), distinctPicture(n));
    }
    worker = place.start(['worker']);
    server = await serve(place);
  });

  afterAll(async () => {
    await server?.close();
    worker?.child.kill('SIGTERM');
    await worker?.ended;
    await place?.close();
    await Promise.all([simulator?.close(), temporal?.close(), browser?.close()]);
    front?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    opened = await browser.open();
    page = opened.page;
    page.setDefaultTimeout(20_000);
  });

  afterEach(async () => {
    await opened.close();
    if (!attacked) expect(opened.problems).toEqual([]);
    attacked = false;
  });

  const open = async (path: string): Promise<void> => {
    await page.goto(server.url + path);
    await page.getByRole('heading', { level: 1 }).first().waitFor();
  };
  const detail = (): Promise<RunDetail> => getJson<RunDetail>(`${server.url}/api/runs/${run}`);
  const state = (word: string): Promise<void> =>
    page.locator('.run-head .badge', { hasText: word }).first().waitFor({ timeout: 60_000 });
  const button = (name: string, exact = true) => page.getByRole('button', { name, exact });

  describe('on a run under way', () => {
    test('shows what to do where there is no run yet, and the run once there is one', async () => {
      await open('/');
      await page.getByRole('heading', { name: 'No run yet' }).waitFor();
      place.start(['run', join(place.folder, 'pictures'), '--concurrency', '4', '--batch-size', '4']);
      run = await until(async () => (await getJson<{ run: string }[]>(`${server.url}/api/runs`))[0]?.run);
      await page.getByRole('link', { name: run }).first().waitFor();
      await page.getByRole('link', { name: run }).first().click();
      await page.getByRole('heading', { level: 1, name: run }).waitFor();
      await state('running');
    });

    test('goes on by itself, without a reload', async () => {
      await open(`/runs/${run}`);
      await state('running');
      const navigations: string[] = [];
      page.on('framenavigated', (frame) => navigations.push(frame.url()));
      const before = await page.getByRole('main').innerText();
      await until(async () => (await page.getByRole('main').innerText()) !== before, 30_000);
      expect(navigations).toEqual([]);
    });

    test('is paused and goes on', async () => {
      await open(`/runs/${run}`);
      await button('Pause').click();
      await state('paused');
      await button('Resume').click();
      await state('running');
    });

    test('is cancelled after a question, keeps its answers, and is resumed', async () => {
      await open(`/runs/${run}`);
      await button('Cancel').click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Let it run' }).click();
      await dialog.waitFor({ state: 'hidden' });
      expect((await detail()).state).toBe('running');
      await button('Cancel').click();
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel the run' }).click();
      await state('cancelled');
      const { answered } = await until(async () => {
        const now = await detail();
        return now.endedAt !== null && now;
      });
      expect(answered).toBeGreaterThan(0);
      expect(answered).toBeLessThan(24 * PROMPTS);
      await button('Resume').click();
      await state('running');
      await until(async () => (await detail()).answered > answered);
    });

    test('survives a restart of the Temporal server, and says meanwhile which command does what', async () => {
      await open(`/runs/${run}`);
      await state('running');
      front.lead(null);
      await temporal.close();
      const down = await until(async () => {
        const now = await detail();
        return now.actions.some(({ name, possible }) => name === 'pause' && !possible) && now;
      });
      expect(down.actions.find(({ name }) => name === 'pause')?.command).toContain(`pause ${run}`);
      // What the results say is there all the same.
      await open(`/runs/${run}/pictures`);
      await page
        .getByRole('list', { name: /^Pictures/ })
        .getByRole('link')
        .first()
        .waitFor();
      temporal = await startTemporal({ dbFile });
      front.lead(temporal.address);
      await open(`/runs/${run}`);
      await page
        .locator('.run-head .badge', { hasText: /complete|answers missing/ })
        .waitFor({ timeout: 120_000 });
    });
  });

  describe('on the run that has ended', () => {
    let results: ResultsFile;
    beforeAll(async () => {
      await until(async () => (await detail()).endedAt !== null, 120_000);
      results = place.results(run);
    });

    const cells = () => page.getByRole('list', { name: /^Pictures/ }).getByRole('link');
    const found = (n: number): Promise<void> =>
      page.getByRole('list', { name: new RegExp(`^Pictures, ${n}\\b`) }).waitFor();

    test('never looks complete where answers are missing, and asks the failed ones again', async () => {
      await open(`/runs/${run}`);
      const { failed } = await detail();
      if (failed === 0) return;
      await state('answers missing');
      await button('Ask the failed ones again').click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('checkbox').check();
      await dialog.getByRole('button', { name: /^Ask \d+ questions? again$/ }).click();
      await state('complete');
      results = await until(async () => {
        const now = place.results(run);
        return now.totals.failed === 0 && now;
      });
    });

    test('filters pictures, keeps the filter in the address, and shows a colleague the same', async () => {
      await open(`/runs/${run}/pictures`);
      await found(results.images.length);
      await page.getByLabel('Question').selectOption(CROWD);
      const crowds = matching(results, CROWD);
      expect(crowds.length).toBeGreaterThan(3);
      await found(crowds.length);
      await page.getByLabel('Camera').selectOption('NORTH_GATE_10_246_7_1');
      const atGate = crowds.filter((name) => name.startsWith('NORTH_GATE'));
      await found(atGate.length);
      expect(page.url()).toContain(`prompt=${CROWD}`);

      const colleague = await browser.open();
      await colleague.page.goto(page.url());
      await colleague.page
        .getByRole('list', { name: new RegExp(`^Pictures, ${atGate.length}\\b`) })
        .waitFor();
      await colleague.close();
      expect(colleague.problems).toEqual([]);

      await page.goBack();
      await found(crowds.length);
    });

    test('finds text in descriptions', async () => {
      await open(`/runs/${run}/pictures`);
      await page.getByRole('searchbox').fill('clock tower');
      const described = results.images.filter((image) =>
        [
          image.name,
          ...Object.values(image.answers).map((a) => ('description' in a ? a.description : '')),
        ].some((text) => text.toLowerCase().includes('clock tower')),
      );
      await found(described.length);
    });

    test('shows thumbnails, and one picture in full with its answers', async () => {
      await open(`/runs/${run}/pictures`);
      await settled(page);
      const widths = await page.evaluate<number[]>(
        `[...document.querySelectorAll('img.thumb')].filter((i) => i.complete).map((i) => i.naturalWidth)`,
      );
      expect(widths.length).toBeGreaterThan(5);
      expect(Math.max(...widths)).toBeLessThanOrEqual(320);
      expect(Math.min(...widths)).toBeGreaterThan(0);
      await cells().first().click();
      const [first] = results.images.map(({ name }) => name).sort();
      await page.getByRole('heading', { level: 1, name: first ?? '' }).waitFor();
      for (const { name } of results.settings.prompts) {
        await page
          .getByRole('heading', { name, exact: true })
          .or(page.getByText(name, { exact: true }))
          .first()
          .waitFor();
      }
    });

    test('is gone through by keys, within the filter', async () => {
      const crowds = matching(results, CROWD);
      await open(`/runs/${run}/pictures?prompt=${CROWD}&match=yes`);
      await found(crowds.length);
      await page.keyboard.press('Tab');
      await cells().first().focus();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
      const heading = (n: number): Promise<void> =>
        page.getByRole('heading', { level: 1, name: crowds[n] ?? 'none' }).waitFor();
      await heading(1);
      for (let n = 2; n < crowds.length; n += 1) {
        await page.keyboard.press('ArrowRight');
        await heading(n);
      }
      await page.keyboard.press('ArrowRight');
      await heading(crowds.length - 1);
      await page.keyboard.press('k');
      await heading(crowds.length - 2);
      await page.keyboard.press('Escape');
      await found(crowds.length);
    });

    describe('exports', () => {
      const download = async (format: string): Promise<string> => {
        await page.getByText('Export', { exact: true }).click();
        const [file] = await Promise.all([
          page.waitForEvent('download'),
          page.getByRole('link', { name: new RegExp(`^${format}\\b`) }).click(),
        ]);
        expect(file.suggestedFilename()).toContain(run);
        return readFileSync(await file.path(), 'utf8');
      };

      test('what the filter finds, as CSV, NDJSON and JSON', async () => {
        const crowds = matching(results, CROWD);
        await open(`/runs/${run}/pictures?prompt=${CROWD}&match=yes`);
        await found(crowds.length);

        const csv = await download('CSV');
        expect(csv.startsWith('\ufeff')).toBe(true);
        const lines = csv.slice(1).trimEnd().split('\r\n');
        expect(lines).toHaveLength(1 + crowds.length);
        for (const name of crowds) expect(csv).toContain(name);

        const ndjson = (await download('NDJSON')).trimEnd().split('\n');
        const rows = ndjson.map((line) => JSON.parse(line) as Record<string, unknown>);
        expect(rows).toHaveLength(crowds.length);
        expect(Object.keys(rows[0] ?? {}).join(',')).toBe(lines[0]);
        expect(JSON.parse(await download('JSON'))).toEqual(rows);
      });

      test('a report with its thumbnails that needs nothing from elsewhere', async () => {
        await open(`/runs/${run}/pictures`);
        await found(results.images.length);
        const html = await download('HTML');
        const report = await browser.open();
        const asked: string[] = [];
        report.page.on('request', (request) => {
          if (!/^(data|about):/.test(request.url())) asked.push(request.url());
        });
        await report.page.setContent(html);
        await settled(report.page);
        expect(asked).toEqual([]);
        expect(await report.page.locator('img').count()).toBeGreaterThan(5);
        const broken = `[...document.images].filter((image) => image.naturalWidth === 0).length`;
        expect(await report.page.evaluate(broken)).toBe(0);
        expect(await axeFindings(report.page)).toEqual([]);
        await report.close();
      });
    });

    test('sums up by question, camera and hour, and leads from a cell to its pictures', async () => {
      await open(`/runs/${run}/summary`);
      await settled(page);
      const main = page.getByRole('main');
      for (const { name } of results.settings.prompts) expect(await main.innerText()).toContain(name);
      const cell = main.locator('a[href*="camera="]').first();
      await cell.click();
      await page.getByRole('heading', { level: 1, name: 'Pictures' }).waitFor();
      const { total } = await getJson<PicturePage>(
        `${server.url}/api/runs/${run}/pictures${new URL(page.url()).search}&from=0&take=1`,
      );
      await found(total);
    });

    test('is accessible and fits its window: every page, both themes, both widths', async () => {
      const paths = {
        runs: '/',
        'nothing found': '/?q=no-such-run',
        run: `/runs/${run}`,
        pictures: `/runs/${run}/pictures`,
        filtered: `/runs/${run}/pictures?prompt=${CROWD}&match=yes`,
        'no picture': `/runs/${run}/pictures?camera=none`,
        picture: `/runs/${run}/pictures/3`,
        summary: `/runs/${run}/summary`,
        compare: `/compare/${run}/${run}`,
        'no such page': '/nowhere',
      };
      for (const view of VIEWS) {
        const looked = await browser.open(view);
        for (const [name, path] of Object.entries(paths)) {
          await looked.page.goto(server.url + path);
          await looked.page.getByRole('heading', { level: 1 }).first().waitFor();
          await settled(looked.page);
          expect.soft(await axeFindings(looked.page), `${name}, ${view.name}`).toEqual([]);
          expect
            .soft(await overflow(looked.page), `${name}, ${view.name}: wider than its window`)
            .toBeLessThanOrEqual(0);
        }
        await looked.close();
        expect.soft(looked.problems).toEqual([]);
      }
    });
  });

  describe('under attack', () => {
    let attacker: Server;
    let hostile = '';
    beforeAll(async () => {
      attacker = createServer((_request, response) => {
        response.setHeader('content-type', 'text/html');
        response.end('<!doctype html><title>a stranger</title><body>');
      }).listen(0, '127.0.0.1');
      await once(attacker, 'listening');
      hostile = `http://${new URL(server.url).hostname}:${(attacker.address() as AddressInfo).port}`;
    });
    afterAll(() => void attacker.close());

    beforeEach(() => void (attacked = true));
    const asStranger = async (path = '/'): Promise<Page> => {
      await page.goto(hostile + path);
      return page;
    };

    test('another origin can read nothing, neither runs nor pictures nor events', async () => {
      const stranger = await asStranger();
      const script = (body: string): Promise<string> =>
        stranger.evaluate<string>(`(async () => { ${body} })()`);
      for (const path of ['/', '/api/runs', `/api/runs/${run}`, `/api/runs/${run}/export.csv`]) {
        const read = `try { return await (await fetch('${server.url}${path}', { credentials: 'include' })).text(); }
          catch { return 'refused'; }`;
        expect(await script(read), path).toBe('refused');
      }
      const loads = (tag: string, attribute: string, path: string): Promise<string> =>
        script(`return new Promise((done) => {
          const element = document.createElement('${tag}');
          element.onload = () => done('loaded');
          element.onerror = () => done('refused');
          element.${attribute} = '${server.url}${path}';
          document.body.append(element);
        });`);
      expect(await loads('img', 'src', `/pictures/${run}/0/thumb`)).toBe('refused');
      expect(await loads('img', 'src', `/pictures/${run}/0/full`)).toBe('refused');
      expect(await loads('script', 'src', `/api/runs`)).toBe('refused');
      const events = `return new Promise((done) => {
        const source = new EventSource('${server.url}/api/runs/${run}/events');
        source.onmessage = () => done('heard'); source.onerror = () => { source.close(); done('refused'); };
        source.addEventListener('run', () => done('heard'));
      });`;
      expect(await script(events)).toBe('refused');
    });

    test('another origin can change nothing, by a form, a beacon or a request', async () => {
      const before = await getJson<RunDetail>(`${server.url}/api/runs/${run}`);
      const stranger = await asStranger();
      const statuses: number[] = [];
      stranger.on('response', (response) => {
        if (response.url().startsWith(server.url)) statuses.push(response.status());
      });
      for (const action of ['pause', 'cancel', 'retry', 'resume']) {
        const url = `${server.url}/api/runs/${run}/${action}`;
        const tried = await stranger.evaluate<string>(`(async () => {
          const headers = { 'x-image-analysis-page': '1', 'content-type': 'application/json' };
          const simple = await fetch('${url}', { method: 'POST', mode: 'no-cors', body: '{}' }).then((a) => a.type, () => 'refused');
          const own = await fetch('${url}', { method: 'POST', headers, body: '{}' }).then(() => 'read', () => 'refused');
          navigator.sendBeacon('${url}', '{}');
          return simple + ' ' + own;
        })()`);
        expect(tried).toMatch(/^(opaque|refused) refused$/);
        await stranger.evaluate(`(() => {
          const form = document.createElement('form');
          form.method = 'post'; form.action = '${url}'; form.enctype = 'text/plain'; form.target = '_self';
          document.body.append(form); form.submit();
        })()`);
        await stranger.waitForURL(url);
        await asStranger();
      }
      expect(statuses.length).toBeGreaterThanOrEqual(4);
      expect(statuses.every((status) => status >= 400)).toBe(true);
      const after = await getJson<RunDetail>(`${server.url}/api/runs/${run}`);
      expect([after.state, after.answered]).toEqual([before.state, before.answered]);
    });

    test('another origin cannot show the page in a frame, nor reach into its window', async () => {
      const stranger = await asStranger();
      await stranger.evaluate(`(() => {
        const frame = document.createElement('iframe');
        frame.src = '${server.url}/'; document.body.append(frame);
      })()`);
      await until(async () => stranger.frames()[1]?.url().startsWith('chrome-error:'), 10_000);

      const popup = stranger.waitForEvent('popup');
      await stranger.evaluate(`window.theirs = window.open('${server.url}/')`);
      const theirs = await popup;
      await theirs.getByRole('heading', { level: 1 }).waitFor();
      expect(await stranger.evaluate(`window.theirs.closed`)).toBe(true);
      expect(await theirs.evaluate(`window.opener`)).toBeNull();
    });

    test('a name that was made to lead to this machine is not the page’s', async () => {
      const port = new URL(server.url).port;
      const answer = await page.goto(`http://page.evil.example:${port}/api/runs`);
      expect(answer?.status()).toBe(403);
      expect(await page.content()).not.toContain(run);
    });

    test('the token’s cookie is for the page alone, and no other port of the host can use it', async () => {
      const token = 'a-token-of-the-test-0123456789abcdef0123456789';
      const file = join(place.folder, 'page-token');
      writeFileSync(file, `${token}\n`, { mode: 0o600 });
      const guarded = await serve(place, { PAGE_TOKEN_FILE: file });
      try {
        await page.goto(`${guarded.url}/runs/${run}`);
        await page.getByLabel('Token').fill('not-the-token-not-the-token-not-the-token');
        await page.keyboard.press('Enter');
        await page.getByRole('alert').waitFor();
        await page.getByLabel('Token').fill(token);
        await page.keyboard.press('Enter');
        await page
          .getByRole('link', { name: run })
          .or(page.getByRole('heading', { name: run }))
          .first()
          .waitFor();
        const [cookie, ...others] = await opened.context.cookies(guarded.url);
        expect(others).toEqual([]);
        expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/' });
        expect(cookie?.value).not.toContain(token);
        expect(page.url()).not.toContain(token);

        // Another port of the same host is the same site: the browser sends the cookie, and the guard must refuse.
        const stranger = await asStranger();
        const tried = await stranger.evaluate(
          `fetch('${guarded.url}/api/runs', { credentials: 'include' }).then((a) => a.text(), () => 'refused')`,
        );
        expect(tried).toBe('refused');
      } finally {
        await guarded.close();
      }
    });
  });

  test('was told nothing of the key: it is in no answer of the page', async () => {
    const paths = ['/', '/api/page', '/api/runs', `/api/runs/${run}`, `/api/runs/${run}/pictures/0`];
    for (const path of paths)
      expect(await (await fetch(server.url + path)).text(), path).not.toContain('sk-canary');
  });
});
