import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

/** A clone of two files, whose `npm` and build are small programs that note each call of theirs in `calls`. */
let clone: string;

beforeEach(() => {
  clone = realpathSync(mkdtempSync(join(tmpdir(), 'setup-')));
  for (const name of ['lib', 'setup', 'start', 'test'])
    cpSync(`scripts/${name}.mjs`, at(`scripts/${name}.mjs`));
  file('package.json', '{ "type": "module" }');
  file('package-lock.json', '{ "packages": { "node_modules/a": { "version": "1.0.0" } } }');
  file('tsconfig.json', '{}');
  file('tsconfig.build.json', '{}');
  file('src/cli.ts', 'console.log(process.argv.slice(2).join());');
  file('bin/npm', `#!/bin/sh\necho npm >> '${at('calls')}'\nsleep 0.3\nmkdir node_modules\n`);
  chmodSync(at('bin/npm'), 0o755);
  file('scripts/build-page.mjs', '');
  file(
    'scripts/build.mjs',
    `import { appendFileSync, cpSync, writeFileSync } from 'node:fs';
     import { buildHash } from './setup.mjs';
     appendFileSync('calls', 'build\\n');
     cpSync('src/cli.ts', 'dist/cli.js');
     writeFileSync('dist/.image-analysis-build', buildHash());`,
  );
});

afterEach(() => rmSync(clone, { recursive: true, force: true }));

const at = (path: string): string => join(clone, path);

function file(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
}

interface Ended {
  code: number | string | null | undefined;
  out: string;
  err: string;
}

function node(...args: string[]): Promise<Ended> {
  const env = { ...process.env, PATH: `${at('bin')}:${process.env['PATH'] ?? ''}` };
  return new Promise((done) => {
    execFile(process.execPath, args, { cwd: clone, env }, (error, out, err) => {
      done({ code: error === null ? 0 : error.code, out, err });
    });
  });
}

const start = (...args: string[]): Promise<Ended> => node('scripts/start.mjs', ...args);

function calls(): string[] {
  return existsSync(at('calls')) ? readFileSync(at('calls'), 'utf8').trim().split('\n') : [];
}

test('the first start sets up and says so beside the output; the second one is silent', async () => {
  const first = await start('run', 'a b');
  expect(first).toMatchObject({ code: 0, out: 'run,a b\n' });
  expect(first.err).toMatch(/^Installing dependencies \(npm ci\) … \d+\.\d s\nBuilding … \d+\.\d s\n$/);
  expect(await start('list')).toEqual({ code: 0, out: 'list\n', err: '' });
  expect(calls()).toEqual(['npm', 'build']);
});

test('only what changed is done again', async () => {
  await start();
  file('src/cli.ts', 'console.log("changed");');
  expect((await start()).out).toBe('changed\n');
  expect(calls()).toEqual(['npm', 'build', 'build']);
  file('package-lock.json', '{ "packages": { "node_modules/a": { "version": "1.0.1" } } }');
  await start();
  expect(calls()).toEqual(['npm', 'build', 'build', 'npm', 'build']);
});

test('what a person installed by hand is taken as it is, when it is what the lockfile asks for', async () => {
  file('node_modules/.package-lock.json', '{ "packages": { "node_modules/a": { "version": "1.0.0" } } }');
  await start();
  expect(calls()).toEqual(['build']);
});

test('starts at the same time set up once', async () => {
  const ends = await Promise.all([start('1'), start('2'), start('3')]);
  expect(ends.map(({ out }) => out)).toEqual(['1\n', '2\n', '3\n']);
  expect(calls()).toEqual(['npm', 'build']);
  expect(readdirSync(at('.image-analysis'))).toEqual([]);
});

test('the lock of a set-up that was killed is passed over', async () => {
  file('.image-analysis/setup.lock', '1\n');
  const minuteAgo = new Date(Date.now() - 60_000);
  utimesSync(at('.image-analysis/setup.lock'), minuteAgo, minuteAgo);
  expect((await start('x')).out).toBe('x\n');
});

test('a set-up that fails says why, keeps nothing, and lets the next one try', async () => {
  const works = readFileSync(at('bin/npm'), 'utf8');
  file('bin/npm', '#!/bin/sh\nmkdir node_modules\necho no network >&2\nexit 1\n');
  const failed = await start();
  expect(failed).toMatchObject({ code: 1, out: '' });
  expect(failed.err).toContain('no network');
  expect(existsSync(at('node_modules'))).toBe(false);
  file('bin/npm', works);
  expect((await start('x')).out).toBe('x\n');
});

test('a Node that is too old is named with the one that is needed', async () => {
  const asked = await node('-e', "import('./scripts/setup.mjs').then((setup) => setup.checkNode('20.18.3'))");
  expect(asked.err).toContain('Node 20.18.3 is too old: image-analysis needs Node 20.19 or later');
});

test('arguments of `npm test` go to vitest alone, and the totals close the output', async () => {
  file(
    'report.json',
    JSON.stringify({
      testResults: [
        { status: 'passed', assertionResults: [{ status: 'passed' }, { status: 'skipped' }] },
        { status: 'failed', assertionResults: [{ status: 'failed' }, { status: 'passed' }] },
        { status: 'failed', assertionResults: [] },
      ],
    }),
  );
  file(
    'bin/npm',
    `#!/bin/sh
     mkdir -p node_modules/vitest
     cp '${at('vitest.mjs')}' node_modules/vitest/`,
  );
  file(
    'vitest.mjs',
    `import { cpSync } from 'node:fs';
     console.log(process.argv.at(-1));
     const target = process.argv.find((arg) => arg.startsWith('--outputFile.json=')).split('=')[1];
     cpSync('report.json', target);`,
  );
  const { code, out } = await node('scripts/test.mjs', 'test/unit/a.test.ts');
  expect(out).toBe('test/unit/a.test.ts\n2 passed, 2 failed, 1 skipped\n');
  expect(code).toBe(1);
  expect(calls()).toEqual([]);
});
