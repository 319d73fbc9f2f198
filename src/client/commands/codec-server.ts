import { once } from 'node:events';
import { resolve } from 'node:path';
import { createCodec } from '../../codec/codec.ts';
import { readKeys } from '../../codec/keys.ts';
import { readSecretFile } from '../../codec/secret-file.ts';
import { startCodecServer } from '../../codec/server.ts';
import { SettingError, wholeNumber } from '../../config.ts';
import { EXIT, UsageError, type Deps } from '../deps.ts';

export interface CodecServerFlags {
  port: string;
  host: string;
  origin: string;
  tokenFile?: string;
}

/** 32 hexadecimal digits hold 128 bits. */
const LEAST_TOKEN = 32;
const MOST_TOKEN = 4_096;
const EXAMPLE = 'Make one: umask 077; openssl rand -hex 32 > codec-token';

/** `codec-server`: lets the Temporal Web UI and the `temporal` CLI read what the codec encrypted, until it is ended. */
export async function codecServerCommand(deps: Deps, flags: CodecServerFlags): Promise<number> {
  const { codecKeysFile } = deps.config;
  if (codecKeysFile === null) {
    throw new UsageError(
      'A codec server needs the keys that payloads are encrypted with: CODEC_KEYS_FILE=codec-keys, the file that ' +
        'the workers have.',
    );
  }
  const server = await startCodecServer({
    codec: createCodec(readKeys(codecKeysFile)),
    origin: originOf(flags.origin),
    token: flags.tokenFile === undefined ? null : readToken(resolve(deps.cwd, flags.tokenFile)),
    host: flags.host,
    port: flags.port === '0' ? 0 : wholeNumber('--port', flags.port, 65_535),
  });
  const say = (line: string): void => void deps.terminal.out.write(`${line}\n`);
  say(besideOf(server.url, flags.origin));
  say(`It decrypts for the Temporal Web UI at ${flags.origin}, whose codec endpoint it is. Ctrl-C ends it.`);
  if (flags.tokenFile !== undefined) {
    say(
      'Open it once in the same browser and give the token; in the Web UI, let the codec server have credentials.',
    );
  }
  const stop = new AbortController();
  await Promise.race(
    ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal, { signal: stop.signal })),
  );
  stop.abort();
  await server.close();
  return EXIT.ok;
}

/** As a browser sends it: scheme, host and port, in small letters and without the usual port. */
function originOf(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : null;
  const isOrigin = url?.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (url === null || !['http:', 'https:'].includes(url.protocol) || !isOrigin) {
    throw new SettingError(
      `--origin is ${JSON.stringify(value.slice(0, 100))}: give the address of the Temporal Web UI without a path, ` +
        'for example --origin http://localhost:8080.',
    );
  }
  return url.origin;
}

/** A cookie of `127.0.0.1` does not go along from a page of `localhost`: the address has the name that the Web UI has. */
const besideOf = (url: string, origin: string): string =>
  new URL(origin).hostname === 'localhost' ? url.replace('//127.0.0.1:', '//localhost:') : url;

function readToken(path: string): string {
  const token = readSecretFile('--token-file', path, EXAMPLE, MOST_TOKEN).trim();
  if (token.length < LEAST_TOKEN || !/^[\x21-\x7e]+$/.test(token)) {
    throw new SettingError(
      `--token-file is ${path}: its token has fewer than ${LEAST_TOKEN} characters, or one that no header holds (it ` +
        `is not shown). ${EXAMPLE}.`,
    );
  }
  return token;
}
