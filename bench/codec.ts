import { createSecretKey, randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import protocol from '@temporalio/proto';
import { createCodec } from '../src/codec/codec.ts';

/** `npx tsx bench/codec.ts`: bytes and CPU time that encryption adds to a payload, by its size. */
const codec = createCodec([{ id: '2026-11', key: createSecretKey(randomBytes(32)) }]);
const none = createCodec([]);

const bytesOf = (payload: Payload): number =>
  protocol.temporal.api.common.v1.Payload.encode(payload).finish().length;

/** Microseconds of CPU for encoding and decoding one payload. */
async function measure(by: typeof codec, payload: Payload, rounds: number): Promise<number> {
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) await by.decode(await by.encode([payload]));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / rounds;
}

console.log('payload         bytes   encrypted   CPU µs there and back, with keys / without');
for (const [what, length] of [
  ['a summary', 60],
  ['an answer', 700],
  ['a batch', 20_000],
  ['the largest', 2_000_000],
] as const) {
  const payload = defaultPayloadConverter.toPayload('x'.repeat(length));
  const [hidden = {}] = await codec.encode([payload]);
  const rounds = Math.max(30, Math.min(20_000, Math.round(20_000_000 / length)));
  await measure(codec, payload, rounds / 10);
  const [keyed, plain] = [await measure(codec, payload, rounds), await measure(none, payload, rounds)];
  const cells = [bytesOf(payload), bytesOf(hidden)].map((count) => String(count).padStart(9));
  console.log(`${what.padEnd(12)}${cells.join('   ')}   ${keyed.toFixed(1)} / ${plain.toFixed(2)}`);
}
