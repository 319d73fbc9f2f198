import { expect, test } from 'vitest';
import { createUrlHealth } from '../../src/activities/url-health.ts';

function create(reports: string) {
  const at = { ms: 0 };
  const health = createUrlHealth(() => at.ms);
  for (const report of reports) health.report(report === '+');
  return { health, at };
}

const GOOD = '+'.repeat(20);
const BAD = '-'.repeat(20);

test.each([
  { what: 'nothing known', reports: '', wave: false },
  { what: 'all fetched', reports: GOOD, wave: false },
  { what: 'a few failed in a row', reports: '-'.repeat(17), wave: false },
  { what: 'half fail', reports: '+-'.repeat(50), wave: false },
  { what: '17 of the last 20 failed', reports: `+++${'-'.repeat(17)}`, wave: false },
  { what: '18 of the last 20 failed', reports: `++${'-'.repeat(18)}`, wave: true },
  { what: 'all failed', reports: BAD, wave: true },
  { what: 'a wave that is long over', reports: BAD + GOOD, wave: false },
])('$what', ({ reports, wave }) => {
  const { health } = create(reports);
  // The first call of a wave may still try.
  expect(health.base64First()).toBeNull();
  expect(health.base64First() !== null).toBe(wave);
});

test('the reason says what was seen', () => {
  const { health } = create(BAD);
  health.base64First();
  expect(health.base64First()).toBe('20 of the last 20 picture URLs could not be fetched');
});

test('in a wave one call a minute tries the URL', () => {
  const { health, at } = create(BAD);
  const tries: number[] = [];
  for (at.ms = 0; at.ms < 180_000; at.ms += 1_000) {
    if (health.base64First() !== null) continue;
    tries.push(at.ms);
    health.report(false);
  }
  expect(tries).toEqual([0, 60_000, 120_000]);
});

test('one URL that works again ends the wave for all', () => {
  const { health } = create(BAD);
  health.base64First();
  health.report(true);
  expect([1, 2, 3].map(() => health.base64First())).toEqual([null, null, null]);
});
