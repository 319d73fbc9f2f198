/**
 * The page with a run of 100,000 pictures × 6 prompts: `npm run bench:page` (build first). Prints each figure beside its
 * limit, and ends with 1 where one is missed. `-- --pictures N` for fewer, `--keep FOLDER` writes the run there once
 * and measures it again the next time.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { createGcs } from '../src/worker/adapters/gcs.ts';
import { createOpenStore } from '../src/worker/adapters/open-store.ts';
import { openBrowser, type TestBrowser } from '../test/helpers/browser.ts';
import { startFakeGcs } from '../test/helpers/fake-gcs.ts';
import { type PageServer, startPageServer } from '../test/helpers/page-server.ts';
import { exportAll } from './page-export.ts';
import { type FixtureRun, type WriteFile, writeRun } from './page-fixture.ts';
import { type Scroll, scrollThrough } from './page-scroll.ts';
import { drawStreets, outcomeOf, type Street, streetPrompts } from './page-street.ts';

const RUN = '20251127_060000';
const STREETS = 40;
const CAMERAS = 40;
const DAYS = 10;

/** Two windows a second: answers and thumbnails, which are left out while pictures rush by, are fetched and made. */
const GLANCE = { seconds: 15, speed: 1_600 };

const LIMITS = { localMs: 1_000, bucketMs: 3_000, frameMs: 50, growthMb: 128 };

const { values } = parseArgs({
  options: {
    pictures: { type: 'string', default: '100000' },
    keep: { type: 'string' },
    'scroll-seconds': { type: 'string', default: '90' },
    'no-bucket': { type: 'boolean', default: false },
  },
});
const pictures = Number(values.pictures);
const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'bench-page-'));
let missed = 0;

function figure(what: string, value: number, limit: number, unit: string): void {
  const isMissed = !(value <= limit);
  if (isMissed) missed += 1;
  console.log(
    `${what.padEnd(58)} ${value.toFixed(0).padStart(7)} ${unit}   limit ${limit} ${unit}${isMissed ? '   MISSED' : ''}`,
  );
}

const scrolled = (scroll: Scroll): string =>
  `${scroll.pixels.toLocaleString('en')} px in ${scroll.seconds.toFixed(0)} s, ${scroll.frames} frames, median ` +
  `${scroll.medianMs.toFixed(0)} ms, 99th percentile ${scroll.p99Ms.toFixed(0)} ms, longest ` +
  `${scroll.longestMs.toFixed(0)} ms, long tasks ${scroll.longTasks} (longest ${scroll.longestTaskMs.toFixed(0)} ms)`;

/** Camera, day and time of a picture, in the order in which a folder lists its names. */
const nameOf = (n: number): string => {
  const perCamera = Math.ceil(pictures / CAMERAS);
  const perDay = Math.ceil(perCamera / DAYS);
  const [camera, nth] = [Math.floor(n / perCamera), n % perCamera];
  const [day, slot] = [Math.floor(nth / perDay), nth % perDay];
  const time = new Date(Math.floor((slot * 86_400_000) / perDay))
    .toISOString()
    .slice(11, 19)
    .replaceAll(':', '');
  return `JUNCTION_${String(camera).padStart(2, '0')}_10_246_8_${10 + camera}_202511${10 + day}_${time}.jpg`;
};

async function fixture(root: string, source: string): Promise<{ run: FixtureRun; streets: Street[] }> {
  const prompts = await streetPrompts();
  const streets = await drawStreets(STREETS, prompts);
  const streetOf = (n: number): Street => {
    const street = streets[(n * 7) % streets.length];
    if (street === undefined) throw new Error('no street');
    return street;
  };
  const isBucket = source.startsWith('gs://');
  const run: FixtureRun = {
    run: RUN,
    root,
    source,
    pictures,
    prompts,
    startedAt: '2025-11-27T06:00:00.000Z',
    msPerPicture: 2_500,
    image: (n) => ({
      name: nameOf(n),
      identity: isBucket ? `${source}${nameOf(n)}#${1_700_000_000_000_000 + n}` : streetOf(n).identity,
      bytes: streetOf(n).jpeg.length,
    }),
    outcome: (n, prompt, startedAt) =>
      outcomeOf(streetOf(n), n, prompt, {
        startedAt,
        ...(n % 211 === 0 && prompt.id === 'crowd-detection' ? { failure: 'Refused' as const } : {}),
      }),
  };
  return { run, streets };
}

/** Pictures as one hard link each to one of the drawn ones: 100,000 names, and no gigabytes. */
function linkPictures(source: string, { streets, run }: { streets: Street[]; run: FixtureRun }): void {
  const originals = join(dirname(source), 'originals');
  mkdirSync(originals, { recursive: true });
  mkdirSync(source, { recursive: true });
  const byIdentity = new Map(
    streets.map(({ identity, jpeg }, n) => {
      const file = join(originals, `${n}.jpg`);
      writeFileSync(file, jpeg);
      return [identity, file];
    }),
  );
  for (let n = 0; n < pictures; n += 1) {
    const { name, identity } = run.image(n);
    linkSync(byIdentity.get(identity) ?? '', join(source, name));
  }
}

async function atMost<T>(tasks: readonly T[], most: number, work: (task: T) => Promise<void>): Promise<void> {
  const rest = tasks.values();
  await Promise.all(
    Array.from({ length: most }, async () => {
      for (const task of rest) await work(task);
    }),
  );
}

async function writeLocal(root: string, source: string): Promise<void> {
  if (existsSync(join(root, RUN, 'progress.json'))) return;
  const made = await fixture(root, source);
  linkPictures(source, made);
  const write: WriteFile = async (path, text) => {
    const file = join(root, RUN, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  };
  await writeRun(made.run, write);
}

async function writeBucket(endpoint: string): Promise<void> {
  const root = 'gs://city-cameras/results';
  const store = createOpenStore(createGcs({ apiEndpoint: endpoint }))(`${root}/${RUN}`);
  const { run } = await fixture(root, 'gs://city-cameras/pictures/');
  const all: [string, string][] = [];
  await writeRun(run, async (path, text) => {
    all.push([path, text]);
  });
  await atMost(all, 32, async ([path, text]) => {
    await store.create(path, text);
  });
}

/** Lets the system forget what it has read from disk, where this process may tell it to. */
function dropCaches(): boolean {
  try {
    execFileSync('sync');
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    return true;
  } catch {
    return false;
  }
}

/** From the navigation to the first rows on the screen, with their answers. */
async function openPictures(browser: TestBrowser, server: PageServer): Promise<number> {
  const { page, close } = await browser.open();
  try {
    // The browser's own start is not the page's.
    await page.goto(`${server.url}/`);
    await page.getByRole('heading', { level: 1 }).first().waitFor();
    const startedAt = performance.now();
    await page.goto(`${server.url}/runs/${RUN}/pictures`, { waitUntil: 'commit' });
    await page.locator(`a[href*="/runs/${RUN}/pictures/"]`).first().waitFor({ timeout: 60_000 });
    return performance.now() - startedAt;
  } finally {
    await close();
  }
}

async function measureLocal(browser: TestBrowser): Promise<void> {
  const root = join(folder, 'results');
  await writeLocal(root, join(folder, 'pictures'));
  const settings = {
    cwd: folder,
    env: { RESULTS: root, DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'error' },
  };
  for (const state of ['cold', 'warm'] as const) {
    // A fresh process each time: what a server keeps in memory is another, easier thing.
    const server = await startPageServer(settings);
    const really = state === 'warm' || dropCaches();
    figure(
      `first rows, local disk, ${state}${really ? '' : ' process (caches cannot be dropped here)'}`,
      await openPictures(browser, server),
      LIMITS.localMs,
      'ms',
    );
    if (state === 'warm') {
      figure(
        'first rows, local disk, opened again',
        await openPictures(browser, server),
        LIMITS.localMs,
        'ms',
      );
      const scroll = await scrollThrough(browser, server.url, RUN, Number(values['scroll-seconds']));
      console.log(`through ${scroll.total.toLocaleString('en')} pictures: ${scrolled(scroll)}`);
      figure('frames over 50 ms', scroll.over, 0, '  ');
      figure('longest frame', scroll.longestMs, LIMITS.frameMs, 'ms');
      const glance = await scrollThrough(browser, server.url, RUN, GLANCE.seconds, GLANCE.speed);
      console.log(
        `at a pace to look at them: ${scrolled(glance)}; ${glance.over} frames over ${LIMITS.frameMs} ms`,
      );
      for (const format of ['csv', 'ndjson', 'json'] as const) {
        server.resetPeak();
        const { growthBytes, bytes, seconds } = await exportAll(server, RUN, format);
        console.log(`export ${format}: ${(bytes / 1e6).toFixed(0)} MB in ${seconds.toFixed(1)} s`);
        figure(
          `export ${format}, memory beyond what the open run takes`,
          growthBytes / 1e6,
          LIMITS.growthMb,
          'MB',
        );
      }
    }
    await server.close();
  }
}

async function measureBucket(browser: TestBrowser): Promise<void> {
  const gcs = await startFakeGcs();
  try {
    await gcs.createBucket('city-cameras');
    await writeBucket(gcs.endpoint);
    const env = {
      RESULTS: 'gs://city-cameras/results',
      STORAGE_EMULATOR_HOST: gcs.endpoint,
      GOOGLE_APPLICATION_CREDENTIALS: gcs.credentialsFile,
      DATA_DIR: join(folder, 'bucket-data'),
      LOG_LEVEL: 'error',
    };
    const server = await startPageServer({ cwd: folder, env });
    figure('first rows, bucket emulator', await openPictures(browser, server), LIMITS.bucketMs, 'ms');
    await server.close();
  } finally {
    await gcs.close();
  }
}

console.log(`A run of ${pictures.toLocaleString('en')} pictures × 6 prompts`);
const browser = await openBrowser();
try {
  await measureLocal(browser);
  if (!values['no-bucket']) await measureBucket(browser);
} finally {
  await browser.close();
  if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
}
process.exitCode = missed === 0 ? 0 : 1;
