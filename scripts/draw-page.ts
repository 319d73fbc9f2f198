/**
 * Takes the pictures of the page: `npm run page:pictures`. Those of the README go to `docs/images/page/`; with
 * `-- --all FOLDER` every page in every state, at two widths and in two themes, goes to a folder to be looked at.
 *
 * The runs are made for it: drawn streets in a bucket (of an emulator), with the answers that the simulator gives about
 * them. The program is called by the name that an installed one has.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import type { Page } from 'playwright-core';
import { type FixtureRun, writeRun } from '../bench/page-fixture.ts';
import { drawStreets, outcomeOf, type Street, streetName, streetPrompts } from '../bench/page-street.ts';
import type { FailureKind, Prompt } from '../src/shared/types.ts';
import { createGcs } from '../src/worker/adapters/gcs.ts';
import { createOpenStore } from '../src/worker/adapters/open-store.ts';
import {
  openBrowser,
  overflow,
  settled,
  type TestBrowser,
  type View,
  VIEWS,
  viewOf,
} from '../test/helpers/browser.ts';
import { type FakeGcs, startFakeGcs } from '../test/helpers/fake-gcs.ts';
import { startPageServer } from '../test/helpers/page-server.ts';

const PICTURES = fileURLToPath(new URL('../docs/images/page/', import.meta.url));
const MOST_BYTES = 150_000;
const STREETS = 60;
const BUCKET = 'city-cameras';
const SOURCE = `gs://${BUCKET}/november/`;
const RESULTS = `gs://${BUCKET}/results`;

const { values } = parseArgs({ options: { all: { type: 'string' } } });

/** A page in one of its states. */
interface Shot {
  name: string;
  path: string;
  /** What its server says: as it is, nothing at all yet, or that it cannot. */
  server?: 'slow' | 'failing';
  /** Done before the picture is taken. */
  then?(page: Page): Promise<void>;
}

const RUNS = {
  main: '20251126_190000',
  other: '20251126_203000',
  open: '20251127_063000',
  blocked: '20251127_071500',
  one: '20251127_080000',
  cancelled: '20251125_221000',
} as const;

const README: { name: string; path: string; view: View }[] = [
  { name: 'runs', path: '/', view: viewOf('desk', 'light') },
  { name: 'run', path: `/runs/${RUNS.main}`, view: viewOf('desk', 'light') },
  { name: 'pictures', path: `/runs/${RUNS.main}/pictures`, view: viewOf('desk', 'light') },
  { name: 'picture', path: `/runs/${RUNS.main}/pictures/11`, view: viewOf('desk', 'light') },
  { name: 'summary', path: `/runs/${RUNS.main}/summary`, view: viewOf('desk', 'light') },
  { name: 'compare', path: `/compare/${RUNS.main}/${RUNS.other}`, view: viewOf('desk', 'dark') },
  { name: 'pictures-phone', path: `/runs/${RUNS.main}/pictures`, view: viewOf('phone', 'dark') },
];

const main = (rest = ''): string => `/runs/${RUNS.main}${rest}`;
const potholes = '?prompt=pothole-detection&match=yes';

const LOADED: Shot[] = [
  { name: 'runs', path: '/' },
  { name: 'runs, nothing found', path: '/?q=nothing-like-it' },
  { name: 'run', path: main() },
  { name: 'run, interrupted', path: `/runs/${RUNS.open}` },
  { name: 'run, blocked', path: `/runs/${RUNS.blocked}` },
  { name: 'run, one picture', path: `/runs/${RUNS.one}` },
  { name: 'run, cancelled', path: `/runs/${RUNS.cancelled}` },
  { name: 'run, none', path: '/runs/20200101_000000' },
  { name: 'pictures', path: main('/pictures') },
  { name: 'pictures, filtered', path: main(`/pictures${potholes}`) },
  { name: 'pictures, text', path: main('/pictures?text=clock') },
  { name: 'pictures, nothing found', path: main('/pictures?camera=nobody') },
  { name: 'pictures, wrong address', path: main('/pictures?count=none') },
  { name: 'pictures, blocked', path: `/runs/${RUNS.blocked}/pictures` },
  { name: 'pictures, one picture', path: `/runs/${RUNS.one}/pictures` },
  { name: 'pictures, some unreadable', path: `/runs/${RUNS.other}/pictures` },
  {
    name: 'pictures, export',
    path: main('/pictures'),
    then: (page) => page.getByText('Export', { exact: true }).click(),
  },
  { name: 'pictures, keys', path: main('/pictures'), then: (page) => page.keyboard.press('?') },
  { name: 'picture', path: main('/pictures/11') },
  { name: 'picture, filtered', path: main(`/pictures/11${potholes}`) },
  { name: 'picture, refused', path: main('/pictures/4') },
  { name: 'picture, unreadable', path: `/runs/${RUNS.other}/pictures/0` },
  { name: 'picture, not asked yet', path: `/runs/${RUNS.open}/pictures/59` },
  { name: 'picture, one picture', path: `/runs/${RUNS.one}/pictures/0` },
  { name: 'picture, none', path: main('/pictures/999') },
  { name: 'summary', path: main('/summary') },
  { name: 'summary, blocked', path: `/runs/${RUNS.blocked}/summary` },
  { name: 'summary, one picture', path: `/runs/${RUNS.one}/summary` },
  { name: 'compare', path: `/compare/${RUNS.main}/${RUNS.other}` },
  { name: 'compare, itself', path: `/compare/${RUNS.main}/${RUNS.main}` },
  { name: 'compare, one picture', path: `/compare/${RUNS.main}/${RUNS.one}` },
  { name: 'no such page', path: '/nowhere' },
  { name: 'sign in', path: '/login' },
];

const WAITING: Shot[] = [
  { name: 'runs', path: '/' },
  { name: 'run', path: main() },
  { name: 'pictures', path: main('/pictures') },
  { name: 'picture', path: main('/pictures/11') },
  { name: 'summary', path: main('/summary') },
  { name: 'compare', path: `/compare/${RUNS.main}/${RUNS.other}` },
].flatMap((shot): Shot[] => [
  { ...shot, name: `${shot.name}, loading`, server: 'slow' },
  { ...shot, name: `${shot.name}, error`, server: 'failing' },
]);

const EMPTY: Shot[] = [{ name: 'runs, empty', path: '/' }];

async function makeRuns(gcs: FakeGcs): Promise<void> {
  const prompts = await streetPrompts();
  const streets = (await drawStreets(STREETS, prompts)).sort((a, b) =>
    streetName(a.sample) < streetName(b.sample) ? -1 : 1,
  );
  await gcs.createBucket(BUCKET);
  const images = await Promise.all(
    streets.map(async ({ sample, jpeg }) => {
      const name = streetName(sample);
      const generation = await gcs.put(BUCKET, `november/${name}`, jpeg);
      return { name, identity: `${SOURCE}${name}#${generation}`, bytes: jpeg.length };
    }),
  );
  const imageOf = (n: number): (typeof images)[number] => {
    const image = images[n % images.length];
    if (image === undefined) throw new Error('no picture');
    return image;
  };

  const base = (change: Partial<FixtureRun> & Pick<FixtureRun, 'run' | 'startedAt'>): FixtureRun => ({
    root: RESULTS,
    source: SOURCE,
    pictures: streets.length,
    prompts,
    // Six calls of 1,480 tokens at 28,000 tokens a minute.
    msPerPicture: 19_000,
    image: imageOf,
    outcome: (n, prompt, startedAt) => outcomeOf(streetOf(streets, n), n, prompt, { startedAt }),
    ...change,
  });
  const failing =
    (failures: Record<string, FailureKind>): FixtureRun['outcome'] =>
    (n, prompt, startedAt) => {
      const failure = failures[`${n} ${prompt.id}`];
      const options = failure === undefined ? { startedAt } : { startedAt, failure };
      return outcomeOf(streetOf(streets, n), n, prompt, options);
    };
  const upTo =
    (asked: number): FixtureRun['outcome'] =>
    (n, prompt, startedAt) =>
      n < asked ? outcomeOf(streetOf(streets, n), n, prompt, { startedAt }) : null;

  const runs: FixtureRun[] = [
    base({
      run: RUNS.main,
      startedAt: '2025-11-26T19:00:00.000Z',
      outcome: failing({
        '4 crowd-detection': 'Refused',
        '22 crowd-detection': 'Refused',
        '22 wrong-way-driving': 'Timeout',
        '41 no-parking-violation': 'Timeout',
      }),
    }),
    base({
      run: RUNS.other,
      startedAt: '2025-11-26T20:30:00.000Z',
      plan: { model: 'gpt-4o-mini', prompts: prompts.map(reworded) },
      // Of a generation that is gone: what is no longer what was listed is not shown.
      image: (n) => (n % 9 === 0 ? { ...imageOf(n), identity: `${SOURCE}${imageOf(n).name}#1` } : imageOf(n)),
      outcome: (n, prompt, startedAt) =>
        outcomeOf(streetOf(streets, n % 7 === 3 ? n + 1 : n), n, prompt, { startedAt }),
    }),
    base({ run: RUNS.open, startedAt: '2025-11-27T06:30:00.000Z', outcome: upTo(26) }),
    base({
      run: RUNS.blocked,
      startedAt: '2025-11-27T07:15:00.000Z',
      outcome: upTo(9),
      progress: () => ({
        state: 'blocked',
        block: {
          reason: 'The account has no credit left (insufficient_quota).',
          remedy: 'Add credit at the provider; the run then goes on by itself, or at once with "resume".',
          since: '2025-11-27T07:18:20.000Z',
        },
      }),
    }),
    base({ run: RUNS.one, startedAt: '2025-11-27T08:00:00.000Z', pictures: 1 }),
    base({
      run: RUNS.cancelled,
      startedAt: '2025-11-25T22:10:00.000Z',
      outcome: upTo(14),
      progress: () => ({ state: 'cancelled' }),
    }),
  ];
  const openStore = createOpenStore(createGcs({ apiEndpoint: gcs.endpoint }));
  for (const run of runs) {
    const store = openStore(`${RESULTS}/${run.run}`);
    await writeRun(run, async (path, text) => {
      await store.create(path, text);
    });
  }
}

const reworded = (prompt: Prompt): Prompt =>
  prompt.id === 'crowd-detection' ? { ...prompt, text: `${prompt.text}\nCount carefully.` } : prompt;

function streetOf(streets: Street[], n: number): Street {
  const street = streets[n % streets.length];
  if (street === undefined) throw new Error('no street');
  return street;
}

async function take(
  browser: TestBrowser,
  url: string,
  shot: Shot,
  view: View,
  fullPage: boolean,
): Promise<Buffer> {
  const { page, problems, close } = await browser.open(view);
  try {
    if (shot.server === 'slow') await page.route('**/api/runs**', () => undefined);
    if (shot.server === 'slow') await page.route('**/api/compare/**', () => undefined);
    if (shot.server === 'failing') {
      const body = JSON.stringify({
        problem: `The results place ${RESULTS} cannot be read: no permission.`,
      });
      const answer = { status: 502, contentType: 'application/json', body };
      await page.route(/\/api\/(runs|compare)/, (route) => route.fulfill(answer));
    }
    await page.goto(url + shot.path);
    await page.getByRole('heading', { level: 1 }).first().waitFor();
    if (shot.server === 'slow') await page.waitForTimeout(500);
    else await settled(page);
    await shot.then?.(page);
    await page.waitForTimeout(100);
    const said = problems.filter((problem) => !/Failed to load resource/.test(problem));
    if (said.length > 0) console.log(`${shot.name}, ${view.name}: ${said.join('; ')}`);
    const over = await overflow(page);
    if (over > 0) console.log(`${shot.name}, ${view.name}: ${over} px wider than its window`);
    return await page.screenshot({ fullPage });
  } finally {
    await close();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'page-pictures-'));
const program = join(folder, 'image-analysis');
symlinkSync(resolve('dist/cli.js'), program);
const gcs = await startFakeGcs();
const browser = await openBrowser();
try {
  await makeRuns(gcs);
  const serve = (results: string): ReturnType<typeof startPageServer> =>
    startPageServer({
      program,
      cwd: folder,
      env: {
        RESULTS: results,
        DATA_DIR: join(folder, 'data'),
        LOG_LEVEL: 'error',
        STORAGE_EMULATOR_HOST: gcs.endpoint,
        GOOGLE_APPLICATION_CREDENTIALS: gcs.credentialsFile,
      },
    });
  const server = await serve(RESULTS);
  const { all } = values;
  if (all === undefined) {
    mkdirSync(PICTURES, { recursive: true });
    for (const { name, path, view } of README) {
      const png = await take(browser, server.url, { name, path }, view, false);
      const picture = await sharp(png).webp({ quality: 82, effort: 6 }).toBuffer();
      if (picture.length > MOST_BYTES)
        throw new Error(`${name}: ${picture.length} bytes are too many for the README`);
      writeFileSync(join(PICTURES, `${name}.webp`), picture);
      console.log(`${name}: ${(picture.length / 1024).toFixed(0)} KB`);
    }
  } else {
    mkdirSync(all, { recursive: true });
    const empty = await serve(`gs://${BUCKET}/nothing-yet`);
    for (const view of VIEWS) {
      for (const shot of [...LOADED, ...WAITING, ...EMPTY]) {
        const url = EMPTY.includes(shot) ? empty.url : server.url;
        const name = `${shot.name} - ${view.name}`.replaceAll(', ', '-').replaceAll(' ', '_');
        try {
          // Of a grid no more is drawn than somebody has scrolled to: its picture is that of the window.
          const whole = !shot.name.startsWith('pictures');
          writeFileSync(join(all, `${name}.png`), await take(browser, url, shot, view, whole));
        } catch (error) {
          console.log(`${name}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
        }
      }
    }
    await empty.close();
  }
  await server.close();
} finally {
  await browser.close();
  await gcs.close();
  rmSync(folder, { recursive: true, force: true });
}
