import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ImageRef, SkippedObject } from '../../src/shared/types.ts';
import type { ImageSource } from '../../src/activities/ports.ts';
import { openFolderSource, sourceError } from '../../src/worker/adapters/folder-source.ts';
import { createGcs } from '../../src/worker/adapters/gcs.ts';
import { createOpenSource } from '../../src/worker/adapters/open-source.ts';

const openSource = createOpenSource(createGcs());
const all = { include: [], exclude: [] };
let root: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'folder-source-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(...names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), `content of ${name}`);
  }
}

async function listAll(
  source: ImageSource,
  max: number,
): Promise<{ images: ImageRef[]; skipped: SkippedObject[]; pages: number }> {
  const images: ImageRef[] = [];
  const skipped: SkippedObject[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const page = await source.list(cursor, max);
    expect(page.images.length + page.skipped.length).toBeLessThanOrEqual(max);
    images.push(...page.images);
    skipped.push(...page.skipped);
    cursor = page.next;
    pages += 1;
  } while (cursor !== null);
  return { images, skipped, pages };
}

const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

const ODD_NAMES = [
  'A.jpg',
  'a.jpg',
  'a b/c d.jpg',
  'a#1.jpg',
  '100%41.jpg',
  `quote'"\`.png`,
  'new\nline.webp',
  'é.jpg',
  'చిత్రం.jpg',
  '\uFFEE.jpg',
  '\u{1F600}.jpg',
  `${'x'.repeat(251)}.jpg`,
  'a/b.jpg',
  'a-b.jpg',
  'a.d/e.jpg',
  'deep/er/still/f.jpeg',
];

describe('listing', () => {
  test.each([1, 3, 1000])('gives every odd name once, in byte order, by pages of %i', async (max) => {
    await put(...ODD_NAMES);
    const { images, skipped } = await listAll(openSource(root, all), max);
    const expected = [...ODD_NAMES].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(images.map((image) => image.name)).toEqual(expected);
    expect(skipped).toEqual([]);
    for (const image of images) {
      expect(image).toEqual({
        name: image.name,
        uri: path.join(root, image.name),
        identity: sha256(`content of ${image.name}`),
        bytes: Buffer.byteLength(`content of ${image.name}`),
      });
    }
  });

  test('a full last page is not followed by an empty one', async () => {
    await put('a.jpg', 'b.jpg', 'c.jpg', 'd.jpg');
    expect((await listAll(openSource(root, all), 2)).pages).toBe(2);
  });

  test('passes over what is no picture, with the reason, each once', async () => {
    await put('a.jpg', 'b.gif', 'notes.txt', '.DS_Store', '.git/x.jpg', 'sub/.hidden.jpg');
    await symlink('nowhere', path.join(root, 'broken.jpg'));
    await symlink('/dev/null', path.join(root, 'device.jpg'));
    const socket = createServer();
    await new Promise<void>((resolve) => socket.listen(path.join(root, 'socket.jpg'), resolve));
    for (const max of [1, 100]) {
      const { images, skipped } = await listAll(openSource(root, all), max);
      expect(images.map((image) => image.name)).toEqual(['a.jpg']);
      expect(skipped).toEqual([
        { name: '.DS_Store', reason: 'hidden' },
        { name: '.git/', reason: 'hidden' },
        { name: 'b.gif', reason: 'a GIF; only JPEG, PNG and WebP are analysed' },
        { name: 'broken.jpg', reason: 'cannot be read: a link to nothing' },
        { name: 'device.jpg', reason: 'not a regular file' },
        { name: 'notes.txt', reason: 'not a picture' },
        { name: 'socket.jpg', reason: 'not a regular file' },
        { name: 'sub/.hidden.jpg', reason: 'hidden' },
      ]);
    }
    await new Promise((resolve) => socket.close(resolve));
  });

  test.runIf(process.platform === 'linux')('one file that cannot be read does not end the run', async () => {
    // A folder of the system with a regular file whose first byte cannot be read, and one that can be.
    const folder = `/proc/self/task/${process.pid}`;
    const source = openFolderSource(folder, (name) => ({
      act: ['mem', 'stat'].includes(name) ? 'take' : 'omit',
    }));
    const { images, skipped } = await listAll(source, 100);
    expect(images.map((image) => image.name)).toEqual(['stat']);
    expect(skipped).toEqual([{ name: 'mem', reason: 'cannot be read: the disk reports an error (EIO)' }]);
  });

  test('follows links and ends at one that leads back', async () => {
    await put('cam/a.jpg');
    await symlink(path.join(root, 'cam', 'a.jpg'), path.join(root, 'link.jpg'));
    await symlink('cam', path.join(root, 'other'));
    await symlink('..', path.join(root, 'cam', 'up'));
    await symlink('.', path.join(root, 'cam', 'self'));
    for (const max of [1, 100]) {
      const { images, skipped } = await listAll(openSource(root, all), max);
      expect(images.map((image) => image.name)).toEqual(['cam/a.jpg', 'link.jpg', 'other/a.jpg']);
      const loop = 'a link that leads back to a folder above it';
      expect(skipped).toEqual(
        ['cam/self/', 'cam/up/', 'other/self/', 'other/up/'].map((name) => ({ name, reason: loop })),
      );
    }
  });

  test('a link that leads out of the folder is not followed, to a file or to a folder', async () => {
    const elsewhere = await mkdtemp(path.join(os.tmpdir(), 'elsewhere-'));
    await writeFile(path.join(elsewhere, 'private.jpg'), 'private');
    await put('a.jpg');
    await symlink(path.join(elsewhere, 'private.jpg'), path.join(root, 'b.jpg'));
    await symlink(elsewhere, path.join(root, 'c'));
    await symlink('b.jpg', path.join(root, 'd.jpg'));
    // A name that begins like the folder's own is no part of it.
    await writeFile(`${root}-beside.jpg`, 'private');
    await symlink(`${root}-beside.jpg`, path.join(root, 'e.jpg'));
    for (const max of [1, 100]) {
      const { images, skipped } = await listAll(openSource(root, all), max);
      expect(images.map((image) => image.name)).toEqual(['a.jpg']);
      expect(skipped.map(({ name }) => name)).toEqual(['b.jpg', 'c/', 'd.jpg', 'e.jpg']);
      for (const { reason } of skipped) expect(reason).toMatch(/^a link that leads out of the source;/);
    }
    await rm(elsewhere, { recursive: true });
    await rm(`${root}-beside.jpg`);
  });

  test('a picture that a link or a larger file took the place of is not read', async () => {
    await put('a.jpg', 'b.jpg', 'c.jpg');
    const source = openSource(root, all);
    const { images } = await source.list(null, 10);
    await writeFile(path.join(root, 'a.jpg'), 'much more than there was');
    await rm(path.join(root, 'b.jpg'));
    await symlink('/dev/zero', path.join(root, 'b.jpg'));
    await rm(path.join(root, 'c.jpg'));
    await symlink('/etc/hostname', path.join(root, 'c.jpg'));
    for (const image of images) {
      await expect(source.read(image)).rejects.toMatchObject({ name: 'SourceError', kind: 'changed' });
    }
  });

  test('the globs leave names out without counting them', async () => {
    await put('cam-1/a.jpg', 'cam-1/b.png', 'cam-2/a.jpg', 'notes.txt');
    const source = openSource(root, { include: ['cam-*/*'], exclude: ['**/b.png'] });
    const { images, skipped } = await listAll(source, 100);
    expect(images.map((image) => image.name)).toEqual(['cam-1/a.jpg', 'cam-2/a.jpg']);
    expect(skipped).toEqual([]);
  });

  test('later pages do not read the files of earlier ones', async () => {
    await put('a.jpg', 'b/c.jpg', 'd.jpg');
    const source = openSource(root, all);
    const first = await source.list(null, 2);
    await rm(path.join(root, 'a.jpg'));
    await writeFile(path.join(root, 'b/c.jpg'), 'changed');
    const second = await source.list(first.next, 2);
    expect(second.images.map((image) => image.name)).toEqual(['d.jpg']);
    expect(second.next).toBeNull();
  });

  test('an empty folder gives nothing', async () => {
    expect(await openSource(root, all).list(null, 10)).toEqual({ images: [], skipped: [], next: null });
  });

  test('a link to a folder is a source', async () => {
    await put('real/a.jpg');
    await symlink('real', path.join(root, 'link'));
    const { images } = await openSource(path.join(root, 'link'), all).list(null, 10);
    expect(images.map((image) => image.uri)).toEqual([path.join(root, 'link', 'a.jpg')]);
  });

  test('stops when it is told to', async () => {
    await put('a.jpg');
    await expect(openSource(root, all).list(null, 10, AbortSignal.abort())).rejects.toThrow(/abort/i);
  });
});

describe('a source that is none', () => {
  test.each([
    ['pictures', 'invalid', /relative path/],
    ['./pictures', 'invalid', /relative path/],
    ['', 'invalid', /absolute path/],
    ['s3://bucket/x', 'invalid', /gs:\/\/bucket\/prefix/],
    ['gs://', 'invalid', /names no bucket/],
    ['gs://Bad_Bucket!/x', 'invalid', /names no bucket/],
    ['gs://bucket/two\nlines', 'invalid', /one line/],
  ])('%j: %s', (uri, kind, message) => {
    expect(() => openSource(uri, all)).toThrow(expect.objectContaining({ name: 'SourceError', kind }));
    expect(() => openSource(uri, all)).toThrow(message);
  });

  test('a missing folder', async () => {
    const missing = path.join(root, 'missing');
    const listing = openSource(missing, all).list(null, 10);
    await expect(listing).rejects.toMatchObject({ name: 'SourceError', kind: 'missing' });
    await expect(listing).rejects.toThrow(missing);
  });

  test('a file', async () => {
    await put('a.jpg');
    const listing = openSource(path.join(root, 'a.jpg'), all).list(null, 10);
    await expect(listing).rejects.toMatchObject({ kind: 'invalid' });
    await expect(listing).rejects.toThrow(/is a file, not a folder/);
  });

  test.each([
    ['EACCES', 'forbidden', /permission denied.*the user that runs the worker/],
    ['ENOTDIR', 'missing', /a part of its path is a file/],
    ['EIO', 'unreadable', /the disk reports an error/],
    ['ESTALE', 'unreadable', /ESTALE/],
  ])('%s: %s', (code, kind, message) => {
    const error = sourceError('/pictures', Object.assign(new Error('scandir'), { code }));
    expect(error.kind).toBe(kind);
    expect(error.message).toContain('/pictures');
    expect(error.message).toMatch(message);
  });
});

describe('reading', () => {
  test('gives the bytes that were listed', async () => {
    await put('a b#.jpg');
    const source = openSource(root, all);
    const image = (await source.list(null, 1)).images[0]!;
    expect(Buffer.from(await source.read(image))).toEqual(await readFile(image.uri));
    expect(source.signedUrl).toBeNull();
    expect(await source.signingProblem()).toBeNull();
  });

  test('notices a picture that was removed, replaced or made unreadable', async () => {
    await put('gone.jpg', 'new.jpg', 'odd.jpg');
    const source = openSource(root, all);
    const [gone, replaced, odd] = (await source.list(null, 10)).images;
    await rm(gone!.uri);
    await writeFile(replaced!.uri, 'something else');
    await rm(odd!.uri);
    await mkdir(odd!.uri);
    await expect(source.read(gone!)).rejects.toMatchObject({ name: 'SourceError', kind: 'gone' });
    await expect(source.read(replaced!)).rejects.toMatchObject({ name: 'SourceError', kind: 'changed' });
    await expect(source.read(odd!)).rejects.toMatchObject({ name: 'SourceError', kind: 'unreadable' });
  });
});
