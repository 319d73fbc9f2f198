import { createHash } from 'node:crypto';

/**
 * A number in [0, 1) that depends on its parts alone, so that a seed gives the same faults, latencies and wrong
 * answers again, in whatever order concurrent requests arrive.
 */
export function draw(...parts: (string | number)[]): number {
  return createHash('sha256').update(JSON.stringify(parts)).digest().readUInt32BE(0) / 2 ** 32;
}

/** One of the choices, by the parts alone. */
export function pick<T>(choices: readonly [T, ...T[]], ...parts: (string | number)[]): T {
  return choices[Math.floor(draw(...parts) * choices.length)] ?? choices[0];
}

export interface Latency {
  /** Median in milliseconds; 9,000 by default. */
  medianMs?: number;
  /** Standard deviation of the logarithm; 0.15 by default. */
  spread?: number;
}

/** A hidden slow-down: latency climbs with the calls in flight, however wide the limits are. */
export interface Slowdown {
  /** Calls in flight up to which nothing is slower. */
  from: number;
  /**
   * Latency grows with the calls in flight to this power: by 1, the default, throughput stays where it is (138 calls at
   * once were seen to take 40 s where five took 1.7 s); above 1 it is best at `from`.
   */
  power?: number | undefined;
}

/** How many times as long a call takes with so many in flight, itself included. */
export const slowdownFactor = ({ from, power = 1 }: Slowdown, inFlight: number): number =>
  Math.max(1, inFlight / from) ** power;

/** Milliseconds that one call takes: log-normal about the median, cut at 0.85 and 1.33 times of it. */
export function latencyMs(latency: Latency, seed: number, n: number): number {
  const median = latency.medianMs ?? 9000;
  // Box-Muller: two uniform draws give one normal.
  const radius = Math.sqrt(-2 * Math.log(1 - draw(seed, 'latency', n, 'radius')));
  const normal = radius * Math.cos(2 * Math.PI * draw(seed, 'latency', n, 'angle'));
  const factor = Math.exp(normal * (latency.spread ?? 0.15));
  return median * Math.min(1.33, Math.max(0.85, factor));
}
