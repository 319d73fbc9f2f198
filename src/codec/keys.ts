import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { SettingError } from '../config.ts';
import { readSecretFile } from './secret-file.ts';

/** One key of AES-256. A `KeyObject` shows nothing of itself, neither in a log nor as JSON. */
export interface CodecKey {
  /** Stands in clear beside whatever it encrypts. */
  id: string;
  key: KeyObject;
}

const KEY_BYTES = 32;
const MOST_BYTES = 64_000;
/** Short: it goes along with every payload, and a summary has 400 bytes for all. */
const ID = /^[A-Za-z0-9._-]{1,32}$/;

const EXAMPLE = 'Make one: umask 077; echo "key-1:$(openssl rand -base64 32)" > codec-keys';

/**
 * The keys of `CODEC_KEYS_FILE`: lines `id:base64 of 32 bytes`, of which the first one encrypts and all decrypt. Empty
 * lines and those that begin with `#` say nothing. Throws a {@link SettingError} that names file and line, and shows no
 * part of a line: in a wrong one the key may stand anywhere.
 */
export function readKeys(path: string): CodecKey[] {
  const wrong = (what: string): SettingError =>
    new SettingError(`CODEC_KEYS_FILE is ${path}: ${what} (its contents are not shown).`);
  const keys: CodecKey[] = [];
  const lines = readSecretFile('CODEC_KEYS_FILE', path, EXAMPLE, MOST_BYTES).split('\n');
  for (const [at, line] of lines.entries()) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const [id = '', base64 = '', ...rest] = text.split(':').map((part) => part.trim());
    if (rest.length > 0 || !ID.test(id) || !isBase64Key(base64)) {
      throw wrong(
        `line ${at + 1} is no key. Give id:key, the id of 1 to 32 letters, digits, dots, dashes or underscores, ` +
          'the key of 32 bytes in base64, as `openssl rand -base64 32` makes it',
      );
    }
    if (keys.some((key) => key.id === id)) throw wrong(`line ${at + 1} has the id of a line before it`);
    keys.push({ id, key: createSecretKey(base64, 'base64') });
  }
  if (keys.length === 0) throw wrong(`it holds no key. ${EXAMPLE}`);
  return keys;
}

/** Exactly: Node's own reader takes whatever looks a little like it, and would make a weaker key of a typing mistake. */
const isBase64Key = (text: string): boolean =>
  /^[A-Za-z0-9+/]{43}=$/.test(text) && Buffer.from(text, 'base64').length === KEY_BYTES;

/**
 * Says of two processes whether they have the same keys in the same order, to whoever knows `secret`, and nothing else.
 * The empty text where there are none.
 */
export function fingerprintOf(keys: readonly CodecKey[], secret: string): string {
  if (keys.length === 0) return '';
  const hmac = createHmac('sha256', secret);
  for (const { id, key } of keys) hmac.update(`${id}:`).update(key.export());
  return hmac.digest('hex');
}
