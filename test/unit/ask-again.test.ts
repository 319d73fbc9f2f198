import { expect, test } from 'vitest';
import { nearest, retryOf } from '../../src/client/ask-again.ts';

const names = ['north/camera-001.jpg', 'north/camera-002.jpg', 'market.JPG', '日本.jpg'];

test.each([
  ['camera-001.jpg', 'north/camera-001.jpg'],
  ['Market.jpg', 'market.JPG'],
  ['north/camera-01.jpg', 'north/camera-001.jpg'],
  ['mraket.jpg', 'market.JPG'],
  ['本.jpg', '日本.jpg'],
  ['nothing like it.png', null],
])('nearest to %s is %s', (wanted, near) => {
  expect(nearest(wanted, names)).toBe(near);
});

test.each([
  [{}, {}],
  [{ refused: true }, { refused: true }],
  [{ only: ['a.jpg', 'b.jpg'] }, { only: ['a.jpg', 'b.jpg'] }],
])('flags %j ask for %j', (flags, retry) => {
  expect(retryOf(flags)).toEqual(retry);
});

test('more pictures than an input takes are refused by name of the flag', () => {
  const only = Array.from({ length: 1001 }, (_, n) => `${String(n)}.jpg`);
  expect(() => retryOf({ only })).toThrow(/^--only is .* 1000 at most\.$/);
});
