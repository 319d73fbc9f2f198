import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatQuery,
  parseQuery,
  type PictureQuery,
  PictureQueryError,
} from '../../src/shared/picture-query.ts';

test.each<[string, PictureQuery]>([
  ['', {}],
  ['from=60&take=60', {}],
  ['match=&text=', {}],
  [
    'prompt=pothole&match=yes&count=3&sort=-count',
    { prompt: 'pothole', match: 'yes', count: 3, sort: '-count' },
  ],
  [
    'error=Refused&camera=A+7&day=2025-11-25&hour=0',
    { error: 'Refused', camera: 'A 7', day: '2025-11-25', hour: 0 },
  ],
  ['camera=none&day=none&hour=none', { camera: 'none', day: 'none', hour: 'none' }],
  ['text=%3Cb%3E', { text: '<b>' }],
])('%s', (address, query) => {
  expect(parseQuery(new URLSearchParams(address))).toEqual(query);
});

test.each([
  ['match=maybe', 'match', 'maybe', 'yes, no'],
  ['count=0', 'count', '0', '1 or more'],
  ['count=1.5', 'count', '1.5', 'whole number'],
  ['count=-1', 'count', '-1', '1 or more'],
  ['count=1e3', 'count', '1e3', 'whole number'],
  ['hour=24', 'hour', '24', '0 to 23'],
  ['hour=noon', 'hour', 'noon', '0 to 23'],
  ['day=2025-02-29', 'day', '2025-02-29', '2025-11-25'],
  ['day=25.11.2025', 'day', '25.11.2025', '2025-11-25'],
  ['error=refused', 'error', 'refused', 'Refused'],
  ['sort=size', 'sort', 'size', '-count'],
  ['match=yes&match=no', 'match', 'no', 'once'],
])('%s is refused with the parameter, its value and what to give', (address, parameter, value, remedy) => {
  const parse = (): unknown => parseQuery(new URLSearchParams(address));
  expect(parse).toThrow(PictureQueryError);
  expect(parse).toThrow(
    expect.objectContaining({ parameter, value, remedy: expect.stringContaining(remedy) }),
  );
  expect(parse).toThrow(`${parameter}="${value}"`);
});

test('a query is the same after a trip through an address, which is always the same', () => {
  const text = fc.string({ minLength: 1, unit: 'grapheme' });
  const query: fc.Arbitrary<PictureQuery> = fc.record(
    {
      prompt: text,
      match: fc.constantFrom('yes', 'no'),
      count: fc.integer({ min: 1 }),
      error: fc.constantFrom('any', 'unasked', 'Refused', 'Lost'),
      camera: text,
      day: fc.constantFrom('2025-11-25', '2024-02-29', 'none'),
      hour: fc.oneof(fc.integer({ min: 0, max: 23 }), fc.constant('none' as const)),
      text,
      sort: fc.constantFrom('name', '-name', 'time', '-time', 'count', '-count'),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(query, (query) => {
      const address = formatQuery(query);
      expect(parseQuery(new URLSearchParams(address))).toEqual(query);
      const otherWay = Object.fromEntries(Object.entries(query).reverse());
      expect(formatQuery(otherWay)).toBe(address);
    }),
  );
});
