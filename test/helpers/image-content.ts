import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import picomatch from 'picomatch';
import { readDockerfile, type Step } from './dockerfile.ts';

const run = promisify(execFile);

/** Most that `npm ci` and the build may print. */
const OUTPUT_BYTES = 16_000_000;

/** Folders of what each image's `/app` holds. */
export interface ImageContent {
  worker: string;
  full: string;
}

/**
 * Builds what the images hold, in an empty folder: the steps of the Dockerfile's stage `build` as they stand there, on
 * the files that `.dockerignore` lets through, with the Node of this process. Base images are not part of it.
 */
export async function buildImageContent(folder: string): Promise<ImageContent> {
  const stage = readDockerfile(readFileSync('Dockerfile', 'utf8')).find(({ name }) => name === 'build');
  if (stage === undefined) throw new Error('the Dockerfile has no stage `build`');
  const paths = { '/app': join(folder, 'app'), '/image': join(folder, 'image') };
  let cwd = folder;
  for (const { does, what } of stage.steps) {
    if (does === 'WORKDIR') mkdirSync((cwd = here(what, paths)), { recursive: true });
    else if (does === 'COPY') copyFromContext(what, cwd);
    else if (does === 'RUN') await shell(here(what, paths), cwd);
    else throw new Error(`the stage \`build\` has a step that is not known here: ${does}`);
  }
  return { worker: join(paths['/image'], 'worker'), full: join(paths['/image'], 'full') };
}

/** Absolute paths of the container, where they lie here. */
const here = (text: string, paths: Record<string, string>): string =>
  text.replace(/(?<=^|\s)\/(?:app|image)(?=[/\s]|$)/g, (path) => paths[path] ?? path);

/** `COPY file… folder`, as it is without flags; a folder's content goes into the target. */
function copyFromContext(what: Step['what'], cwd: string): void {
  const words = what.split(/\s+/);
  const target = words.pop() ?? '';
  for (const source of words) {
    const to = words.length > 1 || target.endsWith('/') ? join(cwd, target, source) : join(cwd, target);
    mkdirSync(dirname(to), { recursive: true });
    cpSync(source, to, { recursive: true, filter: (path) => isSent(path) });
  }
}

/** The patterns of `.dockerignore` that let something through, after the first one that keeps all away. */
const [nothing, ...sent] = readFileSync('.dockerignore', 'utf8').trim().split('\n');
if (nothing !== '*' || sent.some((pattern) => !pattern.startsWith('!')))
  throw new Error('.dockerignore is not a list of what is sent');
const patterns = sent.map((pattern) => pattern.slice(1));

const isSent = (path: string): boolean =>
  patterns.some(
    (pattern) =>
      picomatch.isMatch(path, [pattern, `${pattern}/**`], { dot: true }) || pattern.startsWith(`${path}/`),
  );

async function shell(command: string, cwd: string): Promise<void> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' };
  // The registry and the cache of whoever runs this, and nothing else of theirs.
  const npm = Object.entries(process.env).filter(([name]) =>
    /^(npm_config_(registry|cache|cafile)|NODE_EXTRA_CA_CERTS|https?_proxy)$/i.test(name),
  );
  await run('/bin/sh', ['-c', command], {
    cwd,
    env: { ...env, ...Object.fromEntries(npm) },
    maxBuffer: OUTPUT_BYTES,
  });
}
