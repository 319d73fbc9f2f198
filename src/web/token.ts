import { open } from 'node:fs/promises';
import { SettingError } from '../config.ts';

/** 32 hexadecimal digits hold 128 bits. */
const LEAST_TOKEN = 32;
/** Longer than any token, and little enough to read whatever file was named by mistake. */
const MOST_BYTES = 4_096;
/** Permission bits of those who are neither the owner nor of the group, and the group's right to write. */
const TOO_OPEN = 0o027;

const EXAMPLE = 'Make one: umask 077; openssl rand -hex 32 > page-token';

/**
 * The token of `PAGE_TOKEN_FILE`, without the line's end. Throws a {@link SettingError} that names the file and what is
 * wrong with it, and never shows what it holds.
 */
export async function readToken(path: string): Promise<string> {
  const wrong = (what: string): SettingError => new SettingError(`PAGE_TOKEN_FILE is ${path}: ${what}.`);
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw wrong(
      error.code === 'ENOENT'
        ? `there is no such file. ${EXAMPLE}`
        : `it cannot be read (${error.code ?? ''})`,
    );
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw wrong('it is no file. Name the file that holds the token alone');
    if (process.platform !== 'win32' && (stat.mode & TOO_OPEN) !== 0) {
      throw wrong(`others on this machine may read or change it. Take that from them: chmod 600 ${path}`);
    }
    if (stat.size > MOST_BYTES) throw wrong('it holds more than a token');
    const token = (await file.readFile('utf8')).trim();
    if (token.length < LEAST_TOKEN) {
      throw wrong(
        `its token has fewer than ${String(LEAST_TOKEN)} characters, which can be guessed. ${EXAMPLE}`,
      );
    }
    if (!/^[\x21-\x7e]+$/.test(token))
      throw wrong('its token holds a space or a character that is not ASCII');
    return token;
  } finally {
    await file.close();
  }
}
