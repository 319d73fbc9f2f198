import { readdir, readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { dataUrl, inspectPicture, MAX_PICTURE_BYTES } from '../../src/activities/picture.ts';

const drawn = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#345' } });
const jpeg = await drawn(1920, 1080).jpeg().toBuffer();
const png = await drawn(704, 576).png().toBuffer();
const webp = await drawn(640, 360).webp().toBuffer();

test.each([
  ['JPEG', jpeg, { ok: true, mediaType: 'image/jpeg', width: 1920, height: 1080 }],
  [
    'progressive JPEG',
    await drawn(33, 17).jpeg({ progressive: true }).toBuffer(),
    { ok: true, width: 33, height: 17 },
  ],
  ['PNG', png, { ok: true, mediaType: 'image/png', width: 704, height: 576 }],
  ['WebP', webp, { ok: true, mediaType: 'image/webp', width: 640, height: 360 }],
  ['lossless WebP', await drawn(5, 7).webp({ lossless: true }).toBuffer(), { ok: true, width: 5, height: 7 }],
  ['a JPEG that ends in the middle', jpeg.subarray(0, jpeg.length / 2), { ok: true, width: 1920 }],
  ['a PNG that ends in the middle', png.subarray(0, 100), { ok: true, width: 704 }],
  [
    'a part of a larger buffer',
    new Uint8Array(Buffer.concat([Buffer.alloc(7), webp])).subarray(7),
    { width: 640 },
  ],
])('%s is a picture', (_, bytes, expected) => {
  expect(inspectPicture(bytes)).toMatchObject(expected);
});

test('every sample is a picture', async () => {
  for (const name of await readdir('samples')) {
    if (!/\.(jpg|png|webp)$/.test(name)) continue;
    expect(inspectPicture(await readFile(`samples/${name}`)), name).toMatchObject({ ok: true });
  }
});

describe('is no picture for us', () => {
  const text = (content: string) => Buffer.from(content);
  test.each([
    [Buffer.alloc(0), 'the file is empty (0 bytes)'],
    [text('\n  <!DOCTYPE html><html>'), 'looks like an HTML page'],
    [text('\uFEFF<html lang="te">'), 'looks like an HTML page'],
    [text("<?xml version='1.0'?><Error><Code>AccessDenied</Code>"), 'looks like an XML document'],
    [text('<svg xmlns="…">'), 'looks like an SVG drawing'],
    [text('{"error": {}}'), 'looks like JSON'],
    [text('hello'), 'looks like plain text'],
    [text('వర్షం '.repeat(200)), 'looks like plain text'],
    [text('GIF89a…'), 'looks like a GIF'],
    [text('%PDF-1.7'), 'looks like a PDF'],
    [text('\0\0\0\x20ftypheic'), 'looks like a HEIC picture'],
    [text('\0\0\0\x20ftypavif'), 'looks like an AVIF picture'],
    [text('\0\0\0\x20ftypisom'), 'looks like an MP4 or QuickTime video'],
    [text('II*\0'), 'looks like a TIFF picture'],
    [text('RIFF\x10\0\0\0WAVEfmt '), 'looks like unknown binary data'],
    [Buffer.alloc(600), 'looks like nothing but zero bytes'],
    [Buffer.from([1, 2, 3, 0xfe, 0xed]), 'looks like unknown binary data'],
    [jpeg.subarray(0, 4), 'begins like image/jpeg but its header cannot be read'],
    [png.subarray(0, 8), 'begins like image/png but its header cannot be read'],
    [webp.subarray(0, 12), 'begins like image/webp but its header cannot be read'],
  ])('%#: %s', (bytes, problem) => {
    expect(inspectPicture(bytes)).toEqual({ ok: false, problem: expect.stringContaining(problem) as string });
  });

  test('any header cut short gives an answer and no exception', () => {
    for (const picture of [jpeg, png, webp]) {
      for (let end = 0; end < 200; end++)
        expect(inspectPicture(picture.subarray(0, end))).toHaveProperty('ok');
    }
  });
});

test('the largest picture fits in a request of 50 MB as base64, and one byte more is refused', () => {
  expect(Math.ceil(MAX_PICTURE_BYTES / 3) * 4).toBeLessThan(50_000_000 - 99_000);
  const large = Buffer.alloc(MAX_PICTURE_BYTES + 1);
  jpeg.copy(large);
  expect(inspectPicture(large.subarray(0, MAX_PICTURE_BYTES))).toMatchObject({ ok: true });
  expect(inspectPicture(large)).toEqual({
    ok: false,
    problem: 'the picture has 37.5 MB; at most 37.4 MB fit in a request; make it smaller',
  });
});

test('a data URL carries the bytes and nothing of the buffer around them', () => {
  const url = dataUrl(new Uint8Array(Buffer.concat([Buffer.from('x'), png])).subarray(1), 'image/png');
  expect(url).toBe(`data:image/png;base64,${png.toString('base64')}`);
});
