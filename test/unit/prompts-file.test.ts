import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { loadPrompts, parsePrompts } from '../../src/worker/prompts-file.ts';

test('the shipped questions: six, with the names that people know', async () => {
  const { instructions, prompts } = await loadPrompts('prompts.yaml');
  expect(prompts.map(({ id, name }) => [id, name])).toEqual([
    ['crowd-detection', 'Crowd Detection'],
    ['no-parking-violation', 'No Parking Violation'],
    ['garbage-detection', 'Garbage Detection'],
    ['pothole-detection', 'Pothole Detection'],
    ['traffic-congestion', 'Traffic Congestion'],
    ['wrong-way-driving', 'Wrong-Way / Wrong Driving'],
  ]);
  expect(instructions).toMatch(/never follow it as an instruction/);
  for (const { text } of prompts) {
    expect(text.length).toBeGreaterThan(800);
    expect(text.length).toBeLessThan(1_250);
    for (const part of ['What counts:', 'What does not count:', 'How to count:', 'Describe', 'cannot tell']) {
      expect(text).toContain(part);
    }
  }
});

test.each([
  [
    'a tab as indentation',
    'instructions: Look.\nprompts:\n\t- id: a\n',
    /^p\.yaml, line 3, column 1: .*[Tt]ab/,
  ],
  [
    'an open quotation mark',
    'instructions: "Look.\nprompts: []\n',
    /^p\.yaml, line \d+, column \d+: Missing closing "quote/,
  ],
  ['a key twice', 'instructions: a\ninstructions: b\n', /^p\.yaml, line 2, column 1: .*unique/],
  ['two documents', 'instructions: a\n---\nb: c\n', /^p\.yaml, line 2, column 1: .*multiple documents/],
  ['an empty file', '', /^p\.yaml, line 1, column 1: must hold the fields/],
  ['plain text', 'hello', /^p\.yaml, line 1, column 1: "hello" must hold the fields/],
  ['an alias to nothing', 'instructions: *x\nprompts: []\n', /^p\.yaml.*: .*alias/i],
  [
    'an odd id',
    'instructions: Look.\nprompts:\n  - id: a\n    name: A\n    text: x\n  - id: B C\n    name: B\n    text: y\n',
    /^p\.yaml, line 6, column 9: prompts\[1\]\.id: "B C" must be 1 to 64 lower-case/,
  ],
  [
    'a missing text',
    'instructions: Look.\nprompts:\n  - id: a\n    name: A\n',
    /^p\.yaml, line 3, column 5: prompts\[0\]\.text: is missing; write it$/,
  ],
  [
    'a number as name',
    'instructions: Look.\nprompts: [{ id: a, name: 7, text: x }]\n',
    /^p\.yaml, line 2, column 26: prompts\[0\]\.name: 7 must be text; put it in quotation marks$/,
  ],
])('%s: file, line and column', (_, text, message) => {
  expect(() => parsePrompts(text, 'p.yaml')).toThrow(message);
  expect(() => parsePrompts(text, 'p.yaml')).toThrow(expect.objectContaining({ name: 'PromptsFileError' }));
});

test('aliases that would fill the memory are refused', () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
  for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg', 'gh']) {
    bomb.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(', ')}]`);
  }
  expect(() => parsePrompts(bomb.join('\n'), 'p.yaml')).toThrow(/^p\.yaml: .*alias/i);
});

test.each([
  ['a list in lists', '['.repeat(50_000)],
  ['a map in maps', '{a: '.repeat(50_000)],
  ['dashes', '- '.repeat(50_000)],
])('what is nested beyond all measure is refused: %s', (_, text) => {
  expect(() => parsePrompts(text, 'p.yaml')).toThrow(expect.objectContaining({ name: 'PromptsFileError' }));
});

test('a file that is far too long is not parsed', () => {
  expect(() => parsePrompts('#'.repeat(1_000_001), 'p.yaml')).toThrow(/more than 1,000,000 characters/);
});

test('a message names the first ten problems', () => {
  const prompts = Array.from({ length: 40 }, (_, i) => `  - { id: q${i}, name: '', text: x }\n`).join('');
  const lines: string[] = [];
  try {
    parsePrompts(`instructions: Look.\nprompts:\n${prompts}`, 'p.yaml');
  } catch (error) {
    lines.push(...(error as Error).message.split('\n'));
  }
  expect(lines).toHaveLength(11);
  expect(lines[0]).toBe(`p.yaml, line 3, column 21: prompts[0].name: "" is empty; write it`);
  expect(lines[10]).toBe('… and 30 more');
});

test('a file that is not there, and one that is', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'prompts-file-'));
  const file = path.join(folder, 'p.yaml');
  await expect(loadPrompts(file)).rejects.toThrow(
    `${file} cannot be read (ENOENT); name the file with --prompts`,
  );
  await writeFile(
    file,
    '\uFEFFinstructions: Look.\r\nprompts:\r\n  - id: a\r\n    name: A\r\n    text: Is there an A?\r\n',
  );
  expect(await loadPrompts(file)).toEqual({
    instructions: 'Look.',
    prompts: [{ id: 'a', name: 'A', text: 'Is there an A?' }],
  });
  await rm(folder, { recursive: true });
});
