import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ARCHITECTURE, drawArchitecture, withDrawing } from '../../scripts/draw-architecture.ts';
import { EXIT, type Deps } from '../../src/client/deps.ts';
import { runProgram } from '../../src/client/program.ts';
import { SETTINGS } from '../../src/config.ts';
import { checkRunInput } from '../../src/shared/run-input.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const README = read('README.md');
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** What stands in code spans and blocks of shell: where commands are. */
function codeOf(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^ *```sh\n([^]*?)^ *```/gm)].map(([, block = '']) => block);
  const prose = markdown.replace(/^ *```[^]*?^ *```/gm, '');
  const spans = [...prose.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span);
  return [...blocks.flatMap((block) => block.split('\n').map((line) => line.trimStart())), ...spans].map(
    (code) => code.replace(/\s#.*$/, ''),
  );
}

/** The cells of the table under a row of titles, without the row of dashes. */
function tableOf(markdown: string, ...titles: string[]): string[][] {
  const lines = markdown.split('\n');
  const cellsOf = (line = ''): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const head = lines.findIndex((line) => cellsOf(line).join() === titles.join());
  const rows: string[][] = [];
  for (let at = head + 2; lines[at]?.startsWith('|'); at += 1) rows.push(cellsOf(lines[at]));
  return rows;
}

/** What the program says of itself with `--help`. */
async function helpOf(...command: string[]): Promise<string> {
  const stdout = new PassThrough();
  const noDeps = (): Deps => {
    throw new Error('no command runs here');
  };
  await runProgram([...command, '--help'], noDeps, { stdout, stderr: stdout });
  return String(stdout.read());
}

const flagsIn = (help: string): string[] =>
  [...help.matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm)].map(([, flag = '']) => flag);

const programHelp = await helpOf();
const commandNames = [...(programHelp.split('Commands:')[1] ?? '').matchAll(/^ {2}([a-z-]+)/gm)].map(
  ([, name = '']) => name,
);
const flagsOf = new Map([['', flagsIn(programHelp)]]);
for (const name of commandNames) flagsOf.set(name, flagsIn(await helpOf(name)));

describe('commands that the documents name', () => {
  const lines = DOCUMENTS.flatMap((document) => codeOf(read(document)).map((code) => ({ document, code })));

  const own = lines.flatMap(({ document, code }) => {
    const [, rest] =
      /(?:npm start --|^(?:\w+=\S+ )*image-analysis|node dist\/cli\.js) ([^]+)$/.exec(code) ?? [];
    return rest === undefined ? [] : [{ document, code, words: rest.split(/\s+/) }];
  });

  test('are found', () => {
    expect(own.length).toBeGreaterThan(15);
  });

  test.each(own)('$document: $code', ({ words: [name = '', ...args] }) => {
    const known = flagsOf.get(name.startsWith('-') ? '' : name);
    const flags = [name, ...args].filter((word) => word.startsWith('--'));
    expect(known).toEqual(expect.arrayContaining(flags));
  });

  test('are all commands of the program', () => {
    const named = new Set(own.map(({ words }) => words[0]));
    expect(commandNames.length).toBeGreaterThan(8);
    expect(commandNames.filter((name) => !named.has(name))).toEqual([]);
  });

  test('have no option that no command has', () => {
    const alone = codeOf(README).flatMap((code) => /^--[a-z-]+/.exec(code) ?? []);
    expect(alone.length).toBeGreaterThan(5);
    expect(alone.filter((flag) => ![...flagsOf.values()].flat().includes(flag))).toEqual([]);
  });

  test('are scripts of package.json where they are npm’s', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const run = lines.flatMap(({ code }) => [...code.matchAll(/\bnpm (?:run )?([a-z:]+)/g)]);
    expect(run.length).toBeGreaterThan(10);
    expect(run.map(([, name = '']) => name).filter((name) => name !== 'ci' && !(name in scripts))).toEqual(
      [],
    );
  });

  test('are scripts that are there where tsx runs them', () => {
    const paths = lines.flatMap(({ code }) => /npx tsx .*?(scripts\/[\w-]+\.ts)/.exec(code)?.[1] ?? []);
    expect(paths.length).toBeGreaterThan(2);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test('start a workflow with an input that it takes', () => {
    const inputs = lines.flatMap(({ code }) => /--input '(.+)'/.exec(code)?.[1] ?? []);
    expect(inputs).toHaveLength(2);
    expect(inputs.flatMap((input) => checkRunInput(JSON.parse(input)))).toEqual([]);
  });
});

describe('tables of the README', () => {
  test('settings are those that are read', () => {
    const rows = tableOf(README, 'setting', 'what', 'default');
    const plain = rows.map(([name = '', what, value = '']) => [bare(name), what, bare(value)]);
    const shown = SETTINGS.filter((setting) => !('internal' in setting));
    expect(plain).toEqual(shown.map((setting) => [setting.name, setting.what, setting.default]));
  });

  test('exit statuses are those of the program', () => {
    const rows = tableOf(README, 'exit status', 'of `run` and `resume`');
    expect(rows.map(([status]) => Number(status))).toEqual(Object.values(EXIT));
  });
});

const bare = (cell: string): string => /^`([^`]*)`$/.exec(cell)?.[1] ?? cell;

describe('links', () => {
  const links = DOCUMENTS.flatMap((document) =>
    [...read(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => ({ document, link })),
  ).filter(({ link }) => !/^https?:/.test(link));

  test.each(links)('$document: $link', ({ document, link }) => {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? document : join(dirname(document), path);
    expect(existsSync(join(ROOT, target))).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(read(target))).toContain(anchor);
  });
});

/** Anchors as GitHub makes them of headings. */
const anchorsOf = (markdown: string): string[] =>
  [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );

test('the architecture is drawn as it is: npx tsx scripts/draw-architecture.ts', () => {
  const document = readFileSync(ARCHITECTURE, 'utf8');
  expect(document).toBe(withDrawing(document, drawArchitecture(join(ROOT, 'src'))));
});
