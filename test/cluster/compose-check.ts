import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { readConfig } from '../../src/config.ts';
import { goIn, kept, needed } from './parts.ts';

const run = promisify(execFile);

/** The Go program whose module file pins Compose's own parser. */
const SOURCE = 'test/cluster/compose-check';

/** Most that a download or a project's JSON may print. */
const OUTPUT_BYTES = 16_000_000;

/** A compose file as Docker Compose understands it: as much of it as tests compare. */
const project = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string(),
      environment: z.record(z.string(), z.string().nullable()).nullish(),
      depends_on: z.record(z.string(), z.object({ condition: z.string(), required: z.boolean() })).optional(),
    }),
  ),
});
export type ComposeProject = z.output<typeof project>;

/** Loads a file with these `.env` files. Rejects with what Compose's parser says of a wrong one. */
export type LoadCompose = (file: string, envFiles: readonly string[]) => Promise<ComposeProject>;

/**
 * Compose's own parser (`compose-go`), built once with a Go from PyPI and kept in the program's cache. Throws a
 * `PartMissing` where it cannot be had. Starts no container and asks no engine.
 */
export async function getComposeCheck(say: (line: string) => void): Promise<LoadCompose> {
  const { cacheDir } = readConfig(process.env, process.cwd());
  mkdirSync(cacheDir, { recursive: true });
  const folder = await needed("Compose's parser", () =>
    kept(cacheDir, `compose-check-${hash()}`, (work) => build(work, say)),
  );
  return async (file, envFiles) => {
    // Nothing of this machine's environment: what counts is what stands in the files.
    const { stdout } = await run(join(folder, 'compose-check'), [file, ...envFiles], {
      env: {},
      maxBuffer: OUTPUT_BYTES,
    });
    return project.parse(JSON.parse(stdout));
  };
}

async function build(work: string, say: (line: string) => void): Promise<string> {
  const go = await goIn(join(work, 'python'), say);
  const files = join(work, 'files');
  const source = join(work, 'source');
  cpSync(SOURCE, source, { recursive: true });
  await run(
    go,
    ['build', '-modcacherw', '-trimpath', '-ldflags=-s -w', '-o', join(files, 'compose-check'), '.'],
    {
      cwd: source,
      env: {
        ...process.env,
        GOROOT: join(go, '..', '..'),
        GOTOOLCHAIN: 'local',
        GOPATH: join(work, 'gopath'),
        GOMODCACHE: join(work, 'modules'),
        GOCACHE: join(work, 'build'),
        CGO_ENABLED: '0',
      },
      maxBuffer: OUTPUT_BYTES,
    },
  );
  return files;
}

function hash(): string {
  const sum = createHash('sha256');
  for (const name of readdirSync(SOURCE).sort()) sum.update(readFileSync(join(SOURCE, name)));
  return sum.digest('hex').slice(0, 12);
}
