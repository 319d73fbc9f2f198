import fc from 'fast-check';
import { expect, test } from 'vitest';
import { minutesOf, triesOf } from '../../src/activities/minutes.ts';
import type { ImageResult, MinuteLine } from '../../src/shared/types.ts';
import { answered, aTry } from '../helpers/outcomes.ts';

const line = (minute: string, more: Partial<MinuteLine> = {}): MinuteLine => ({
  at: `2025-11-26T${minute}:00.000Z`,
  sent: 1,
  charged: 1_500,
  rateLimited: 0,
  waitMs: 0,
  ...more,
});

test('a line for each minute in which something was sent, in order', () => {
  const limited = aTry({
    at: '2025-11-26T02:53:10.000Z',
    outcome: 'RateLimited',
    status: 429,
    waitMs: 4_000,
  });
  const image: ImageResult = {
    page: 0,
    index: 0,
    startedAt: '2025-11-26T02:53:00.000Z',
    endedAt: '2025-11-26T02:53:30.000Z',
    prompts: {
      crowd: { ok: false, failure: { kind: 'RateLimited', message: 'Too much.', tries: [limited] } },
      pothole: answered({ tries: [aTry({ at: '2025-11-26T02:53:20.000Z' })] }),
    },
  };
  const tries = [aTry({ at: '2025-11-26T02:55:59.999Z' }), ...triesOf(image)];
  expect(minutesOf(tries)).toEqual([
    line('02:53', { sent: 2, charged: 3_000, rateLimited: 1, waitMs: 4_000 }),
    line('02:55'),
  ]);
});

test('nothing is lost', () => {
  const at = fc.date({ min: new Date('2025-01-01'), max: new Date('2025-01-02'), noInvalidDate: true });
  fc.assert(
    fc.property(fc.array(at.map((date) => aTry({ at: date.toISOString() }))), (tries) => {
      const lines = minutesOf(tries);
      expect(lines.reduce((sum, { sent }) => sum + sent, 0)).toBe(tries.length);
      expect(lines.map((l) => l.at)).toEqual([...new Set(lines.map((l) => l.at))].sort());
    }),
  );
});
