import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { noCounts } from '../../src/shared/counts.ts';
import type { Progress } from '../../src/shared/types.ts';
import type { PictureRow, PicturesVersion, RunDetail, Searched } from '../../src/web/api.ts';
import { readConfig } from '../../src/config.ts';
import { listFolderRuns, openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { progressOf } from './client-data.ts';
import { failedTo, said, startTestPage, writeRun, type TestPage } from './page-kit.ts';
import { createStandIn } from './page-temporal.ts';

let page: TestPage | null = null;
afterEach(async () => {
  await page?.close();
  page = null;
});

interface Heard {
  event: string;
  data: unknown;
}

/** Server-sent events as they come. */
function listen(stream: IncomingMessage) {
  const heard: Heard[] = [];
  let rest = '';
  let wake = (): void => undefined;
  stream.setEncoding('utf8');
  stream.on('data', (piece: string) => {
    const parts = `${rest}${piece}`.split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const [, event = 'comment'] = /^event: (.*)$/m.exec(part) ?? [];
      const [, data = 'null'] = /^data: (.*)$/m.exec(part) ?? [];
      heard.push({ event, data: JSON.parse(data) as unknown });
    }
    wake();
  });
  stream.on('error', () => undefined);
  return {
    heard,
    /** The first event of the name, from the `from`th on, that holds. */
    async until<T>(event: string, holds: (data: T) => boolean = () => true, from = 0): Promise<T> {
      for (const end = Date.now() + 8_000; Date.now() < end;) {
        const found = heard.slice(from).find((one) => one.event === event && holds(one.data as T));
        if (found !== undefined) return found.data as T;
        await Promise.race([new Promise<void>((resolve) => (wake = resolve)), sleep(200)]);
      }
      throw new Error(`no ${event}; heard ${JSON.stringify(heard).slice(0, 2_000)}`);
    },
  };
}

const rewrite = (page: TestPage, run: string, change: Partial<Progress>): void => {
  const path = join(page.folder, 'results', run, 'progress.json');
  const progress = JSON.parse(readFileSync(path, 'utf8')) as Progress;
  writeFileSync(path, JSON.stringify({ ...progress, ...change }));
};

describe('the events of a run', () => {
  test('tell at once how it stands, and then what changes, from its record alone', async () => {
    page = await startTestPage();
    await writeRun(
      page.folder,
      'a',
      [
        { name: 'x.jpg', outcome: said('x') },
        { name: 'y.jpg', outcome: null },
      ],
      {
        progress: { state: 'running', updatedAt: '2026-11-24T10:00:20.000Z' },
      },
    );
    const stream = await page.open('/api/runs/a/events');
    expect(stream.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(stream.headers['cache-control']).toContain('no-store');
    expect(stream.headers['content-encoding']).toBeUndefined();
    const events = listen(stream);
    expect(await events.until<RunDetail>('run')).toMatchObject({
      state: 'interrupted',
      answered: 2,
      fresh: false,
    });
    // Nobody looks at its pictures yet.
    expect(events.heard.some(({ event }) => event === 'pictures')).toBe(false);
    await page.ask('/api/runs/a/pictures');
    const counts = { ...noCounts(), images: 2, answered: 3 };
    rewrite(page, 'a', { counts, updatedAt: '2026-11-24T10:00:30.000Z' });
    expect(await events.until<RunDetail>('run', ({ answered }) => answered === 3)).toMatchObject({
      failed: 0,
    });
    const { version } = await events.until<PicturesVersion>('pictures');
    expect((await page.ask('/api/runs/a/pictures')).json()).toMatchObject({ version });
    stream.destroy();
  });

  test('are one look for all who watch, and end with the last of them', async () => {
    let reads = 0;
    page = await startTestPage();
    const { folder } = page;
    const counting = await startTestPage({
      root: join(folder, 'results'),
      deps: {
        config: readConfig({}, folder),
        ...{ cwd: folder, calledAs: 'image-analysis', listRuns: listFolderRuns },
        openStore(place) {
          const store = openFolderStore(place);
          return {
            ...store,
            read: (path) => ((reads += path === 'progress.json' ? 1 : 0), store.read(path)),
          };
        },
      },
    });
    await writeRun(folder, 'a', [{ name: 'x.jpg', outcome: null }], { progress: { state: 'running' } });
    const streams = await Promise.all([1, 2, 3].map(() => counting.open('/api/runs/a/events')));
    await Promise.all(streams.map((stream) => listen(stream).until('run')));
    const before = reads;
    await sleep(2_200);
    expect(reads - before).toBeLessThanOrEqual(3);
    for (const stream of streams) stream.destroy();
    await sleep(1_200);
    const after = reads;
    await sleep(1_500);
    expect(reads).toBe(after);
    await counting.close();
  });

  test('go on when the server comes and goes: live, from the record, and live again', async () => {
    const temporal = createStandIn();
    page = await startTestPage({ connect: temporal.connect });
    const counts = { ...noCounts(), images: 1, answered: 2 };
    await writeRun(page.folder, 'a', [{ name: 'x.jpg', outcome: null }], { progress: { state: 'running' } });
    temporal.progress = progressOf({ state: 'running', images: 1, counts, ended: counts });
    const events = listen(await page.open('/api/runs/a/events'));
    const live = await events.until<RunDetail>('run');
    expect(live).toMatchObject({ state: 'running', fresh: true, answered: 2 });
    expect(live.webUi).toBe('http://temporal/image-analysis-a');
    expect(live.actions.map(({ name, possible }) => [name, possible])).toEqual([
      ['pause', true],
      ['resume', false],
      ['cancel', true],
      ['retry', false],
    ]);
    temporal.up = false;
    const away = await events.until<RunDetail>('run', ({ fresh }) => !fresh, events.heard.length);
    expect(away).toMatchObject({ state: 'interrupted', webUi: null });
    expect(away.actions[0]).toMatchObject({ possible: false, command: 'image-analysis pause a' });
    temporal.up = true;
    await events.until<RunDetail>('run', ({ fresh }) => fresh, events.heard.length);
    // It is not connected to at every look while it is away.
    expect(temporal.connects).toBeLessThanOrEqual(4);
  }, 20_000);

  test('end when the page ends, which waits for nobody', async () => {
    page = await startTestPage();
    await writeRun(page.folder, 'a', [{ name: 'x.jpg', outcome: null }], { progress: { state: 'running' } });
    const stream = await page.open('/api/runs/a/events');
    await listen(stream).until('run');
    const closed = new Promise((resolve) => stream.once('close', resolve));
    const before = Date.now();
    await page.close();
    await closed;
    expect(Date.now() - before).toBeLessThan(1_000);
    page = null;
  });
});

describe('a search', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      name: `p${String(n).padStart(4, '0')}.jpg`,
      outcome: said(n % 50 === 0 ? 'A Bus.' : 'A road.'),
    }));

  test('tells what it finds while it looks, and how far it is', async () => {
    page = await startTestPage();
    await writeRun(page.folder, 'a', many(600));
    const events = listen(await page.open('/api/runs/a/search?text=bus'));
    await events.until('end');
    const rows = events.heard
      .filter(({ event }) => event === 'rows')
      .flatMap(({ data }) => data as PictureRow[]);
    expect(rows.map(({ at }) => at)).toEqual(Array.from({ length: 12 }, (_, n) => n * 50));
    const steps = events.heard
      .filter(({ event }) => event === 'searched')
      .map(({ data }) => data as Searched);
    expect(steps.length).toBeGreaterThan(1);
    expect(steps.at(-1)).toEqual({ searched: 600, of: 600, found: 12 });
    const { rows: kept, total } = (await page.ask('/api/runs/a/pictures?text=bus&take=3')).json() as {
      rows: PictureRow[];
      total: number;
    };
    expect([total, kept.map(({ at }) => at)]).toEqual([12, [0, 50, 100]]);
  });

  test('needs a text, and a prompt that the run has', async () => {
    page = await startTestPage();
    await writeRun(page.folder, 'a', many(1));
    expect((await page.ask('/api/runs/a/search')).status).toBe(400);
    expect((await page.ask('/api/runs/a/search?text=x&prompt=none')).status).toBe(400);
  });
});

describe('an export', () => {
  /** A run of long descriptions, and how many shards of it were read. */
  async function large() {
    const counted = { shards: 0 };
    page = await startTestPage();
    const { folder } = page;
    const counting = await startTestPage({
      root: join(folder, 'results'),
      deps: {
        config: readConfig({}, folder),
        ...{ cwd: folder, calledAs: 'image-analysis', listRuns: listFolderRuns },
        openStore(place) {
          const store = openFolderStore(place);
          return {
            ...store,
            read: (path) => ((counted.shards += path.startsWith('shards/') ? 1 : 0), store.read(path)),
          };
        },
      },
    });
    // Some 40 MB in all: more than the buffers between two ends of a connection hold.
    const outcome = said('రోడ్డు '.repeat(1_000));
    const pictures = Array.from({ length: 1_000 }, (_, n) => ({
      name: `p${String(n).padStart(4, '0')}.jpg`,
      outcome,
    }));
    await writeRun(folder, 'large', pictures);
    return { counting, counted };
  }

  test('that is broken off midway ends the reading for it, and the page goes on', async () => {
    const { counting, counted } = await large();
    await counting.ask('/api/runs/large/pictures?take=1');
    counted.shards = 0;
    const stream = await counting.open('/api/runs/large/export.ndjson');
    expect(stream.headers['content-disposition']).toBe('attachment; filename="large.ndjson"');
    await new Promise<void>((resolve) => stream.once('data', () => resolve()));
    stream.destroy();
    await sleep(300);
    const read = counted.shards;
    await sleep(300);
    expect(counted.shards).toBe(read);
    expect(read).toBeLessThan(150);
    expect(counting.log()).toBe('');
    expect((await counting.ask('/api/page')).status).toBe(200);
    await counting.close();
  });

  test('is not made faster than it is taken', async () => {
    const { counting, counted } = await large();
    await counting.ask('/api/runs/large/pictures?take=1');
    counted.shards = 0;
    const stream = await counting.open('/api/runs/large/export.json');
    stream.pause();
    await sleep(1_000);
    expect(counted.shards).toBeLessThan(150);
    let bytes = 0;
    for await (const piece of stream) bytes += (piece as Buffer).length;
    expect(bytes).toBeGreaterThan(30_000_000);
    // The first one was read for the row.
    expect(counted.shards).toBe(249);
    await counting.close();
  }, 20_000);

  test('that comes upon a damaged file breaks the connection: half is not taken for the whole', async () => {
    page = await startTestPage();
    const pictures = Array.from({ length: 400 }, (_, n) => ({
      name: `p${String(n).padStart(4, '0')}.jpg`,
      outcome: said('x'.repeat(5_000)),
    }));
    await writeRun(page.folder, 'a', pictures);
    await page.ask('/api/runs/a/pictures?take=1');
    writeFileSync(join(page.folder, 'results/a/shards/000099.json'), '{');
    await expect(page.ask('/api/runs/a/export.ndjson')).rejects.toThrow(/aborted|hang up/);
    expect(page.log()).toContain('000099.json is damaged');
  });

  test('honours its query', async () => {
    page = await startTestPage();
    await writeRun(page.folder, 'a', [
      { name: 'x.jpg', outcome: said('x') },
      { name: 'y.jpg', outcome: failedTo('Refused') },
    ]);
    const { text } = await page.ask('/api/runs/a/export.ndjson?match=yes&prompt=crowd');
    expect(text.trim().split('\n')).toHaveLength(1);
    expect(text).toContain('x.jpg');
    expect((await page.ask('/api/runs/a/export.csv?prompt=none')).status).toBe(400);
  });
});
