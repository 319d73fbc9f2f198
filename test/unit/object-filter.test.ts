import { expect, test } from 'vitest';
import { compareBytes } from '../../src/worker/adapters/byte-order.ts';
import { createObjectFilter } from '../../src/worker/adapters/object-filter.ts';

const all = { include: [], exclude: [] };

test.each([
  ['a.jpg', 'take'],
  ['a/b/c.JPEG', 'take'],
  ['a.PnG', 'take'],
  ['a.webp', 'take'],
  ['a.b.jpg', 'take'],
  ['new\nline.jpg', 'take'],
  ['a.gif', 'a GIF; only JPEG, PNG and WebP are analysed'],
  ['notes.txt', 'not a picture'],
  ['jpg', 'not a picture'],
  ['a.jpg.part', 'not a picture'],
  ['.a.jpg', 'hidden'],
  ['.git/a.jpg', 'hidden'],
  ['x/.thumbs/a.jpg', 'hidden'],
])('%j: %s', (name, expected) => {
  const verdict = createObjectFilter(all)(name);
  expect(verdict.act === 'skip' ? verdict.reason : verdict.act).toBe(expected);
});

test.each([
  { include: ['*.jpg'], exclude: [], name: 'a.jpg', act: 'take' },
  { include: ['*.jpg'], exclude: [], name: 'sub/a.jpg', act: 'omit' },
  { include: ['**/*.jpg'], exclude: [], name: 'a.jpg', act: 'take' },
  { include: ['**/*.jpg'], exclude: [], name: 'new\nline/a b#%"é.jpg', act: 'take' },
  { include: ['cam-1/**', 'cam-2/**'], exclude: [], name: 'cam-2/a.jpg', act: 'take' },
  { include: ['cam-1/**'], exclude: ['**/*night*'], name: 'cam-1/x_night_1.jpg', act: 'omit' },
  { include: [], exclude: ['**/*.txt'], name: 'notes.txt', act: 'omit' },
  { include: ['**'], exclude: [], name: '.hidden.jpg', act: 'skip' },
  { include: ['{a,b}*.png'], exclude: [], name: 'b1.png', act: 'take' },
])('include $include, exclude $exclude, $name: $act', ({ include, exclude, name, act }) => {
  expect(createObjectFilter({ include, exclude })(name).act).toBe(act);
});

test.each(['[a', '(b', ''])('the glob %j is refused and the message names its flag', (glob) => {
  const open = () => createObjectFilter({ include: [], exclude: [glob] });
  expect(open).toThrow(expect.objectContaining({ name: 'SourceError', kind: 'invalid' }));
  expect(open).toThrow(/--exclude/);
});

test('a name that was made for a glob to take for ever is passed over; many of them end the listing', () => {
  const filter = createObjectFilter({ include: ['*_*_*_*_*_*.jpg'], exclude: [] });
  const name = (n: number): string => `${'_'.repeat(250)}${n}`;
  expect(filter('north_cam_1_a_b_c.jpg').act).toBe('take');
  expect(filter(name(0))).toEqual({ act: 'skip', reason: expect.stringContaining('too long') as string });
  expect(() => {
    for (let n = 1; n <= 10; n += 1) filter(name(n));
  }).toThrow(/^The globs take too long on 11 names here; use fewer stars in --include and --exclude\.$/);
  expect(filter('north_cam_1_a_b_c.jpg').act).toBe('take');
}, 20_000);

test('names are ordered by their UTF-8 bytes', () => {
  const names = ['\u{1F600}', '\uFFEE', 'a/b', 'a b', 'a', 'ab', 'A', 'é', '\uD7FF', '%'];
  const byBytes = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  expect([...names].sort(compareBytes)).toEqual(byBytes);
});
