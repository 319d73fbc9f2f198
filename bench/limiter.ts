import { createRateLimiter } from '../src/worker/limiter/rate-limiter.ts';
import { createVirtualClock } from '../test/helpers/virtual-clock.ts';

/**
 * `npm run bench:limiter`: the mission at its own speed on a virtual clock, the limiter alone: 339 pictures, six calls
 * one after the other each, 9 s a call, 28,000 tokens and 480 requests a minute. An hour and a half in some seconds.
 */
const PICTURES = 339;
const CALLS_A_PICTURE = 6;
const TOKENS = 1_577;
const LATENCY_MS = 9_000;
const LIMITS = { requestsPerMinute: 480, tokensPerMinute: 28_000 };
const SIDE_BY_SIDE = [4, 8, 16];

for (const sideBySide of SIDE_BY_SIDE) {
  const clock = createVirtualClock();
  const limiter = createRateLimiter({ limits: LIMITS, tokensPerCall: TOKENS, clock });
  const started = clock.now();
  const sent: number[] = [];
  let waiting = PICTURES;
  let ended = started;
  const lane = async (): Promise<void> => {
    const { signal } = new AbortController();
    while (waiting > 0) {
      waiting -= 1;
      for (let call = 0; call < CALLS_A_PICTURE; call += 1) {
        await limiter.acquire(TOKENS, signal);
        sent.push(clock.now());
        await clock.sleep(LATENCY_MS);
      }
    }
    ended = clock.now();
  };
  const lanes = Promise.all(Array.from({ length: sideBySide }, lane));
  await clock.runAll();
  await lanes;
  const calls = PICTURES * CALLS_A_PICTURE;
  const floor = (calls * TOKENS * 60_000) / LIMITS.tokensPerMinute + LATENCY_MS;
  const highest =
    Math.max(...sent.map((at) => sent.filter((t) => t >= at && t < at + 60_000).length)) * TOKENS;
  const minutes = (ms: number): string => `${(ms / 60_000).toFixed(1)} min`;
  console.log(
    `${String(sideBySide).padStart(2)} pictures side by side: ${minutes(ended - started)}, floor ${minutes(floor)}, ` +
      `ratio ${((ended - started) / floor).toFixed(3)}, highest minute ${highest} of ${LIMITS.tokensPerMinute} tokens and one call`,
  );
}
