import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPictureMemory, type Loan, type PictureMemory } from '../../src/activities/picture-memory.ts';

/** A load that ends when the test says so. */
function slowLoad(bytes: number) {
  let settle = { resolve: (): void => {}, reject: (_: Error): void => {} };
  const promise = new Promise<{ value: string; bytes: number }>((resolve, reject) => {
    settle = { resolve: () => resolve({ value: 'text', bytes }), reject };
  });
  const slow = {
    loads: 0,
    signal: null as AbortSignal | null,
    load(signal: AbortSignal) {
      slow.loads += 1;
      slow.signal = signal;
      return promise;
    },
    end: () => settle.resolve(),
    fail: () => settle.reject(new Error('cannot be read')),
  };
  return slow;
}

const STAY = new AbortController().signal;
const settled = () => new Promise((done) => setImmediate(done));

function lend(memory: PictureMemory<string>, key: string, bytes: number): Promise<Loan<string>> {
  return memory.lend(key, bytes, () => Promise.resolve({ value: key, bytes }), STAY);
}

/** Whether it has been admitted by now. */
async function isLent(loan: Promise<Loan<string>>): Promise<boolean> {
  let lent = false;
  void loan.then(() => (lent = true));
  await settled();
  return lent;
}

describe('a picture memory', () => {
  test('counts a picture in use twice, for its text and its request, and once when it is kept', async () => {
    const memory = createPictureMemory<string>({ maxBytes: 100 });
    const loan = await lend(memory, 'a', 10);
    expect(memory.snapshot()).toEqual({ bytesInUse: 20, bytesKept: 0, waiting: 0 });
    const second = await lend(memory, 'a', 10);
    expect(memory.snapshot()).toEqual({ bytesInUse: 30, bytesKept: 0, waiting: 0 });
    loan.release();
    loan.release();
    expect(memory.snapshot()).toEqual({ bytesInUse: 20, bytesKept: 0, waiting: 0 });
    second.release();
    expect(memory.snapshot()).toEqual({ bytesInUse: 0, bytesKept: 10, waiting: 0 });
  });

  test('loads a picture once for all its questions', async () => {
    const memory = createPictureMemory<string>({ maxBytes: 100 });
    const slow = slowLoad(10);
    const both = [memory.lend('a', 10, slow.load, STAY), memory.lend('a', 10, slow.load, STAY)];
    await settled();
    slow.end();
    for (const loan of await Promise.all(both)) loan.release();
    const third = await memory.lend('a', 10, slow.load, STAY);
    expect([third.value, slow.loads]).toEqual(['text', 1]);
  });

  test('drops the least recently used first', async () => {
    const memory = createPictureMemory<string>({ maxBytes: 40 });
    for (const key of ['a', 'b', 'c', 'a']) (await lend(memory, key, 10)).release();
    (await lend(memory, 'd', 10)).release();
    (await lend(memory, 'e', 10)).release();
    const loads: string[] = [];
    for (const key of ['a', 'd', 'e', 'b']) {
      const loan = await memory.lend(
        key,
        10,
        () => (loads.push(key), Promise.resolve({ value: '', bytes: 10 })),
        STAY,
      );
      loan.release();
    }
    expect(loads).toEqual(['b']);
  });

  test('lets a large picture have its turn, though small ones would fit', async () => {
    const memory = createPictureMemory<string>({ maxBytes: 40 });
    const first = await lend(memory, 'a', 10);
    const large = lend(memory, 'large', 20);
    const small = lend(memory, 'small', 10);
    expect([await isLent(large), await isLent(small)]).toEqual([false, false]);
    first.release();
    expect([await isLent(large), await isLent(small)]).toEqual([true, false]);
    (await large).release();
    expect(await isLent(small)).toBe(true);
  });

  test('lets one that is larger than the bound go alone', async () => {
    const memory = createPictureMemory<string>({ maxBytes: 40 });
    const first = await lend(memory, 'a', 10);
    const giant = lend(memory, 'giant', 100);
    expect(await isLent(giant)).toBe(false);
    first.release();
    expect(await isLent(giant)).toBe(true);
    expect(memory.snapshot()).toEqual({ bytesInUse: 200, bytesKept: 0, waiting: 0 });
    const after = lend(memory, 'a', 10);
    expect(await isLent(after)).toBe(false);
    (await giant).release();
    expect(await isLent(after)).toBe(true);
    expect(memory.snapshot()).toEqual({ bytesInUse: 20, bytesKept: 0, waiting: 0 });
  });

  test('keeps no failed load, and tells all who wait for it', async () => {
    const memory = createPictureMemory<string>({ maxBytes: 100 });
    const slow = slowLoad(10);
    const both = [memory.lend('a', 10, slow.load, STAY), memory.lend('a', 10, slow.load, STAY)];
    const outcomes = Promise.allSettled(both);
    slow.fail();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(memory.snapshot()).toEqual({ bytesInUse: 0, bytesKept: 0, waiting: 0 });
    expect((await lend(memory, 'a', 10)).value).toBe('a');
  });

  test('counts a load that throws at once as a failed one', async () => {
    const memory = createPictureMemory<string>({ maxBytes: 100 });
    const thrown = (): never => {
      throw new Error('at once');
    };
    await expect(memory.lend('a', 10, thrown, STAY)).rejects.toThrow('at once');
    expect(memory.snapshot()).toEqual({ bytesInUse: 0, bytesKept: 0, waiting: 0 });
  });

  test('goes on loading for those who stay, and stops for the last who leaves', async () => {
    const memory = createPictureMemory<string>({ maxBytes: 100 });
    const slow = slowLoad(10);
    const [one, other] = [new AbortController(), new AbortController()];
    const leaving = memory.lend('a', 10, slow.load, one.signal);
    const staying = memory.lend('a', 10, slow.load, other.signal);
    await settled();
    one.abort(new Error('withdrawn'));
    await expect(leaving).rejects.toThrow('withdrawn');
    expect(slow.signal?.aborted).toBe(false);
    other.abort(new Error('withdrawn too'));
    await expect(staying).rejects.toThrow('withdrawn too');
    expect(slow.signal?.aborted).toBe(true);
    // What still arrives has its place until it is there, and another load of it is its own.
    expect(memory.snapshot()).toMatchObject({ bytesInUse: 10 });
    (await lend(memory, 'a', 10)).release();
    expect(memory.snapshot()).toMatchObject({ bytesInUse: 10, bytesKept: 10 });
    slow.end();
    await settled();
    expect(memory.snapshot()).toEqual({ bytesInUse: 0, bytesKept: 10, waiting: 0 });
  });

  test('lets those behind pass when the first gives up waiting', async () => {
    const memory = createPictureMemory<string>({ maxBytes: 40 });
    await lend(memory, 'a', 10);
    const aborter = new AbortController();
    const large = memory.lend('large', 20, slowLoad(20).load, aborter.signal);
    const small = lend(memory, 'small', 10);
    expect(await isLent(small)).toBe(false);
    aborter.abort(new Error('withdrawn'));
    await expect(large).rejects.toThrow('withdrawn');
    expect(await isLent(small)).toBe(true);
    await expect(memory.lend('b', 1, slowLoad(1).load, aborter.signal)).rejects.toThrow('withdrawn');
    expect(memory.snapshot()).toEqual({ bytesInUse: 40, bytesKept: 0, waiting: 0 });
  });

  test('goes by what a load reports, when the listing was wrong', async () => {
    const memory = createPictureMemory<string>({ maxBytes: 40 });
    const loan = await memory.lend('a', 10, () => Promise.resolve({ value: '', bytes: 30 }), STAY);
    expect(memory.snapshot()).toMatchObject({ bytesInUse: 60 });
    const next = lend(memory, 'b', 10);
    expect(await isLent(next)).toBe(false);
    loan.release();
    expect(await isLent(next)).toBe(true);
    expect(memory.snapshot()).toMatchObject({ bytesInUse: 20, bytesKept: 0 });
  });
});

/** What a test's borrower does; `steps` are turns of the schedule. */
const borrowers = fc.array(
  fc.record({
    key: fc.integer({ min: 0, max: 5 }),
    asksAt: fc.integer({ min: 0, max: 20 }),
    loads: fc.integer({ min: 0, max: 4 }),
    fails: fc.boolean(),
    holds: fc.integer({ min: 0, max: 6 }),
    abortsAfter: fc.option(fc.integer({ min: 0, max: 8 })),
  }),
  { maxLength: 40 },
);
const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 6, maxLength: 6 });

describe('laws of the books', () => {
  const MAX = 50;

  test('what is held stays within the bound, nothing is lost, and nobody waits for ever', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, borrowers, async (sizeOf, all) => {
        const memory = createPictureMemory<number>({ maxBytes: MAX });
        const steps = async (count: number): Promise<void> => {
          for (let n = 0; n < count; n += 1) await settled();
        };
        /** Written down by the borrowers themselves: those that hold, and the loads that run. */
        const holding = new Map<number, number>();
        const running = new Map<number, number>();
        const add = (map: Map<number, number>, key: number, n: number): void => {
          const count = (map.get(key) ?? 0) + n;
          if (count === 0) map.delete(key);
          else map.set(key, count);
        };
        const check = (): void => {
          const { bytesInUse, bytesKept } = memory.snapshot();
          const keys = [...new Set([...holding.keys(), ...running.keys()])];
          const lives = keys.reduce((sum, key) => {
            const text = Math.max(1, running.get(key) ?? 0);
            return sum + (text + (holding.get(key) ?? 0)) * (sizeOf[key] ?? 0);
          }, 0);
          expect(bytesInUse).toBeGreaterThanOrEqual(lives);
          if (bytesInUse + bytesKept <= MAX) return;
          // Only a picture that is too large by itself may go beyond, and then alone.
          expect(bytesKept).toBe(0);
          expect(keys.filter((key) => holding.has(key)).length).toBeLessThanOrEqual(1);
          expect([...holding.values()].reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(1);
          expect(sizeOf.some((size) => 2 * size >= bytesInUse)).toBe(true);
        };
        const outcomes = all.map(async ({ key, asksAt, loads, fails, holds, abortsAfter }) => {
          await steps(asksAt);
          const size = sizeOf[key] ?? 0;
          const aborter = new AbortController();
          if (abortsAfter !== null) void steps(abortsAfter).then(() => aborter.abort(new Error('withdrawn')));
          const load = async (): Promise<{ value: number; bytes: number }> => {
            add(running, key, 1);
            check();
            await steps(loads);
            add(running, key, -1);
            if (fails) throw new Error('cannot be read');
            return { value: key, bytes: size };
          };
          const loan = await memory.lend(key.toString(), size, load, aborter.signal);
          expect(loan.value).toBe(key);
          add(holding, key, 1);
          check();
          await steps(holds);
          add(holding, key, -1);
          loan.release();
          check();
        });
        const ended = await Promise.allSettled(outcomes);
        await steps(5);
        for (const outcome of ended) {
          if (outcome.status === 'rejected')
            expect((outcome.reason as Error).message).toMatch(/^(withdrawn|cannot be read)$/);
        }
        const { bytesInUse, bytesKept, waiting } = memory.snapshot();
        expect([bytesInUse, waiting]).toEqual([0, 0]);
        expect(bytesKept).toBeLessThanOrEqual(MAX);
      }),
      { numRuns: 150 },
    );
  });
});
