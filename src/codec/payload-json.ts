import type { Payload } from '@temporalio/common';
import { z } from 'zod';

/** A body that is not what Temporal's codec protocol says. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
}

/** Both alphabets of base64 that the JSON of protocol buffers allows. Looked at for strange characters only: linear. */
const base64 = z.string().refine((text) => !/[^\w+/=-]/.test(text));
const body = z.object({
  payloads: z.array(z.object({ metadata: z.record(z.string(), base64).nullish(), data: base64.nullish() })),
});

/**
 * Payloads of a codec server's request: `{"payloads": [{"metadata": {"encoding": base64}, "data": base64}]}`. Throws a
 * {@link BodyError} that repeats nothing of it.
 */
export function readPayloads(text: string): Payload[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new BodyError('The body is no JSON.');
  }
  const parsed = body.safeParse(json);
  if (!parsed.success) {
    throw new BodyError(
      'Send {"payloads": [{"metadata": {"encoding": …}, "data": …}]}, each value in base64.',
    );
  }
  return parsed.data.payloads.map(({ metadata, data }) => ({
    metadata: mapped(metadata ?? {}, (value) => Buffer.from(value, 'base64')),
    data: Buffer.from(data ?? '', 'base64'),
  }));
}

/** The answer to it, to be sent as JSON. */
export function writePayloads(payloads: Payload[]): {
  payloads: { metadata: Record<string, string>; data: string }[];
} {
  return {
    payloads: payloads.map(({ metadata, data }) => ({
      metadata: mapped(metadata ?? {}, toBase64),
      data: toBase64(data ?? new Uint8Array()),
    })),
  };
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const mapped = <A, B>(record: Record<string, A>, change: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
