import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import type { Config } from '../config.ts';
import { createCodec } from './codec.ts';
import { fingerprintOf, readKeys, type CodecKey } from './keys.ts';

/** File of the converter that hides failures' messages; the workflows' bundle holds it too when there are keys. */
export const FAILURE_CONVERTER = fileURLToPath(
  new URL(`./failure-converter${extname(import.meta.url)}`, import.meta.url),
);

type Keyed = Pick<Config, 'codecKeysFile'>;

/**
 * What a worker and a client of this configuration turn values into payloads with. Reads the keys' file: throws a
 * `SettingError` where that is wrong. Without one, everything is as Temporal's default has it, save that what others
 * encrypted is refused in words.
 */
export function createDataConverter(config: Keyed): DataConverter {
  const keys = keysOf(config);
  return {
    payloadCodecs: [createCodec(keys)],
    ...(keys.length > 0 ? { failureConverterPath: FAILURE_CONVERTER } : {}),
  };
}

/** The keys of a configuration as two processes compare them ({@link fingerprintOf}). */
export const codecFingerprint = (config: Keyed, secret: string): string =>
  fingerprintOf(keysOf(config), secret);

const keysOf = ({ codecKeysFile }: Keyed): CodecKey[] =>
  codecKeysFile === null ? [] : readKeys(codecKeysFile);
