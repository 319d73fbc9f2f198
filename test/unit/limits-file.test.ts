import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Limits } from '../../src/shared/types.ts';
import { followLimits, parseLimits } from '../../src/worker/limits-file.ts';

const good = { requestsPerMinute: 480, tokensPerMinute: 28_000 };

test.each([
  { what: 'both limits', text: JSON.stringify(good), limits: good },
  { what: 'more than the limits', text: JSON.stringify({ ...good, by: 'ops' }), limits: good },
  { what: 'nothing', text: '', limits: null },
  { what: 'half a file', text: '{"requestsPerMinute": 48', limits: null },
  { what: 'null', text: 'null', limits: null },
  { what: 'a list', text: '[480, 28000]', limits: null },
  { what: 'one limit only', text: '{"requestsPerMinute": 480}', limits: null },
  { what: 'zero', text: '{"requestsPerMinute": 0, "tokensPerMinute": 28000}', limits: null },
  { what: 'a negative number', text: '{"requestsPerMinute": 480, "tokensPerMinute": -1}', limits: null },
  { what: 'text', text: '{"requestsPerMinute": "480", "tokensPerMinute": "28000"}', limits: null },
  { what: 'infinity', text: '{"requestsPerMinute": 1e999, "tokensPerMinute": 28000}', limits: null },
])('a file that holds $what', ({ text, limits }) => {
  expect(parseLimits(text)).toEqual(limits);
});

test('changes are followed; a missing or broken file changes nothing; no timer is left', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'limits-'));
  const file = join(folder, 'limits.json');
  const seen: Limits[] = [];
  const stop = await followLimits(file, { change: (limits) => seen.push(limits) });
  try {
    expect(seen).toEqual([]);
    await writeFile(file, JSON.stringify(good));
    await vi.waitFor(() => expect(seen).toEqual([good]), { timeout: 3_000 });
    await writeFile(file, '{');
    const next = { ...good, tokensPerMinute: 280_000 };
    await writeFile(file, JSON.stringify(next));
    await vi.waitFor(() => expect(seen).toEqual([good, next]), { timeout: 3_000 });
  } finally {
    stop();
    await rm(folder, { recursive: true });
  }
});

test('what the file says at the start holds before anything else happens', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'limits-'));
  const file = join(folder, 'limits.json');
  await writeFile(file, JSON.stringify(good));
  const seen: Limits[] = [];
  (await followLimits(file, { change: (limits) => seen.push(limits) }))();
  expect(seen).toEqual([good]);
  await rm(folder, { recursive: true });
});
