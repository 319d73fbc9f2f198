import { describe, expect, test } from 'vitest';
import { checkRunInput, MAX_BATCH_SIZE } from '../../src/shared/run-input.ts';

const source = 'gs://city-cameras/2025-11-25/';
const prompt = (n: number) => ({ id: `question-${n}`, name: `Question ${n}`, text: 'What is there?' });
const prompts = (n: number) => ({
  instructions: 'Look at the picture.',
  prompts: Array.from({ length: n }, (_, i) => prompt(i)),
});

describe('sound input', () => {
  test.each<{ what: string; input: unknown }>([
    { what: 'a bucket', input: { source } },
    { what: 'a whole bucket', input: { source: 'gs://city-cameras' } },
    {
      what: 'a prefix with spaces, #, %, quotes and a line break',
      input: { source: 'gs://city-cameras/a b#c%d"e\nf/' },
    },
    { what: 'a folder', input: { source: '/srv/pictures' } },
    { what: 'a folder of Windows', input: { source: 'C:\\pictures' } },
    { what: '50 questions', input: { source, prompts: prompts(50) } },
    { what: 'fields that are not given', input: { source, limit: undefined } },
    {
      what: 'everything',
      input: {
        source,
        results: 'gs://city-results',
        name: '20251126_025312',
        prompts: prompts(1),
        model: 'gpt-4o-2024-08-06',
        detail: 'low',
        batchSize: MAX_BATCH_SIZE,
        concurrency: 1,
        include: ['**/*.jpg'],
        exclude: [],
        limit: 1,
      },
    },
  ])('$what', ({ input }) => {
    expect(checkRunInput(input)).toEqual([]);
  });
});

describe('each problem names the field, what stands there and what would be right', () => {
  test.each<{ field: string; value: unknown; says: RegExp }>([
    { field: 'source', value: '', says: /^"" must be a text: gs:\/\/bucket\/prefix\/ or the absolute path/ },
    { field: 'source', value: 7, says: /^7 must be a text/ },
    { field: 'source', value: null, says: /^null must be a text/ },
    { field: 'source', value: 'pictures', says: /^"pictures" is a relative path.*give the absolute path/ },
    { field: 'source', value: '../pictures', says: /relative path/ },
    { field: 'source', value: '~/pictures', says: /relative path/ },
    {
      field: 'source',
      value: 'gs:/city-cameras/x',
      says: /^"gs:\/city-cameras\/x" is no bucket address: write gs:/,
    },
    { field: 'source', value: 'gs//city-cameras', says: /is no bucket address/ },
    { field: 'source', value: 'GS://city-cameras', says: /is no bucket address/ },
    { field: 'source', value: 'gs://', says: /is no bucket address/ },
    { field: 'source', value: 'gs://City Cameras/', says: /is no bucket address.*small letters/ },
    { field: 'source', value: 's3://city-cameras', says: /is no bucket address/ },
    { field: 'source', value: 'https://storage.googleapis.com/city-cameras', says: /is no bucket address/ },
    { field: 'results', value: 'out', says: /^"out" is a relative path/ },
    { field: 'name', value: 'a/b', says: /^"a\/b" must be letters, digits.*such as 20251126_025312/ },
    { field: 'name', value: '..', says: /must be letters/ },
    { field: 'name', value: 'x'.repeat(65), says: /64 at most/ },
    { field: 'prompts', value: 'prompts.yaml', says: /^"prompts.yaml" must be { instructions, prompts/ },
    { field: 'prompts', value: null, says: /^null must be/ },
    { field: 'model', value: '', says: /^"" must be the name of a model, such as/ },
    { field: 'model', value: 'gpt 4o', says: /^"gpt 4o" must be the name/ },
    { field: 'detail', value: 'medium', says: /^"medium" must be low, high or auto$/ },
    { field: 'batchSize', value: 17, says: /^17 must be a whole number from 1 to 16$/ },
    { field: 'batchSize', value: 0, says: /^0 must be/ },
    { field: 'batchSize', value: '4', says: /^"4" must be a whole number/ },
    { field: 'concurrency', value: 1.5, says: /^1.5 must be a whole number from 1 to 10000$/ },
    { field: 'limit', value: 0, says: /^0 must be a whole number from 1/ },
    { field: 'limit', value: -1, says: /^-1 must be/ },
    { field: 'include', value: '*.jpg', says: /^"\*.jpg" must be a list of globs, such as/ },
    { field: 'exclude', value: [''], says: /^\[""\] must be a list/ },
    {
      field: 'batch_size',
      value: 4,
      says: /^4 stands in what is no field of a run; known are source, .*batchSize/,
    },
    { field: 'constructor', value: 1, says: /is no field of a run/ },
    { field: 'toString', value: 'x', says: /is no field of a run/ },
  ])('$field $value', ({ field, value, says }) => {
    const problems = checkRunInput({ source, [field]: value });
    expect(problems).toEqual([
      { field, value: JSON.stringify(value).slice(0, 80), problem: expect.stringMatching(says) as string },
    ]);
  });

  test('a missing source', () => {
    expect(checkRunInput({})).toEqual([
      {
        field: 'source',
        value: '',
        problem: 'is missing: give gs://bucket/prefix/ or the absolute path of a folder',
      },
    ]);
  });

  test.each([null, undefined, [], 'gs://city-cameras', 4])('an input that is %j', (input) => {
    expect(checkRunInput(input)).toEqual([
      expect.objectContaining({
        field: 'input',
        problem: expect.stringContaining('must be an object such as {"source"') as string,
      }),
    ]);
  });

  test('all of them are named at once, and those of the questions with their place', () => {
    const set = prompts(3);
    const input = { limit: 0, prompts: { ...set, prompts: [...set.prompts, prompt(0)] }, colour: 'red' };
    expect(checkRunInput(input).map((problem) => problem.field)).toEqual([
      'source',
      'limit',
      'colour',
      'prompts.prompts[3].id',
    ]);
  });
});

test('nothing that is given reaches a terminal as a control character or at length', () => {
  const problems = checkRunInput({ source: `\u009b31m${'x'.repeat(1_000)}`, ['\u001b[2J']: '\u0007\u009b' });
  for (const { field, value, problem } of problems) {
    expect(field + value + problem).not.toMatch(/\p{Cc}/u);
    expect(value.length).toBeLessThanOrEqual(81);
  }
  expect(problems).toHaveLength(2);
});
