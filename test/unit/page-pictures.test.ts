import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ImageRef } from '../../src/shared/types.ts';
import { createPictures, pictureType, type Pictures } from '../../src/web/pictures.ts';
import { createGcs } from '../../src/worker/adapters/gcs.ts';
import { createOpenSource } from '../../src/worker/adapters/open-source.ts';
import { type FakeGcs, startFakeGcs } from '../helpers/fake-gcs.ts';

const JPEG = Buffer.from('\xff\xd8\xff\xe0 the rest of it', 'latin1');

const picturesOver = (endpoint: string | null): Pictures => {
  const openSource = createOpenSource(createGcs({ apiEndpoint: endpoint }));
  return createPictures({
    read: (source, image, signal) => openSource(source, { include: [], exclude: [] }).read(image, signal),
  });
};

test.each([
  ['image/jpeg', JPEG],
  ['image/png', Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1')],
  ['image/webp', Buffer.from('RIFF\x04\0\0\0WEBPVP8 ', 'latin1')],
  ['image/gif', Buffer.from('GIF89a\x01\0')],
  [null, Buffer.from('RIFF\x04\0\0\0WAVEfmt ', 'latin1')],
  [null, Buffer.from('<svg onload="alert(1)">')],
  [null, Buffer.from('<!doctype html><script>alert(1)</script>')],
  [null, Buffer.alloc(0)],
])('%s is told by the first bytes', (type, bytes) => {
  expect(pictureType(bytes)).toBe(type);
});

describe('pictures of a folder', () => {
  const place = mkdtempSync(join(tmpdir(), 'page-pictures-'));
  const source = join(place, 'pictures');
  const pictures = picturesOver(null);
  afterAll(() => {
    rmSync(place, { recursive: true, force: true });
  });
  beforeEach(() => {
    rmSync(source, { recursive: true, force: true });
    mkdirSync(join(source, 'north'), { recursive: true });
  });

  const listed = (name: string, bytes: Buffer = JPEG): ImageRef => ({
    name,
    uri: join(source, name),
    identity: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
    bytes: bytes.length,
  });
  const put = (name: string, bytes: Buffer = JPEG): ImageRef => {
    writeFileSync(join(source, name), bytes);
    return listed(name, bytes);
  };
  const refused = (image: ImageRef, kind: string, status: number): Promise<void> =>
    expect(pictures.read({ source }, image)).rejects.toMatchObject({ name: 'PictureError', kind, status });

  test('are shown with the type of their content, whatever their name', async () => {
    const image = put('north/camera.png');
    expect(await pictures.read({ source }, image)).toEqual({ bytes: JPEG, type: 'image/jpeg' });
  });

  test('are not shown when they are no pictures', async () => {
    await refused(put('page.jpg', Buffer.from('<script>alert(1)</script>')), 'unreadable', 422);
  });

  test('are gone when they were removed', async () => {
    await refused(listed('was-there.jpg'), 'gone', 404);
    await refused(listed('no-folder/was-there.jpg'), 'gone', 404);
  });

  test('are changed when others took their place, of the same size or not', async () => {
    const image = put('a.jpg');
    writeFileSync(join(source, 'a.jpg'), Buffer.concat([JPEG.subarray(0, -1), Buffer.from('!')]));
    await refused(image, 'changed', 409);
    writeFileSync(join(source, 'a.jpg'), 'much longer than what was there when it was listed');
    await refused(image, 'changed', 409);
  });

  test('are not read when they lie elsewhere, whoever says that they were listed', async () => {
    const secret = join(place, 'secret.jpg');
    writeFileSync(secret, JPEG);
    const outside = listed('../secret.jpg');
    await refused(outside, 'outside', 404);
    await refused({ ...outside, name: 'secret.jpg', uri: secret }, 'outside', 404);
    await refused({ ...listed('a.jpg'), uri: secret }, 'outside', 404);
  });

  test('are not read through a link that was made to lead out of the folder', async () => {
    const secret = join(place, 'secret.jpg');
    writeFileSync(secret, JPEG);
    const image = put('north/a.jpg');
    unlinkSync(image.uri);
    symlinkSync(secret, image.uri);
    await refused(image, 'outside', 404);

    rmSync(join(source, 'north'), { recursive: true });
    mkdirSync(join(place, 'elsewhere'));
    writeFileSync(join(place, 'elsewhere', 'a.jpg'), JPEG);
    symlinkSync(join(place, 'elsewhere'), join(source, 'north'));
    await refused(image, 'outside', 404);

    // A folder whose name begins with the source's is another one.
    rmSync(join(source, 'north'));
    mkdirSync(`${source}-2`);
    writeFileSync(join(`${source}-2`, 'a.jpg'), JPEG);
    symlinkSync(`${source}-2`, join(source, 'north'));
    await refused(image, 'outside', 404);
  });

  test('are read through a link that stays in the folder, and where the folder itself is one', async () => {
    put('north/a.jpg');
    symlinkSync('north/a.jpg', join(source, 'latest.jpg'));
    expect((await pictures.read({ source }, listed('latest.jpg'))).bytes).toEqual(JPEG);
    const linked = join(place, 'linked');
    symlinkSync(source, linked);
    const image = { ...listed('north/a.jpg'), uri: join(linked, 'north/a.jpg') };
    expect((await pictures.read({ source: linked }, image)).bytes).toEqual(JPEG);
  });

  test('that are no files, or have no end, are not read', async () => {
    const image = put('a.jpg');
    unlinkSync(image.uri);
    symlinkSync('/dev/zero', image.uri);
    await refused(image, 'outside', 404);
    unlinkSync(image.uri);
    mkdirSync(image.uri);
    await refused(image, 'changed', 409);
  });
});

describe('pictures of a bucket', () => {
  let gcs: FakeGcs;
  let pictures: Pictures;
  beforeAll(async () => {
    gcs = await startFakeGcs();
    await gcs.createBucket('city-cameras');
    pictures = picturesOver(gcs.endpoint);
  }, 60_000);
  afterAll(() => gcs.close());

  const source = 'gs://city-cameras/2025';
  const put = async (object: string): Promise<ImageRef> => {
    const generation = await gcs.put('city-cameras', object, JPEG);
    const uri = `gs://city-cameras/${object}`;
    return { name: object.slice('2025/'.length), uri, identity: `${uri}#${generation}`, bytes: JPEG.length };
  };

  test('come through the server', async () => {
    const image = await put('2025/north/a.jpg');
    expect((await pictures.read({ source }, image)).type).toBe('image/jpeg');
    expect((await pictures.read({ source: `${source}/` }, image)).type).toBe('image/jpeg');
  });

  test('are gone or changed since', async () => {
    const gone = await put('2025/gone.jpg');
    await gcs.storage.bucket('city-cameras').file('2025/gone.jpg').delete();
    await expect(pictures.read({ source }, gone)).rejects.toMatchObject({ kind: 'gone', status: 404 });
    const changed = await put('2025/changed.jpg');
    await put('2025/changed.jpg');
    await expect(pictures.read({ source }, changed)).rejects.toMatchObject({ kind: 'changed', status: 409 });
  });

  test('of another place are not read', async () => {
    const other = await put('2026/a.jpg');
    for (const image of [
      other,
      { ...other, name: '../2026/a.jpg' },
      { ...(await put('2025/b.jpg')), ...other },
    ]) {
      await expect(pictures.read({ source }, image)).rejects.toMatchObject({ kind: 'outside', status: 404 });
    }
  });

  test('of a bucket that does not answer say so', async () => {
    const image = { ...(await put('2025/c.jpg')) };
    const none = picturesOver('http://127.0.0.1:9');
    await expect(none.read({ source }, image)).rejects.toMatchObject({ kind: 'unreachable', status: 502 });
  }, 30_000);
});
