import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createPlace, type Ended, type Place } from '../helpers/cli.ts';

const PICTURES = 40;
const TOLD = { requestsPerMinute: 4_800, tokensPerMinute: 280_000 };

/** The mission's account ten times over, told a little less than it has. */
describe('40 pictures against an account that enforces its limits', () => {
  let simulator: Simulator;
  let place: Place;
  let ended: Ended;

  beforeAll(async () => {
    simulator = await startSimulator({
      latency: { medianMs: 900 },
      limits: { requestsPerMinute: 5_000, tokensPerMinute: 300_000 },
    });
    place = createPlace({
      OPENAI_BASE_URL: simulator.url,
      LIMITS: `${TOLD.requestsPerMinute}/${TOLD.tokensPerMinute}`,
    });
    ended = await place.run(['run', place.pictures(PICTURES), '--json']);
  });

  afterAll(async () => {
    await place.close();
    await simulator.close();
  });

  test('draw no 429 and are all answered', () => {
    expect(ended.code).toBe(0);
    expect(simulator.ledger.filter((entry) => entry.status !== 200)).toEqual([]);
    expect(place.results().totals).toMatchObject({ answered: PICTURES * 6, failed: 0, rateLimited: 0 });
  });

  test('never send more in a minute than was told, and one call', () => {
    const calls = simulator.ledger;
    const largest = Math.max(...calls.map((call) => call.admitted));
    for (const first of calls) {
      const minute = calls.filter((call) => call.at >= first.at && call.at < first.at + 60_000);
      expect(minute.length).toBeLessThanOrEqual(TOLD.requestsPerMinute + 1);
      const tokens = minute.reduce((sum, call) => sum + call.admitted, 0);
      expect(tokens).toBeLessThanOrEqual(TOLD.tokensPerMinute + largest);
    }
  });

  test('use the limit that they are told', () => {
    const { totals, performance, images } = place.results();
    const sent = images.flatMap((image) =>
      Object.values(image.answers).map((a) => ('error' in a ? 0 : Date.parse(a.sentAt))),
    );
    const minutes = (Math.max(...sent) - Math.min(...sent)) / 60_000;
    // Not a measurement, which is the benchmark's: a limiter that idles half of the time would fail here.
    expect(totals.charged / minutes).toBeGreaterThan(TOLD.tokensPerMinute / 2);
    expect(performance.bottleneck).toBe('the limit of tokens a minute');
  });

  test('estimate the time to their end within a tenth, after a tenth of the run', () => {
    interface Line {
      event: string;
      at: string;
      answered?: number;
      remainingMs?: number | null;
    }
    const lines = ended.out.split('\n').filter((line) => line.startsWith('{'));
    const events = lines.map((line) => JSON.parse(line) as Line);
    const end = Date.parse(events.find(({ event }) => event === 'end')?.at ?? '');
    const estimates = events.filter(({ event, answered = 0 }) => {
      return event === 'progress' && answered >= PICTURES * 6 * 0.1 && answered <= PICTURES * 6 * 0.9;
    });
    expect(estimates.length).toBeGreaterThan(3);
    const [first] = estimates;
    const truth = end - Date.parse(first?.at ?? '');
    expect(Math.abs((first?.remainingMs ?? 0) - truth)).toBeLessThan(truth * 0.1);
  });
});
