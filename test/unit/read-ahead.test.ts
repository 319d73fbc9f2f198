import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readAhead } from '../../src/shared/read-ahead.ts';

const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

test('gives what is read in order, and reads 32 at once at most', async () => {
  let open = 0;
  let most = 0;
  const read = async (n: number): Promise<number> => {
    most = Math.max(most, (open += 1));
    await sleep((n * 7) % 5);
    open -= 1;
    return n * 10;
  };
  const found: number[] = [];
  for await (const n of readAhead(numbers(100), read)) found.push(n);
  expect(found).toEqual(numbers(100).map((n) => n * 10));
  expect(most).toBe(32);
});

test('reads no further ahead than that of what nobody takes', async () => {
  let reads = 0;
  const all = readAhead(numbers(1_000), () => Promise.resolve((reads += 1)));
  await all.next();
  await sleep(5);
  expect(reads).toBe(32);
  await all.return();
});

test('a failure is told in its turn, and later ones are no unhandled rejections', async () => {
  const read = (n: number): Promise<number> =>
    n < 3 ? Promise.resolve(n) : Promise.reject(new Error(`shard ${n}`));
  const found: number[] = [];
  const all = async (): Promise<void> => {
    for await (const n of readAhead(numbers(10), read)) found.push(n);
  };
  await expect(all()).rejects.toThrow('shard 3');
  expect(found).toEqual([0, 1, 2]);
});
