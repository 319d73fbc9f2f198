import { spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, inject, test, vi } from 'vitest';
import type { ResultEntry, ResultImage, ResultsFile } from '../../src/shared/results.ts';
import type { PromptSet } from '../../src/shared/types.ts';
import type { FaultKind } from '../../src/simulator/faults.ts';
import { distinctPicture } from '../helpers/cli.ts';
import { type FakeGcs, startFakeGcs } from '../helpers/fake-gcs.ts';
import { failureOf } from '../helpers/history.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { until } from '../helpers/until.ts';

let harness: Harness;
afterEach(() => harness.close());

const ESC = String.fromCharCode(0x1b);
const CONTROL = /[^\P{Cc}\n]/u;

/** So many short questions `q-1`, `q-2` …; a few make a test short. */
const questions = (n: number): PromptSet => ({
  instructions: 'Answer one question about one still picture of a fixed traffic camera.',
  prompts: Array.from({ length: n }, (_, i) => ({
    id: `q-${i + 1}`,
    name: `Question ${i + 1}`,
    text: `How many people are in this picture? This is question ${i + 1}.`,
  })),
});

const byName = (results: ResultsFile): Map<string, ResultImage> =>
  new Map(results.images.map((image) => [image.name, image]));

/** What became of a picture: `answered`, or the one kind of failure of all its questions. */
function outcomeOf(image: ResultImage | undefined): string {
  const outcomes = Object.values(image?.answers ?? {}).map((entry) =>
    'error' in entry ? entry.error.kind : 'answered',
  );
  return [...new Set(outcomes)].join(', ');
}

function failureMessage(image: ResultImage | undefined): string {
  const [entry] = Object.values(image?.answers ?? {});
  return entry !== undefined && 'error' in entry ? entry.error.message : '';
}

const answersWithoutError = (entries: ResultEntry[]): number =>
  entries.filter((entry) => !('error' in entry)).length;

describe('names and files as people have them', () => {
  const LONG = `${'l'.repeat(251)}.jpg`;
  const NAMES = [
    'with space.jpg',
    'hash#1?.jpg',
    '100%25.jpg',
    `quo"te's\`.jpg`,
    'new\nline.jpg',
    `${ESC}]0;owned\u0007${ESC}[31mred.jpg`,
    'కెమెరా-ü-😀.jpg',
    LONG,
    'Case.jpg',
    'case.jpg',
    '-rf.JPEG',
    'constructor.jpg',
  ];

  test('a folder: every readable picture is answered, every other one has its reason, and no call is wasted', async () => {
    harness = await createHarness(inject('temporal'));
    const folder = join(harness.folder, 'pictures');
    await mkdir(join(folder, 'sub.jpg', 'deep'), { recursive: true });
    for (const [n, name] of NAMES.entries()) await writeFile(join(folder, name), distinctPicture(n));
    const whole = distinctPicture(100);
    await writeFile(join(folder, 'sub.jpg', 'deep', 'inside.png'), whole);
    await writeFile(join(folder, 'zero.jpg'), '');
    await writeFile(join(folder, 'cut.jpg'), whole.subarray(0, whole.length / 2));
    await writeFile(join(folder, 'stub.jpg'), whole.subarray(0, 4));
    await writeFile(join(folder, 'page.jpg'), '<!doctype html><title>Not found</title>');
    await writeFile(join(folder, 'film.jpg'), 'GIF89a: renamed');
    await writeFile(join(folder, 'huge.jpg'), whole);
    await truncate(join(folder, 'huge.jpg'), 38_000_000);
    await writeFile(join(folder, 'film.gif'), 'GIF89a');
    await writeFile(join(folder, 'notes.txt'), 'x');
    await writeFile(join(folder, '.hidden.jpg'), whole);
    await symlink(folder, join(folder, 'loop'));
    await symlink('self.jpg', join(folder, 'self.jpg'));
    await symlink('/nowhere/at/all.jpg', join(folder, 'dangling.jpg'));

    const handle = await harness.start({ source: folder, prompts: questions(2), batchSize: 8 });
    const result = await handle.result();
    const results = await harness.results(result.run);
    const images = byName(results);

    const good = [...NAMES, 'sub.jpg/deep/inside.png'];
    expect(good.map((name) => outcomeOf(images.get(name)))).toEqual(good.map(() => 'answered'));
    const bad = Object.fromEntries(
      ['zero.jpg', 'stub.jpg', 'page.jpg', 'film.jpg', 'huge.jpg', 'cut.jpg'].map((name) => [
        name,
        `${outcomeOf(images.get(name))}: ${failureMessage(images.get(name))}`,
      ]),
    );
    expect(bad).toEqual({
      'zero.jpg': expect.stringMatching(/^InvalidImage: .*it is empty/) as string,
      'stub.jpg': expect.stringMatching(/^InvalidImage: .*header cannot be read/) as string,
      'page.jpg': expect.stringMatching(
        /^InvalidImage: .*not JPEG, PNG or WebP; it looks like an HTML page/,
      ) as string,
      'film.jpg': expect.stringMatching(/^InvalidImage: .*looks like a GIF/) as string,
      'huge.jpg': expect.stringMatching(/^InvalidImage: .*38000000 bytes; .*at most/) as string,
      'cut.jpg': expect.stringMatching(/^InvalidImage: .*does not represent a valid image/) as string,
    });
    expect(Object.fromEntries(results.skipped.map(({ name, reason }) => [name, reason]))).toEqual({
      '.hidden.jpg': 'hidden',
      'dangling.jpg': 'cannot be read: a link to nothing',
      'film.gif': 'a GIF; only JPEG, PNG and WebP are analysed',
      'loop/': 'a link that leads back to a folder above it',
      'notes.txt': 'not a picture',
      'self.jpg': expect.stringContaining('loop') as string,
    });
    expect(result).toMatchObject({ state: 'incomplete', images: good.length + 6, skipped: 6 });
    expect(result.counts).toMatchObject({ answered: 2 * good.length, failed: 12 });
    // A cut file has a header: only the provider can tell, and it is asked once and not for each question.
    expect(harness.simulator.ledger).toHaveLength(2 * good.length + 1);
  });

  test('a bucket: the same, with objects that are deleted or replaced while the run goes on', async () => {
    const gcs: FakeGcs = await startFakeGcs();
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', gcs.credentialsFile);
    try {
      harness = await createHarness(inject('temporal'), {
        env: { STORAGE_EMULATOR_HOST: gcs.endpoint },
        simulator: { latency: { medianMs: 100 } },
      });
      await gcs.createBucket('cams');
      const names = NAMES.map((name) => `2025/${name}`);
      for (const [n, name] of names.entries()) await gcs.put('cams', name, distinctPicture(n));
      await gcs.put('cams', '2025/page.jpg', '<!doctype html><title>Not found</title>');
      await gcs.put('cams', '2025/zero.jpg', '');
      await gcs.put('cams', '2025/zz-deleted.jpg', distinctPicture(50));
      await gcs.put('cams', '2025/zz-replaced.jpg', distinctPicture(51));
      await gcs.put('cams', '2025/film.gif', 'GIF89a');
      const handle = await harness.start({
        source: 'gs://cams/2025/',
        prompts: questions(2),
        concurrency: 2,
      });
      await until(async () => harness.simulator.ledger.length > 0);
      await gcs.storage.bucket('cams').file('2025/zz-deleted.jpg').delete();
      await gcs.put('cams', '2025/zz-replaced.jpg', distinctPicture(52));
      const result = await handle.result();
      const results = await harness.results(result.run);
      expect(results.settings.route).toBe('url');
      const images = byName(results);
      expect(NAMES.map((name) => outcomeOf(images.get(name)))).toEqual(NAMES.map(() => 'answered'));
      expect(outcomeOf(images.get('page.jpg'))).toBe('InvalidImage');
      expect(outcomeOf(images.get('zero.jpg'))).toBe('InvalidImage');
      expect(outcomeOf(images.get('zz-deleted.jpg'))).toBe('PictureGone');
      expect(failureMessage(images.get('zz-deleted.jpg'))).toMatch(
        /zz-deleted\.jpg was deleted after it was listed/,
      );
      expect(outcomeOf(images.get('zz-replaced.jpg'))).toBe('PictureChanged');
      expect(result).toMatchObject({ state: 'incomplete', images: NAMES.length + 4, skipped: 1 });
      const paid = harness.simulator.ledger.filter((entry) => entry.usage !== null);
      expect(paid).toHaveLength(2 * NAMES.length);
      // One for each whose trouble only the provider can find: the page, the deleted and the replaced one.
      expect(harness.simulator.ledger.length - paid.length).toBeLessThanOrEqual(3);

      const places: [source: string, message: RegExp][] = [
        ['gs://cams/2025/case.jpg', /case\.jpg is one object, not a folder; give the folder that holds it/],
        ['gs://cams/2026/', /gs:\/\/cams\/2026\/ holds no pictures/],
        ['gs://no-such-bucket/', /there is no bucket no-such-bucket .*check the spelling/],
      ];
      for (const [source, message] of places) {
        expect(await failureOf(await harness.start({ source }))).toMatch(message);
      }
    } finally {
      vi.unstubAllEnvs();
      await gcs.close();
    }
  });
});

test('a picture deleted or replaced in mid-run is recorded as such, without a call; the others go on', async () => {
  harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 150 } } });
  const folder = await harness.pictures(4, distinctPicture);
  const handle = await harness.start({ source: folder, prompts: questions(3), concurrency: 1 });
  await until(async () => harness.simulator.ledger.length > 0);
  await rm(join(folder, 'camera-001.jpg'));
  await writeFile(join(folder, 'camera-002.jpg'), distinctPicture(77));
  const result = await handle.result();
  const images = byName(await harness.results(result.run));
  expect(outcomeOf(images.get('camera-000.jpg'))).toBe('answered');
  expect(failureMessage(images.get('camera-001.jpg'))).toMatch(
    /camera-001\.jpg was removed after it was listed/,
  );
  expect(failureMessage(images.get('camera-002.jpg'))).toMatch(
    /camera-002\.jpg was replaced after it was listed; start a new run/,
  );
  expect(outcomeOf(images.get('camera-003.jpg'))).toBe('answered');
  expect(result.counts).toMatchObject({
    answered: 6,
    failed: 6,
    failures: { PictureGone: 3, PictureChanged: 3 },
  });
  expect(harness.simulator.ledger).toHaveLength(6);
});

describe('a model that misbehaves', () => {
  test('costs one more ask and then its own answer only, says why, and reaches no terminal', async () => {
    const kinds: [FaultKind, string, RegExp][] = [
      ['malformed-json', 'InvalidAnswer', /not JSON: /],
      ['wrong-shape', 'InvalidAnswer', /not of the schema: /],
      ['negative-count', 'InvalidAnswer', /count: must be 0 or more/],
      ['huge-count', 'InvalidAnswer', /count: is implausibly large/],
      ['empty-description', 'InvalidAnswer', /description: is empty/],
      ['refusal', 'Refused', /declined/],
      ['content-filter', 'Refused', /filter/],
      ['truncated', 'OutputTruncated', /cut off/],
    ];
    harness = await createHarness(inject('temporal'), {
      simulator: {
        faults: [
          ...kinds.map(([kind], i) => ({ kind, from: 2 * i + 1, count: 2 })),
          { kind: 'control-characters' as const, from: 2 * kinds.length + 1, count: 1 },
        ],
      },
    });
    const folder = await harness.pictures(1);
    const handle = await harness.start({ source: folder, prompts: questions(kinds.length + 2) });
    const result = await handle.result();
    const results = await harness.results(result.run);
    const entries = Object.values(results.images[0]?.answers ?? {});
    for (const [i, [kind, failure, message]] of kinds.entries()) {
      const entry = entries[i];
      if (entry === undefined || !('error' in entry)) throw new Error(`${kind} counted as an answer`);
      expect(entry.error, kind).toMatchObject({
        kind: failure,
        message: expect.stringMatching(message) as string,
      });
      expect(entry.error.tries, kind).toHaveLength(2);
      // What was billed for answers that do not count is not hidden.
      for (const one of entry.error.tries) expect(one.billed, kind).toBeGreaterThan(0);
    }
    expect(answersWithoutError(entries)).toBe(2);
    const said = harness.simulator.ledger.at(-2)?.answer ?? '';
    expect(CONTROL.test(JSON.stringify(JSON.parse(said)).replace(/\\u001b/g, ESC))).toBe(true);
    expect(CONTROL.test(JSON.stringify(entries).replace(/\\u00[01][0-9a-f]|\\u007f/g, ESC))).toBe(false);
    expect(harness.simulator.ledger).toHaveLength(2 * kinds.length + 2);
  });

  test('a server that hangs, resets, slows down or talks rubbish is asked again; every answer comes', async () => {
    const kinds: FaultKind[] = [
      'hang-before',
      'hang-body',
      'reset',
      'malformed-body',
      'slow-down',
      'server-error',
      'plain-string-error',
      'error-in-200',
      'not-seen',
    ];
    harness = await createHarness(inject('temporal'), {
      env: { MODEL_TIMEOUT_SECONDS: '1' },
      simulator: { faults: kinds.map((kind, i) => ({ kind, from: i + 1, count: 1 })) },
    });
    const folder = await harness.pictures(kinds.length, distinctPicture);
    const handle = await harness.start({ source: folder, prompts: questions(1), concurrency: kinds.length });
    const result = await handle.result();
    const entries = (await harness.results(result.run)).images.flatMap((image) =>
      Object.values(image.answers),
    );
    const tries = entries.flatMap((entry) => ('error' in entry ? entry.error.tries : entry.tries));
    const bad = tries.map((one) => one.outcome as string).filter((outcome) => outcome !== 'ok');
    expect(bad.sort()).toEqual([
      'PictureNotSeen',
      ...Array.from({ length: 5 }, () => 'ProviderError'),
      'SlowDown',
      'Timeout',
      'Timeout',
    ]);
    // A picture that goes by base64 has no other way to be seen: that answer alone is given up.
    expect(result.counts).toMatchObject({ answered: kinds.length - 1, failures: { PictureNotSeen: 1 } });
    expect(harness.simulator.ledger).toHaveLength(2 * kinds.length - 1);
  });
});

test('50 questions: 4 pictures of them side by side are answered; 16 are too many for one batch, and it says so', async () => {
  harness = await createHarness(inject('temporal'));
  const folder = await harness.pictures(4, distinctPicture);
  const tooMany = await harness.start({ source: folder, prompts: questions(50), batchSize: 16 });
  expect(await failureOf(tooMany)).toMatch(/batchSize: 16 pictures of 50 questions .* use 4 or fewer/);
  expect(harness.simulator.ledger).toHaveLength(0);
  const result = await (await harness.start({ source: folder, prompts: questions(50) })).result();
  expect(result).toMatchObject({ state: 'complete', counts: { answered: 200, failed: 0 } });
  expect(harness.simulator.ledger).toHaveLength(200);
});

test('the plain workflow refuses what cannot be, and names field, value and remedy, before anything is asked', async () => {
  harness = await createHarness(inject('temporal'));
  const source = await harness.pictures(1);
  const empty = join(harness.folder, 'empty');
  await mkdir(empty);
  const twice = questions(2);
  const inputs: [input: Record<string, unknown>, message: RegExp][] = [
    [{ source: '' }, /source: "" .*gs:\/\/bucket\/prefix\/ or the absolute path/],
    [{ source: 's3://bucket/x' }, /source: "s3:\/\/bucket\/x" is no bucket address: write gs:\/\//],
    [{ source: 7 }, /source: 7 must be a text/],
    [{ source: `/no${ESC}[31m` }, /There is no folder \/no.*check the spelling/],
    [{ source: empty }, /source: .*\/empty holds no pictures.*Name the folder/],
    [{ source: join(source, 'camera-000.jpg') }, /camera-000\.jpg is a file, not a folder; give the folder/],
    [{ source, limit: 0 }, /limit: 0 must be a whole number from 1/],
    [{ source, limit: -1 }, /limit: -1 must be/],
    [{ source, concurrency: 'ten' }, /concurrency: "ten" must be a whole number/],
    [{ source, batchSize: 17 }, /batchSize: 17 must be a whole number from 1 to 16/],
    [{ source, name: '../up' }, /name: "\.\.\/up" must be letters/],
    [{ source, detail: 'best' }, /detail: "best" must be low, high or auto/],
    [{ source, include: ['[a'] }, /--include "\[a" is not a glob.*Write it like/],
    [{ source, prompts: { ...twice, prompts: [] } }, /prompts\.prompts: holds no question; add one/],
    [
      { source, prompts: { ...twice, prompts: [twice.prompts[0], twice.prompts[0]] } },
      /prompts\.prompts\[1\]\.id: "q-1" is the id of prompts\[0\] too; ids must differ/,
    ],
    [{ source, results: '/proc/nowhere' }, /\/proc\/nowhere.* cannot be written: .*ENOENT.*another place/],
    [{ source, results: join(source, 'camera-000.jpg') }, /cannot be written: a part of its path is a file/],
  ];
  const failures = await Promise.all(
    inputs.map(async ([input]) => failureOf(await harness.start(input as never))),
  );
  for (const [i, [input, message]] of inputs.entries()) {
    expect(failures[i], JSON.stringify(input)).toMatch(message);
    expect(failures[i], JSON.stringify(input)).not.toMatch(CONTROL);
  }
  expect(harness.simulator.ledger).toHaveLength(0);
});

test('limits below the cost of one call are refused with what would fit', async () => {
  harness = await createHarness(inject('temporal'), { env: { LIMITS: '480/900' } });
  const handle = await harness.start({ source: await harness.pictures(1) });
  expect(await failureOf(handle)).toMatch(
    /LIMITS: one call costs about \d+ tokens .* more than the 900 a whole minute allows.*detail low/,
  );
  expect(harness.simulator.ledger).toHaveLength(0);
});

test('a real account never takes a simulator’s answers', async () => {
  harness = await createHarness(inject('temporal'), { env: { SIMULATED: 'false' } });
  const handle = await harness.start({ source: await harness.pictures(1) });
  expect(await failureOf(handle)).toMatch(
    /A simulator answers in place of a real model.*OPENAI_BASE_URL, or SIMULATED/,
  );
  expect(harness.simulator.ledger).toHaveLength(0);
});

const mayMount = process.platform === 'linux' && process.getuid?.() === 0;

test.runIf(mayMount)(
  'a disk that fills in mid-run blocks the run, which goes on when there is space',
  async () => {
    harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 100 } } });
    const disk = join(harness.folder, 'disk');
    await mkdir(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    expect(String(mounted.stderr)).toBe('');
    try {
      const source = await harness.pictures(16, distinctPicture);
      const handle = await harness.start({ source, results: disk, prompts: questions(3), concurrency: 4 });
      await until(async () => harness.simulator.ledger.length >= 6);
      const filler = join(disk, 'filler');
      const { bavail, bsize } = statfsSync(disk);
      await writeFile(filler, Buffer.alloc(bavail * bsize)).catch(() => undefined);
      const progress = await until(async () => {
        const now = await harness.progress(handle);
        return now.state === 'blocked' && now;
      });
      expect(progress.block?.reason).toMatch(
        /cannot be written: the disk is full \(ENOSPC\); free some space/,
      );
      await until(async () => harness.simulator.ledger.every((entry) => entry.delivered !== null));
      await new Promise((done) => setTimeout(done, 500));
      const asked = harness.simulator.ledger.length;
      expect(asked).toBeLessThan(48);
      await new Promise((done) => setTimeout(done, 1_000));
      expect(harness.simulator.ledger).toHaveLength(asked);
      await rm(filler);
      await handle.executeUpdate('resume');
      const result = await handle.result();
      expect(result).toMatchObject({ state: 'complete', counts: { answered: 48, failed: 0 } });
      expect(harness.simulator.ledger).toHaveLength(48);
      const text = await readFile(join(disk, result.run, 'results.json'), 'utf8');
      expect((JSON.parse(text) as ResultsFile).totals.answered).toBe(48);
    } finally {
      spawnSync('umount', ['-l', disk]);
    }
  },
);
