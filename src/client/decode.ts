import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';

/** As the server keeps it; of its message a codec leaves nothing but what `encodedAttributes` hold. */
export interface KeptFailure {
  message?: string | null;
  encodedAttributes?: Payload | null;
  cause?: KeptFailure | null;
}

/** The first of an event's payloads, through the client's own converter and codecs. */
export async function decoded<T>(client: Client, payloads: Payload[] | null | undefined): Promise<T> {
  const { payloadConverter, payloadCodecs } = client.options.loadedDataConverter;
  let clear = payloads ?? [];
  for (const codec of payloadCodecs.toReversed()) clear = await codec.decode(clear);
  const [first] = clear;
  if (first === undefined) throw new Error('an event without its payload');
  return payloadConverter.fromPayload<T>(first);
}

/** What a failure says: its cause where it has one. Empty where it says nothing. */
export async function failureSays(client: Client, failure: KeptFailure): Promise<string> {
  const { cause, encodedAttributes, message } = failure;
  if (cause != null) return failureSays(client, cause);
  if (encodedAttributes == null) return message ?? '';
  return (await decoded<{ message?: string }>(client, [encodedAttributes])).message ?? '';
}
