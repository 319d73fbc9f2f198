import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { ComposeService } from './compose-file.ts';
import type { Program } from './container.ts';
import type { Parts } from './parts.ts';

/** Where a container's own files go, and what it is started with. Arguments, variables and paths are translated. */
export interface Start {
  address: string;
  /** Of the container, empty at first. */
  folder: string;
  env: Record<string, string>;
  entrypoint: readonly string[] | undefined;
  command: readonly string[] | undefined;
  /** The container's path, where it lies here. */
  path(inContainer: string): string;
}

/** An image of the compose file as it is here: the same program, and the paths that the image itself brings. */
interface ImageHere {
  /** In the container, and here; `folder`: the container's own. */
  paths(parts: Parts, folder: string): Record<string, string>;
  /** What the image says for whatever the compose file does not. */
  own?(service: ComposeService): { env: Record<string, string>; command: string[] };
  program(parts: Parts, start: Start): Promise<Program>;
}

/** Images that are pulled and not run here. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'temporalio/ui': 'the Web UI is to be had as an image only; its settings are checked with the file',
  'prom/prometheus': 'the alert rules and panels have a test of their own',
  'grafana/grafana': 'Grafana is to be had as an image only',
};

const execute = promisify(execFile);

/** `nobody` on every Linux: PostgreSQL refuses to run as root. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

const PGDATA = '/var/lib/postgresql/data';

const postgres: ImageHere = {
  paths: () => ({}),
  async program(parts, { address, folder, env, entrypoint, command, path }) {
    if (entrypoint !== undefined) throw new Error('postgresql: an entrypoint of its own is not known here');
    const data = env['PGDATA'] ?? path(PGDATA);
    const { POSTGRES_USER: user = 'postgres', POSTGRES_PASSWORD: password = '' } = env;
    if (password === '') throw new Error('postgresql: its image refuses to start without POSTGRES_PASSWORD');
    // Where nobody else may look is no place for a program that nobody runs.
    const native = isRoot ? join(folder, 'native') : parts.postgres;
    if (isRoot && !existsSync(native))
      cpSync(parts.postgres, native, { recursive: true, verbatimSymlinks: true });
    const uid = isRoot ? NOBODY : undefined;
    const bare = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', HOME: folder };
    if (!existsSync(join(data, 'PG_VERSION'))) {
      mkdirSync(data, { recursive: true });
      const passwordFile = join(folder, 'password');
      writeFileSync(passwordFile, password, { mode: 0o600 });
      if (uid !== undefined) for (const file of [data, passwordFile]) chownSync(file, uid, uid);
      chmodSync(data, 0o700);
      await execute(
        join(native, 'bin', 'initdb'),
        [
          ...['-D', data, '-U', user, '--pwfile', passwordFile, '--encoding=UTF8'],
          ...['--auth-host=scram-sha-256', '--auth-local=scram-sha-256'],
        ],
        { cwd: folder, env: bare, ...(uid === undefined ? {} : { uid, gid: uid }) },
      );
      rmSync(passwordFile);
      // As the image does it: a database of the user's name.
      await singleUser({ native, data, uid, folder }, 'postgres', [
        `CREATE DATABASE "${env['POSTGRES_DB'] ?? user}"`,
      ]);
    }
    const [program = 'postgres', ...more] = command ?? [];
    if (program !== 'postgres') throw new Error(`postgresql: the command ${program} is not known here`);
    const settings = ['-c', `listen_addresses=${address}`, '-c', 'unix_socket_directories='];
    return {
      argv: [join(native, 'bin', 'postgres'), '-D', data, '-p', '5432', ...settings, ...more],
      env: bare,
      cwd: folder,
      uid,
      stopSignal: 'SIGINT',
    };
  },
};

/** A data folder of PostgreSQL, and whose it is. */
export interface DataFolder {
  native: string;
  data: string;
  uid: number | undefined;
  folder: string;
}

/** The data folder of a container that {@link IMAGES} started. */
export const dataFolderOf = (parts: Parts, folder: string, data: string): DataFolder => ({
  native: isRoot ? join(folder, 'native') : parts.postgres,
  data,
  uid: isRoot ? NOBODY : undefined,
  folder,
});

/**
 * Runs statements, one a line, in a database whose server is down, as PostgreSQL's single-user mode does: no client and
 * no password are needed for it.
 */
export async function singleUser(
  { native, data, uid, folder }: DataFolder,
  database: string,
  statements: readonly string[],
): Promise<string> {
  const running = execute(
    join(native, 'bin', 'postgres'),
    ['--single', '-D', data, '-c', 'exit_on_error=true', database],
    {
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
      ...(uid === undefined ? {} : { uid, gid: uid }),
    },
  );
  running.child.stdin?.end(statements.map((statement) => `${statement}\n`).join(''));
  const { stdout, stderr } = await running;
  if (/^.*(ERROR|FATAL):/m.test(stderr)) throw new Error(stderr);
  return stdout;
}

const server: ImageHere = {
  paths: () => ({}),
  async program(parts, { folder, env, entrypoint, command }) {
    if (entrypoint !== undefined || command !== undefined)
      throw new Error('temporal: a command of its own is not known here');
    // As the image's entry point does it when it is told where to listen.
    return {
      argv: [parts.server, 'start'],
      env,
      cwd: folder,
      stopSignal: 'SIGTERM',
    };
  },
};

const adminTools: ImageHere = {
  paths: ({ schema }) => ({ '/etc/temporal/schema': schema }),
  program: async (_, { folder, env, entrypoint, command }) => ({
    argv: argvOf([...(entrypoint ?? []), ...(command ?? [])]),
    env,
    cwd: folder,
    stopSignal: 'SIGTERM',
  }),
};

/** What the Dockerfile says of how a stage's image runs. */
function dockerfile(target: string): { env: Record<string, string>; command: string[] } {
  const text = readFileSync('Dockerfile', 'utf8').replaceAll('\\\n', ' ');
  const stage = text.split(/^FROM /m).find((part) => part.split('\n', 1)[0]?.endsWith(` AS ${target}`));
  if (stage === undefined) throw new Error(`the Dockerfile has no stage ${target}`);
  const [from = ''] = stage.split(' ', 1);
  const below = text.includes(` AS ${from}\n`) ? dockerfile(from) : { env: {}, command: [] };
  if (/^ENTRYPOINT/m.test(stage)) throw new Error('an ENTRYPOINT in the Dockerfile is not known here');
  const set = [...stage.matchAll(/^ENV (.*)$/gm)].flatMap(([, pairs = '']) =>
    pairs.split(/\s+/).map((pair): [string, string] => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
  const command = /^CMD (\[.*\])$/m.exec(stage)?.[1];
  return {
    // Where its programs are is where they are here.
    env: { ...below.env, ...Object.fromEntries(set.filter(([name]) => name !== 'PATH')) },
    command: command === undefined ? below.command : (JSON.parse(command) as string[]),
  };
}

/** What `/app` holds besides the build's own packages. */
const IN_APP = ['dist', 'node_modules', 'package.json', 'prompts.yaml', 'samples'];

const ours: ImageHere = {
  paths(_, folder) {
    const app = join(folder, 'app');
    mkdirSync(app, { recursive: true });
    for (const name of IN_APP) if (!existsSync(join(app, name))) symlinkSync(resolve(name), join(app, name));
    return { '/app': app };
  },
  own: ({ build }) => dockerfile(build?.target ?? ''),
  program: async (_, { env, entrypoint, command, path }) => ({
    argv: argvOf([...(entrypoint ?? []), ...(command ?? [])]),
    env,
    cwd: path('/app'),
    stopSignal: 'SIGTERM',
  }),
};

const gcs: ImageHere = {
  paths: () => ({}),
  program: async (parts, { folder, env, command }) => ({
    argv: [parts.gcs, ...(command ?? [])],
    env,
    cwd: folder,
    stopSignal: 'SIGTERM',
  }),
};

const IMAGES: Readonly<Record<string, ImageHere>> = {
  postgres,
  'temporalio/server': server,
  'temporalio/admin-tools': adminTools,
  'image-analysis': ours,
  'fsouza/fake-gcs-server': gcs,
};

/** How a service's image is run here, or why it is not. Throws for one of which nothing is known. */
export function imageOf({ image }: ComposeService): ImageHere | string {
  const name = image.replace(/:[^:/]*$/, '');
  const found = IMAGES[name] ?? NOT_RUN[name];
  if (found === undefined) throw new Error(`test/cluster/images.ts does not know the image ${image}`);
  return found;
}

function argvOf(words: string[]): [string, ...string[]] {
  const [file, ...args] = words;
  if (file === undefined) throw new Error('neither the compose file nor the image says what to run');
  return [file, ...args];
}
