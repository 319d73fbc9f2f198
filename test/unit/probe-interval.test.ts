import { describe, expect, test } from 'vitest';
import { FIRST_PROBE_MS, nextWaitMs } from '../../src/workflows/probe-interval.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

describe('how long a blocked run waits before it tries again', () => {
  test.each([
    { wait: FIRST_PROBE_MS, blocked: FIRST_PROBE_MS, next: MINUTE },
    { wait: MINUTE, blocked: 90_000, next: 2 * MINUTE },
    { wait: 8 * MINUTE, blocked: 16 * MINUTE, next: 10 * MINUTE },
    { wait: 10 * MINUTE, blocked: DAY - 1, next: 10 * MINUTE },
    { wait: 10 * MINUTE, blocked: DAY, next: 20 * MINUTE },
    { wait: 40 * MINUTE, blocked: 2 * DAY, next: 60 * MINUTE },
    { wait: 60 * MINUTE, blocked: 40 * DAY, next: 60 * MINUTE },
  ])('after $wait ms, blocked for $blocked ms: $next ms', ({ wait, blocked, next }) => {
    expect(nextWaitMs(wait, blocked)).toBe(next);
  });

  test('a block of four months stays below the events that a workflow may have', () => {
    let probes = 0;
    for (let at = 0, wait = FIRST_PROBE_MS; at < 120 * DAY; probes += 1) {
      at += wait;
      wait = nextWaitMs(wait, at);
    }
    expect(probes * 14).toBeLessThan(51_200);
  });
});
