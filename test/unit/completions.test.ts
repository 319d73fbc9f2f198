import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHere } from '../helpers/program.ts';
import { planOf } from './client-data.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'completions-'));
  for (const run of ['20261124_100000', '20261125_100000', 'first']) {
    mkdirSync(join(folder, 'results', run), { recursive: true });
    writeFileSync(join(folder, 'results', run, 'run.json'), JSON.stringify(planOf({ run })));
  }
  mkdirSync(join(folder, 'elsewhere', 'other'), { recursive: true });
  mkdirSync(join(folder, 'results', '$(touch owned)'));
  mkdirSync(join(folder, 'pictures'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What a shell is offered; the last line of the answer, `:4`, says that files are not meant. */
async function offered(...words: string[]): Promise<{ values: string[]; files: boolean }> {
  const { out, status } = await runHere(folder, ['complete', '--', ...words]);
  expect(status).toBe(0);
  const lines = out.trimEnd().split('\n');
  return {
    files: lines.at(-1) === ':0',
    values: lines.slice(0, -1).map((line) => line.split('\t')[0] ?? ''),
  };
}

const RUNS = ['first', '20261125_100000', '20261124_100000'];

describe('what completes a word', () => {
  test.each<[string[], string[]]>([
    [['re'], ['resume', 'retry-failed', 'results']],
    [['comp'], ['completion']],
    [['status', ''], RUNS],
    [
      ['status', '2026'],
      ['20261125_100000', '20261124_100000'],
    ],
    [['status', '--json', 'f'], ['first']],
    [['status', 'first', ''], []],
    [['status', '--w'], ['--watch']],
    [['results', 'reb'], ['rebuild']],
    [['results', 'rebuild', 'fi'], ['first']],
    [
      ['results', '--format', ''],
      ['json', 'ndjson', 'csv', 'html'],
    ],
    [['results', '--format', 'n'], ['ndjson']],
    [['results', '--format=n'], ['ndjson']],
    [['results', '--format', '=', 'n'], ['ndjson']],
    [
      ['results', '--format', '='],
      ['json', 'ndjson', 'csv', 'html'],
    ],
    [['results', '--format', 'csv', 'fi'], ['first']],
    [
      ['results', '--results', 'elsewhere', ''],
      ['rebuild', 'other'],
    ],
    [['results', '--results', 'nowhere', 'x'], []],
    [
      ['run', 'pictures', '--detail', ''],
      ['low', 'high', 'auto'],
    ],
    [['run', 'pictures', '--limits', ''], ['auto']],
    [['run', 'pictures', '--priority', ''], []],
    [
      ['cache', ''],
      ['stats', 'prune'],
    ],
    [['limits', ''], []],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish', 'powershell'],
    ],
    [['engi'], []],
    [['nothing', ''], []],
  ])('%j: %j', async (words, values) => {
    const found = await offered(...words);
    expect({ ...found, values: found.values.toSorted() }).toEqual({
      values: values.toSorted(),
      files: false,
    });
  });

  test.each([
    [['run', '']],
    [['run', 'pic']],
    [['ask', 'pictures/']],
    [['run', 'pictures', '--prompts', 'p']],
    [['results', '--output', '']],
    [['list', '--results', '']],
  ])('%j is a path, which the shell knows best', async (words) => {
    expect(await offered(...words)).toEqual({ values: [], files: true });
  });

  test('commands and options come with what they do', async () => {
    const { out } = await runHere(folder, ['complete', '--', 'stat']);
    expect(out).toBe('status\thow a run stands, with or without a worker\n:4\n');
  });

  test('wrong settings spoil no more than the names of runs', async () => {
    const { out, err, status } = await runHere(folder, ['complete', '--', 'pau'], { LIMITS: 'x' });
    expect({ out, err, status }).toMatchObject({ err: '', status: 0 });
    expect(out).toMatch(/^pause\t/);
    expect((await runHere(folder, ['complete', '--', 'status', ''], { LIMITS: 'x' })).out).toBe(':4\n');
  });
});

describe('in bash', () => {
  /** What bash puts in the place of the last word of a line, with our script really sourced. */
  async function inBash(...words: string[]): Promise<string[]> {
    const { out: script } = await runHere(folder, ['completion', 'bash']);
    writeFileSync(join(folder, 'completion.bash'), script);
    const program = join(folder, 'image-analysis');
    const answers = await Promise.all([words].map((typed) => runHere(folder, ['complete', '--', ...typed])));
    writeFileSync(join(folder, 'answer'), answers[0]?.out ?? '');
    // Stands for the program: notes what it is asked, and gives the answer that the program gave.
    writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' "$@" > '${folder}/asked'\ncat '${folder}/answer'\n`, {
      mode: 0o755,
    });
    const line = `. '${folder}/completion.bash'
complete -p image-analysis >&2
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_image_analysis
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = await promisify(execFile)(
      'bash',
      ['--norc', '-c', line, 'bash', program, ...words],
      { cwd: folder },
    );
    expect(stderr).toContain('-o bashdefault -o default -F _image_analysis image-analysis');
    expect(
      (await promisify(execFile)('cat', [join(folder, 'asked')])).stdout.split('\n').slice(2, -1),
    ).toEqual(words);
    return stdout.split('\n').slice(0, -1);
  }

  test('commands, options and runs are completed', async () => {
    expect(await inBash('res')).toEqual(['resume', 'results']);
    expect(await inBash('status', '--wa')).toEqual(['--watch']);
    expect(await inBash('status', '20261125')).toEqual(['20261125_100000']);
  });

  test('nothing that stands on the line or in a folder’s name is run', async () => {
    expect(await inBash('status', '$(touch owned)', '--js')).toEqual(['--json']);
    expect(await inBash('status', '$')).toEqual(['']);
    await expect(promisify(execFile)('ls', [join(folder, 'owned')])).rejects.toThrow();
  });
});

test.each(['zsh', 'fish', 'powershell'])('there is a script for %s', async (shell) => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...['--import', 'tsx', 'src/cli.ts', 'completion', shell],
  ]);
  expect(stdout).toMatch(/image-analysis complete|complete --/);
});

test('another shell is refused with those that there are', async () => {
  const { status, err } = await runHere(folder, ['completion', 'tcsh']);
  expect(status).toBe(2);
  expect(err).toMatch(/Allowed choices are bash, zsh, fish, powershell/);
});
