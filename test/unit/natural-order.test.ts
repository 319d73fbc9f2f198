import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareNatural } from '../../src/shared/natural-order.ts';

test.each([
  [
    ['cam10', 'cam9', 'cam1'],
    ['cam1', 'cam9', 'cam10'],
  ],
  [
    ['b', 'A', 'a1', 'B'],
    ['A', 'a1', 'b', 'B'],
  ],
  [
    ['x2', 'x', 'x10', 'x002a'],
    ['x', 'x2', 'x002a', 'x10'],
  ],
  [
    ['Äpfel', 'äpfel 2', 'ÄPFEL 1'],
    ['Äpfel', 'ÄPFEL 1', 'äpfel 2'],
  ],
  [
    ['10_246_8_10.jpg', '10_246_8_9.jpg'],
    ['10_246_8_9.jpg', '10_246_8_10.jpg'],
  ],
  [
    ['9'.repeat(30), '1' + '0'.repeat(30)],
    ['9'.repeat(30), '1' + '0'.repeat(30)],
  ],
])('%j', (names, sorted) => {
  expect(names.toSorted(compareNatural)).toEqual(sorted);
});

/** The slow way: the name cut into numbers and characters, in lower case. */
const parts = (name: string): (bigint | number)[] =>
  (name.match(/\d+|[^\d]/g) ?? []).map((part) =>
    /\d/.test(part) ? BigInt(part) : part.toLowerCase().charCodeAt(0),
  );

function slowly(a: string, b: string): number {
  const [x, y] = [parts(a), parts(b)];
  for (let n = 0; n < Math.min(x.length, y.length); n += 1) {
    const [p, q] = [x[n] ?? 0, y[n] ?? 0];
    if (p === q) continue;
    if (typeof p === typeof q) return p < q ? -1 : 1;
    // A number stands where its digits do among the characters.
    return (typeof p === 'bigint' ? 48 : p) < (typeof q === 'bigint' ? 48 : q) ? -1 : 1;
  }
  return Math.sign(x.length - y.length);
}

test('is the order of names cut into numbers and characters', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'B', 'b', 'Z', '0', '1', '7', '_', '.', 'é', 'É') });
  fc.assert(
    fc.property(name, name, (a, b) => {
      expect(Math.sign(compareNatural(a, b)) + 0).toBe(slowly(a, b) + 0);
    }),
    { numRuns: 2_000 },
  );
});
