import { describe, expect, test } from 'vitest';
import { createRunFiles, kept, planHash } from '../../src/activities/run-files.ts';
import type { ResultStore } from '../../src/shared/result-store.ts';

const place = '/srv/results/20251126_025312';
const plan = '{"schemaVersion":1}\n';
const page = {
  page: 0,
  images: [{ name: 'a.jpg', uri: '/srv/a.jpg', identity: 'sha256:aa', bytes: 5 }],
  skipped: [],
  next: null,
};

/** A store of texts that counts its reads. */
function storeOf(texts: Record<string, string>) {
  const reads: string[] = [];
  const open = (at: string): ResultStore => ({
    place: at,
    read: (path) => {
      reads.push(path);
      return Promise.resolve(texts[path] ?? null);
    },
    has: (path) => Promise.resolve(path in texts),
    create: () => Promise.resolve(false),
    replace: () => Promise.resolve(),
    list: () => Promise.resolve([]),
  });
  return { files: createRunFiles(open), reads, texts };
}

const at = { results: place, plan: planHash(plan) };
const whole = { 'run.json': plan, 'images/000000.json': JSON.stringify(page) };

test('the hash is that of the text, in 32 digits', () => {
  expect(planHash('{}')).toBe('44136fa355b3678a1146ad16f7e8649e');
});

test('each file is read once', async () => {
  const { files, reads } = storeOf(whole);
  for (let i = 0; i < 5; i += 1) {
    expect(await files.plan(at)).toEqual({ schemaVersion: 1 });
    expect(await files.image(at, 0, 0)).toEqual(page.images[0]);
  }
  expect(reads).toEqual(['run.json', 'images/000000.json']);
});

describe('a run whose own files are not as it left them is blocked, with the file and the remedy', () => {
  test.each<{ what: string; texts: Record<string, string>; says: string }>([
    { what: 'no plan', texts: {}, says: `${place}/run.json is gone.` },
    {
      what: 'another plan',
      texts: { 'run.json': '{}' },
      says: `${place}/run.json was changed after the run started.`,
    },
  ])('$what', async ({ texts, says }) => {
    await expect(storeOf(texts).files.plan(at)).rejects.toMatchObject({
      type: 'Blocked',
      nonRetryable: true,
      message: `${says} Put the file back as it was, then resume the run.`,
    });
  });

  test.each([
    { what: 'no page', page: 1, index: 0, says: `${place}/images/000001.json is gone.` },
    { what: 'no such picture', page: 0, index: 1, says: `${place}/images/000000.json has no picture 1.` },
  ])('$what', async ({ page: number, index, says }) => {
    await expect(storeOf(whole).files.image(at, number, index)).rejects.toMatchObject({
      type: 'Blocked',
      message: expect.stringContaining(says) as string,
    });
  });

  test('a file that is put back is read again', async () => {
    const { files, texts } = storeOf({});
    await expect(files.plan(at)).rejects.toThrow('is gone');
    texts['run.json'] = plan;
    expect(await files.plan(at)).toEqual({ schemaVersion: 1 });
  });
});

describe('kept', () => {
  const make = (value: number) => () => Promise.resolve(value);

  test('keeps those that were asked for last', async () => {
    const map = new Map<string, Promise<number>>();
    for (const key of ['a', 'b', 'a', 'c']) await kept(map, key, 2, make(1));
    expect([...map.keys()]).toEqual(['a', 'c']);
    expect(await kept(map, 'a', 2, make(2))).toBe(1);
  });

  test('asks once for what several want at the same time, and does not keep a failure', async () => {
    const map = new Map<string, Promise<number>>();
    let made = 0;
    const fail = (): Promise<number> => {
      made += 1;
      return Promise.reject(new Error('down'));
    };
    const both = await Promise.allSettled([kept(map, 'a', 2, fail), kept(map, 'a', 2, fail)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(made).toBe(1);
    expect(await kept(map, 'a', 2, make(3))).toBe(3);
  });
});
