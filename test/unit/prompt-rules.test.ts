import { describe, expect, test } from 'vitest';
import { promptSetProblems } from '../../src/shared/prompt-rules.ts';

const prompt = (over: Record<string, unknown> = {}) => ({
  id: 'a',
  name: 'A',
  text: 'Is there an A?',
  ...over,
});
const set = (...prompts: unknown[]) => ({ instructions: 'Look.', prompts });

test.each([
  ['one question', set(prompt())],
  ['the longest id', set(prompt({ id: `a${'-'.repeat(63)}` }))],
  ['an id that begins with a digit', set(prompt({ id: '3-wheelers' }))],
  ['any script', set(prompt({ name: 'గుంత', text: 'రోడ్డుపై గుంత ఉందా?\n\tఅవును 😀' }))],
  ['the longest text', set(prompt({ text: 'x'.repeat(4_000) }))],
  ['fifty questions', set(...Array.from({ length: 50 }, (_, i) => prompt({ id: `q${i}` })))],
  ['a hundred questions', set(...Array.from({ length: 100 }, (_, i) => prompt({ id: `q${i}` })))],
])('%s is sound', (_, given) => {
  expect(promptSetProblems(given)).toEqual([]);
});

describe('is refused, with the field and the remedy', () => {
  test.each<[string, unknown, string, RegExp]>([
    ['nothing', null, '', /must hold the fields/],
    ['a list', [prompt()], '', /must hold the fields/],
    ['no instructions', { prompts: [prompt()] }, 'instructions', /^is missing/],
    ['empty instructions', { instructions: ' \n', prompts: [prompt()] }, 'instructions', /is empty/],
    ['no prompts', { instructions: 'Look.' }, 'prompts', /must be a list/],
    ['prompts by name', { instructions: 'Look.', prompts: { a: prompt() } }, 'prompts', /must be a list/],
    ['an empty list', set(), 'prompts', /holds no question; add one/],
    [
      '101 questions',
      set(...Array.from({ length: 101 }, (_, i) => prompt({ id: `q${i}` }))),
      'prompts',
      /at most 100/,
    ],
    ['a text in place of a question', set('Is there an A?'), 'prompts[0]', /must hold the fields/],
    ['no id', set(prompt({ id: undefined })), 'prompts[0].id', /^is missing/],
    ['a number as id', set(prompt({ id: 7 })), 'prompts[0].id', /^7 must be 1 to 64 lower-case/],
    ['an odd id', set(prompt({ id: 'Pothole!' })), 'prompts[0].id', /^"Pothole!" must be 1 to 64/],
    ['an id with a slash', set(prompt({ id: '../x' })), 'prompts[0].id', /must be 1 to 64/],
    ['an id with a line end', set(prompt({ id: 'a\n' })), 'prompts[0].id', /must be 1 to 64/],
    ['a long id', set(prompt({ id: 'a'.repeat(65) })), 'prompts[0].id', /must be 1 to 64/],
    ['an id that objects have', set(prompt({ id: 'constructor' })), 'prompts[0].id', /reserved/],
    ['an id twice', set(prompt(), prompt({ id: 'b' }), prompt()), 'prompts[2].id', /id of prompts\[0\] too/],
    ['no name', set(prompt({ name: undefined })), 'prompts[0].name', /^is missing/],
    [
      'a long name',
      set(prompt({ name: 'x'.repeat(101) })),
      'prompts[0].name',
      /has 101 characters; at most 100/,
    ],
    ['a name of two lines', set(prompt({ name: 'a\nb' })), 'prompts[0].name', /must be one line/],
    [
      'a name that moves the cursor',
      set(prompt({ name: 'a\u001b[2J' })),
      'prompts[0].name',
      /control character/,
    ],
    ['an empty text', set(prompt({ text: '' })), 'prompts[0].text', /is empty/],
    ['a text that is a list', set(prompt({ text: ['a'] })), 'prompts[0].text', /must be text/],
    [
      'a long text',
      set(prompt({ text: 'x'.repeat(4_001) })),
      'prompts[0].text',
      /has 4001 characters; at most 4000/,
    ],
    ['a C1 control', set(prompt({ text: 'a\u009b2J' })), 'prompts[0].text', /control character/],
    [
      'an unknown field',
      { ...set(prompt()), promts: [] },
      'promts',
      /is unknown here; .* instructions, prompts/,
    ],
    [
      'an unknown field of a question',
      set(prompt({ txt: 'x' })),
      'prompts[0].txt',
      /is unknown here; .* id, name, text/,
    ],
  ])('%s', (_, given, field, problem) => {
    const problems = promptSetProblems(given);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ field, problem: expect.stringMatching(problem) as string });
  });

  test('several problems at once, in their order, none with a control character', () => {
    const given = set(prompt({ id: 'A\u009b', text: '' }), prompt({ name: '\u001b[2J' }));
    const problems = promptSetProblems({ ...given, '\u001b[2J': 1 });
    const fields = ['\uFFFD[2J', 'prompts[0].id', 'prompts[0].text', 'prompts[1].name'];
    expect(problems.map(({ field }) => field)).toEqual(fields);
    expect(JSON.stringify(problems)).not.toMatch(/\p{Cc}/u);
    expect(problems[2]?.value).toBe('""');
  });
});
