import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { dataUrl, dataUrlBytes } from '../../src/activities/picture.ts';
import { createPictureMemory, type PictureMemory } from '../../src/activities/picture-memory.ts';
import { type ImageSource, SourceError } from '../../src/activities/ports.ts';
import {
  type EncodedPicture,
  type PreparedPicture,
  prepareBytes,
  prepareUrl,
  UnusablePicture,
} from '../../src/activities/prepare-picture.ts';
import type { ImageRef, Plan } from '../../src/shared/types.ts';

const SAMPLE = readFileSync(
  resolve('samples', 'MARKET_CENTRE_CLOCK_TOWER_SIDE_10_246_9_21_20251125_173948.jpg'),
);
const PLAN = { model: 'gpt-4o', detail: 'high', imageTokens: 1_105 } as Plan;

const image = (identity: string, bytes = SAMPLE.length): ImageRef => ({
  name: `${identity}.jpg`,
  uri: `/pictures/${identity}.jpg`,
  identity,
  bytes,
});

describe('a picture by its bytes', () => {
  let pictures: PictureMemory<EncodedPicture>;
  let reads: string[];
  /** What reading gives; pictures that are not here have the sample's bytes. */
  let contents: Map<string, Uint8Array | SourceError>;

  const source: Pick<ImageSource, 'read'> = {
    read({ identity }) {
      reads.push(identity);
      const content = contents.get(identity) ?? SAMPLE;
      return content instanceof SourceError ? Promise.reject(content) : Promise.resolve(content);
    },
  };
  const prepare = (ref: ImageRef, plan = PLAN): Promise<PreparedPicture> =>
    prepareBytes(plan, ref, { source: source as ImageSource, pictures }, new AbortController().signal);

  beforeEach(() => {
    pictures = createPictureMemory({ maxBytes: 4 * dataUrlBytes(SAMPLE.length) });
    reads = [];
    contents = new Map();
  });

  test('is read once for questions that follow each other, and once for questions at a time', async () => {
    const first = await prepare(image('a'));
    expect(first).toMatchObject({
      route: 'base64',
      bytes: SAMPLE.length,
      url: dataUrl(SAMPLE, 'image/jpeg'),
    });
    first.release();
    const second = await prepare(image('a'));
    expect(second).toMatchObject({ bytes: 0, downloadMs: 0, encodeMs: 0, url: first.url });
    second.release();
    const both = await Promise.all([prepare(image('b')), prepare(image('b'))]);
    expect(both.map(({ url }) => url)).toEqual([first.url, first.url]);
    expect(reads).toEqual(['a', 'b']);
  });

  test('costs what the run’s detail makes it cost, also when it was read for another run', async () => {
    const high = await prepare(image('a'));
    high.release();
    const low = await prepare(image('a'), { ...PLAN, detail: 'low' });
    expect(low.imageTokens).toBeLessThan(high.imageTokens ?? 0);
    expect(reads).toHaveLength(1);
  });

  test('waits for room, whatever the concurrency', async () => {
    let most = 0;
    const calls = Array.from({ length: 50 }, async (_, n) => {
      const picture = await prepare(image(`picture ${n}`));
      const { bytesInUse, bytesKept } = pictures.snapshot();
      most = Math.max(most, bytesInUse + bytesKept);
      await new Promise((sent) => setTimeout(sent, 1));
      picture.release();
    });
    await Promise.all(calls);
    expect(most).toBeGreaterThan(3 * SAMPLE.length);
    expect(most).toBeLessThanOrEqual(4 * dataUrlBytes(SAMPLE.length));
    expect(new Set(reads).size).toBe(50);
  });

  test('is read again after a reading that failed', async () => {
    contents.set('a', new SourceError('unreadable', 'the disk is away'));
    const both = await Promise.allSettled([prepare(image('a')), prepare(image('a'))]);
    expect(
      both.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as unknown) : null)),
    ).toEqual(Array(2).fill(contents.get('a')));
    contents.delete('a');
    expect(await prepare(image('a'))).toMatchObject({ bytes: SAMPLE.length });
    expect(reads).toEqual(['a', 'a']);
  });

  test('is none when it is no picture, and not read when its listing says so', async () => {
    contents.set('a', Buffer.from('<html>'));
    await expect(prepare(image('a'))).rejects.toThrow(UnusablePicture);
    await expect(prepare(image('b', 0))).rejects.toThrow('it is empty');
    await expect(prepare(image('c', 1e9))).rejects.toThrow('the provider takes');
    expect(reads).toEqual(['a']);
    expect(pictures.snapshot()).toEqual({ bytesInUse: 0, bytesKept: 0, waiting: 0 });
  });
});

test('a data URL weighs at most what is said before it is read', () => {
  for (const bytes of [1, 2, 3, 100, 101, 102]) {
    for (const type of ['image/jpeg', 'image/png', 'image/webp'] as const) {
      const weighs = dataUrl(new Uint8Array(bytes), type).length;
      expect(dataUrlBytes(bytes) - weighs).toBe(type === 'image/png' ? 1 : 0);
    }
  }
});

test('a picture by URL takes no memory', async () => {
  const picture = await prepareUrl(PLAN, image('a'), () => Promise.resolve('https://example.com/a.jpg'));
  expect(picture).toMatchObject({ route: 'url', bytes: 0, waitMs: 0 });
  picture.release();
});
