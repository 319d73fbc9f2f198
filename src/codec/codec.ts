import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { CodecKey } from './keys.ts';

/** A payload that cannot be read. The message names the key's id and the remedy, and nothing of the payload. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
}

/** Names in the metadata, which stays clear; those of Temporal's own samples. */
const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';

/** First byte of the data: version, nonce, ciphertext, tag. */
const VERSION = 1;
/** NIST SP 800-38D: a random nonce of 96 bits is good for 2^32 payloads a key. */
const NONCE = 12;
const TAG = 16;
const CIPHER = 'aes-256-gcm';

const encoding = Buffer.from(ENCODING);
const { Payload: Proto } = proto.temporal.api.common.v1;

/**
 * Encrypts whole payloads, with their own metadata, by AES-256-GCM under the first key, and decrypts those of every
 * key. Without a key it encrypts nothing. Payloads that are not encrypted pass: histories begun before the keys, and
 * what a person starts by the plain `temporal` CLI. Which payloads there are, how large, in which order and how many
 * stays visible. Rejects with a {@link CodecError} what it has no key for, and what was changed.
 */
export function createCodec(keys: readonly CodecKey[]): PayloadCodec {
  const [first] = keys;
  const byId = new Map(keys.map(({ id, key }) => [id, key]));
  return {
    encode: async (payloads) =>
      first === undefined ? payloads : payloads.map((payload) => encrypt(payload, first)),
    decode: async (payloads) =>
      payloads.map((payload) => (isEncrypted(payload) ? decrypt(payload, byId) : payload)),
  };
}

const isEncrypted = ({ metadata }: Payload): boolean => encoding.equals(metadata?.['encoding'] ?? EMPTY);
const EMPTY = new Uint8Array();

/** What stands in clear is bound to the ciphertext: neither can be exchanged. */
const boundTo = (id: string): Buffer => Buffer.from(`${ENCODING}\0${VERSION}\0${id}`);

function encrypt(payload: Payload, { id, key }: CodecKey): Payload {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG }).setAAD(boundTo(id));
  const text = cipher.update(Proto.encode(payload).finish());
  return {
    metadata: { encoding, [KEY_ID]: Buffer.from(id) },
    data: Buffer.concat([Buffer.of(VERSION), nonce, text, cipher.final(), cipher.getAuthTag()]),
  };
}

function decrypt({ metadata, data }: Payload, keys: ReadonlyMap<string, KeyObject>): Payload {
  const id = Buffer.from(metadata?.[KEY_ID] ?? EMPTY).toString();
  // Whatever came over the wire is shown escaped and short.
  const shown = JSON.stringify(id.slice(0, 64));
  const key = keys.get(id);
  if (key === undefined) {
    throw new CodecError(
      `A payload is encrypted with the key ${shown}, which this process does not have. Add the line of that key to ` +
        'the file that CODEC_KEYS_FILE names, here and wherever a worker or a command starts.',
    );
  }
  const bytes = Buffer.from(data ?? EMPTY);
  if (bytes.length < 1 + NONCE + TAG) throw damaged(shown);
  if (bytes[0] !== VERSION) {
    throw new CodecError(
      `A payload of the key ${shown} has the form ${bytes[0] ?? 0}, of which this version of the program knows ` +
        `nothing: it knows form ${VERSION}. Use the version that wrote it, or a newer one.`,
    );
  }
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(1, 1 + NONCE), { authTagLength: TAG })
    .setAAD(boundTo(id))
    .setAuthTag(bytes.subarray(-TAG));
  const text = decipher.update(bytes.subarray(1 + NONCE, -TAG));
  try {
    decipher.final();
  } catch {
    throw damaged(shown);
  }
  return Proto.decode(text);
}

const damaged = (shown: string): CodecError =>
  new CodecError(
    `A payload does not open with the key ${shown}: it was changed, or another key bears that id where it was ` +
      'encrypted. Compare the line of that key in the files that CODEC_KEYS_FILE names.',
  );
