import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { THUMBNAIL_WIDTH } from '../../src/web/draw-thumbnail.ts';
import { PictureError } from '../../src/web/picture-error.ts';
import { createThumbnails, type Thumbnail } from '../../src/web/thumbnails.ts';
import { until } from '../helpers/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'thumbnails-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

let caches = 0;
const newCache = (): string => join(folder, `cache-${caches++}`);

const filesIn = (cache: string): string[] =>
  readdirSync(cache, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const plain = (width: number, height: number, background = '#3a7'): Sharp =>
  sharp({ create: { width, height, channels: 3, background } });

/** A picture that does not compress to nothing. */
const noisy = async (width: number, height: number): Promise<Buffer> =>
  sharp({
    create: {
      width,
      height,
      channels: 3,
      background: '#888',
      noise: { type: 'gaussian', mean: 120, sigma: 60 },
    },
  })
    .jpeg({ quality: 90 })
    .toBuffer();

const image = (n: number | string) => ({ name: `camera-${n}.jpg`, identity: `sha256:${n}` });

const make = async (bytes: Uint8Array): Promise<Thumbnail> =>
  createThumbnails({ folder: newCache() }).get(image(1), async () => bytes);

const failure = async (bytes: Uint8Array): Promise<PictureError> =>
  make(bytes).then(
    () => expect.fail('it was shown'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(PictureError);
      return error as PictureError;
    },
  );

/** Its left half is red, its right half blue. */
const halves = (width: number, height: number): Sharp =>
  plain(width, height, '#f00').composite([
    {
      input: { create: { width: width / 2, height, channels: 3, background: '#00f' } },
      left: width / 2,
      top: 0,
    },
  ]);

/** A black square of one bit a pixel: 112 MB of zeros for a side of 30,000, and some kilobytes as a file. */
function blackPng(side: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc((side / 8 + 1) * side), { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('a thumbnail', () => {
  test.each(['jpeg', 'png', 'webp', 'gif'] as const)('is made from %s', async (format) => {
    const { bytes, type, key } = await make(await plain(1280, 720).toFormat(format).toBuffer());
    expect(type).toBe('image/webp');
    expect(key).toMatch(/^[\da-f]{64}$/);
    expect(await sharp(bytes).metadata()).toMatchObject({
      format: 'webp',
      width: THUMBNAIL_WIDTH,
      height: 180,
    });
  });

  test('is upright, and carries nothing of what the camera wrote into the picture', async () => {
    const turned = await halves(400, 200)
      .withExif({ IFD0: { ImageDescription: 'a secret place' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const { bytes } = await make(turned);
    const about = await sharp(bytes).metadata();
    expect(about).toMatchObject({ width: 200, height: 400 });
    expect([about.exif, about.icc, about.xmp, about.orientation]).toEqual(Array(4).fill(undefined));
    expect(Buffer.from(bytes).includes('secret')).toBe(false);
    // Turned to the right, what was left is on top.
    const { data } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    expect(data[0]).toBeGreaterThan(200);
    expect(data.at(-1)).toBeGreaterThan(200);
  });

  test('of a small picture is no larger than it', async () => {
    const { bytes } = await make(await plain(64, 48).png().toBuffer());
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 64, height: 48 });
  });

  test('of a picture that is hardly more than a line is bounded both ways', async () => {
    const { bytes } = await make(await plain(400, 12_000).png().toBuffer());
    expect((await sharp(bytes).metadata()).height).toBe(THUMBNAIL_WIDTH);
  });
});

describe('a picture that cannot be shown says so', () => {
  test('when it ends in the middle', async () => {
    const whole = await noisy(800, 600);
    const error = await failure(whole.subarray(0, whole.length / 2));
    expect(error).toMatchObject({ kind: 'unreadable', status: 422 });
    expect(error.message).toContain('camera-1.jpg');
  });

  test.each([
    ['text', Buffer.from('no picture at all')],
    ['nothing', Buffer.alloc(0)],
    ['a drawing that could load other files', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['a header alone', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')],
  ])('when it is %s', async (_, bytes) => {
    expect(await failure(bytes)).toMatchObject({ kind: 'unreadable', status: 422 });
  });

  test('when it would fill the memory, before it is decoded', async () => {
    const bomb = blackPng(30_000);
    expect(bomb.length).toBeLessThan(5_000_000);
    const before = process.memoryUsage.rss();
    const startedAt = performance.now();
    expect((await failure(bomb)).message).toContain('30000 × 30000 pixels');
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100_000_000);
  });
});

describe('thumbnails are kept', () => {
  let pictures: Buffer[] = [];
  beforeAll(async () => {
    pictures = await Promise.all(Array.from({ length: 6 }, () => noisy(320, 240)));
  });
  const reading =
    (n: number, reads: number[] = []) =>
    async (): Promise<Uint8Array> => {
      reads.push(n);
      return pictures[n] ?? Buffer.alloc(0);
    };

  test('and made once, also by another process on the same folder', async () => {
    const cache = newCache();
    const reads: number[] = [];
    const first = await createThumbnails({ folder: cache }).get(image(0), reading(0, reads));
    const other = createThumbnails({ folder: cache });
    expect(Buffer.from((await other.get(image(0), reading(0, reads))).bytes)).toEqual(
      Buffer.from(first.bytes),
    );
    expect(reads).toEqual([0]);
    // Another content under the same name is another picture.
    await other.get({ ...image(0), identity: 'sha256:other' }, reading(1, reads));
    expect(reads).toEqual([0, 1]);
  });

  test('and made again when the file is damaged', async () => {
    const cache = newCache();
    const thumbnails = createThumbnails({ folder: cache });
    await thumbnails.get(image(0), reading(0));
    truncateSync(filesIn(cache)[0] ?? '', 40);
    const reads: number[] = [];
    await thumbnails.get(image(0), reading(0, reads));
    expect(reads).toEqual([0]);
  });

  test('within the bound: what was not used for longest goes first, and nothing that is not ours', async () => {
    const cache = newCache();
    let clock = Date.now();
    const make = async (n: number, thumbnails = createThumbnails({ folder: cache })): Promise<void> => {
      clock += 120_000;
      await thumbnails.get(image(n), reading(n));
    };
    await make(0);
    const [one = ''] = filesIn(cache);
    const size = statSync(one).size;
    writeFileSync(join(cache, 'mine.txt'), 'x'.repeat(size));
    const maxBytes = size * 4;
    const bounded = createThumbnails({ folder: cache, maxBytes, now: () => clock });
    for (const n of [1, 2, 0, 3, 4]) await make(n, bounded);
    const kept = filesIn(cache).filter((file) => file.endsWith('.webp'));
    expect(kept.reduce((sum, file) => sum + statSync(file).size, 0)).toBeLessThanOrEqual(maxBytes);
    expect(filesIn(cache)).toContain(join(cache, 'mine.txt'));
    const reads: number[] = [];
    for (const n of [4, 3, 0]) await bounded.get(image(n), reading(n, reads));
    expect(reads).toEqual([]);
    await bounded.get(image(1), reading(1, reads));
    expect(reads).toEqual([1]);
  });

  test('or shown all the same where nothing can be kept', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    const thumbnails = createThumbnails({ folder: join(file, 'below') });
    expect((await thumbnails.get(image(0), reading(0))).bytes.length).toBeGreaterThan(100);
  });
});

describe('several at once', () => {
  test('share one piece of work when they want the same, and at most two pictures are at work', async () => {
    const thumbnails = createThumbnails({ folder: newCache() });
    const bytes = await plain(400, 300).png().toBuffer();
    let [open, most, reads] = [0, 0, 0];
    const read = async (): Promise<Uint8Array> => {
      most = Math.max(most, ++open);
      reads += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
      open -= 1;
      return bytes;
    };
    const wanted = Array.from({ length: 12 }, (_, n) => thumbnails.get(image(n % 6), read));
    const all = await Promise.all(wanted);
    expect(reads).toBe(6);
    expect(most).toBe(2);
    expect(new Set(all.map(({ key }) => key)).size).toBe(6);
  });

  test('are not begun when everyone who wanted them has gone, and are when one stays', async () => {
    const thumbnails = createThumbnails({ folder: newCache() });
    const bytes = await plain(400, 300).png().toBuffer();
    const reads: number[] = [];
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const get = (n: number, signal?: AbortSignal): Promise<Thumbnail> =>
      thumbnails.get(
        image(n),
        async () => {
          reads.push(n);
          await held;
          return bytes;
        },
        signal,
      );
    const first = [get(0), get(1)];
    await until(async () => reads.length === 2);
    const gone = new AbortController();
    const left = get(2, gone.signal);
    const shared = [get(3, gone.signal), get(3)];
    const leftFails = expect(left).rejects.toThrow(/Nobody waits/);
    await new Promise((resolve) => setTimeout(resolve, 50));
    gone.abort();
    letGo();
    await Promise.all([...first, ...shared]);
    await leftFails;
    expect(reads.sort()).toEqual([0, 1, 3]);
    await get(2);
    expect(reads).toEqual([0, 1, 3, 2]);
  });

  test('that fail are tried again when they are asked for again', async () => {
    const thumbnails = createThumbnails({ folder: newCache() });
    const bytes = await plain(40, 30).png().toBuffer();
    const failing = thumbnails.get(image(0), () => Promise.reject(new PictureError('gone', 'it is gone')));
    await expect(failing).rejects.toMatchObject({ kind: 'gone', status: 404 });
    expect((await thumbnails.get(image(0), async () => bytes)).bytes.length).toBeGreaterThan(10);
  });
});
