import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { SettingError } from '../config.ts';

/** Permission bits of those who are neither the owner nor of the group, and the group's right to write. */
const TOO_OPEN = 0o027;

/**
 * The text of a file that holds secrets, which nobody else on this machine may read or change. Throws a
 * {@link SettingError} that names the file, what is wrong with it and the remedy, and never shows what it holds.
 *
 * @param named - How the person gave the path: a setting or a flag.
 * @param example - The remedy where there is no such file.
 * @param mostBytes - Little enough to read whatever file was named by mistake.
 */
export function readSecretFile(named: string, path: string, example: string, mostBytes: number): string {
  const wrong = (what: string): SettingError => new SettingError(`${named} is ${path}: ${what}.`);
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    throw wrong(code === 'ENOENT' ? `there is no such file. ${example}` : `it cannot be read (${code})`);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw wrong('it is no file. Name the file that holds the secrets alone');
    if (process.platform !== 'win32' && (stat.mode & TOO_OPEN) !== 0) {
      throw wrong(`others on this machine may read or change it. Take that from them: chmod 600 ${path}`);
    }
    if (stat.size > mostBytes) throw wrong(`it holds more than ${mostBytes.toLocaleString('en-US')} bytes`);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}
