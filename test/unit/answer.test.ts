import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ANSWER_SCHEMA, judgeReply, pictureCharged, readAnswer } from '../../src/activities/answer.ts';
import type { ModelReply } from '../../src/activities/ports.ts';

const good = { match: true, count: 3, description: 'Three men stand at the gate.' };

describe('readAnswer', () => {
  test.each<[string, string]>([
    ['plain', JSON.stringify(good)],
    ['in a fence', '```json\n' + JSON.stringify(good, null, 2) + '\n```\n'],
    ['in a fence without a name', '```\n' + JSON.stringify(good) + '```'],
    ['with another field', JSON.stringify({ ...good, confidence: 0.9 })],
    ['with space around', `\n  ${JSON.stringify({ ...good, description: `  ${good.description} ` })}  `],
  ])('%s', (_name, text) => {
    expect(readAnswer(text)).toEqual({ ok: true, answer: good });
  });

  test.each<[string, string, RegExp]>([
    ['empty', '', /empty/],
    ['prose', 'I see three men.', /not JSON: I see three men/],
    ['cut off', '{"match": true, "count": 3, "descr', /not JSON/],
    ['null', 'null', /schema/],
    ['list', '[{"match":true}]', /schema/],
    ['match as text', JSON.stringify({ ...good, match: 'yes' }), /match/],
    ['count as text', JSON.stringify({ ...good, count: '3' }), /count/],
    ['negative count', JSON.stringify({ ...good, count: -1 }), /count: must be 0 or more/],
    ['half a count', JSON.stringify({ ...good, count: 2.5 }), /count/],
    ['count beyond reason', '{"match":true,"count":1e9,"description":"x"}', /count: is implausibly large/],
    ['count beyond numbers', '{"match":true,"count":1e400,"description":"x"}', /count/],
    ['no description', JSON.stringify({ match: true, count: 1 }), /description/],
    ['empty description', JSON.stringify({ ...good, description: ' \n ' }), /description: is empty/],
    [
      'description of controls',
      JSON.stringify({ ...good, description: '\u001b[2J\u0000' }),
      /description: is empty/,
    ],
  ])('refuses: %s', (_name, text, problem) => {
    const result = readAnswer(text);
    expect(result).toMatchObject({ ok: false });
    expect('problem' in result ? result.problem : '').toMatch(problem);
  });

  test('takes control characters out and cuts a long description', () => {
    const result = readAnswer(JSON.stringify({ ...good, description: `\u001b[31m${'x'.repeat(5_000)}` }));
    expect(result).toEqual({ ok: true, answer: { ...good, description: `${'x'.repeat(1_999)}…` } });
  });

  test('changes nothing of an answer within bounds, and never throws', () => {
    const answers = fc.record({
      match: fc.boolean(),
      count: fc.integer({ min: 0, max: 1_000_000 }),
      description: fc.stringMatching(/^[a-z][a-z ]{0,50}[a-z]$/),
    });
    fc.assert(
      fc.property(answers, (answer) => {
        expect(readAnswer(JSON.stringify(answer))).toEqual({ ok: true, answer });
      }),
    );
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => typeof readAnswer(text).ok === 'boolean'),
    );
  });
});

test('the schema keeps to what strict mode takes everywhere', () => {
  const { schema } = ANSWER_SCHEMA;
  expect(Object.keys(schema.properties)).toEqual([...schema.required]);
  expect(schema.additionalProperties).toBe(false);
  expect(JSON.stringify(schema)).not.toMatch(/minimum|maximum|Length|pattern|default/);
});

describe('pictureCharged', () => {
  const usage = (inputTokens: number) => ({ inputTokens, cachedTokens: 0, outputTokens: 40, totalTokens: 0 });
  const text = { textChars: 1_650, imageTokens: 1_105, learnedTextTokens: null };
  test.each([
    ['a whole picture', usage(1_500), text, 'yes'],
    ['half of the estimate', usage(300 + 553), text, 'yes'],
    ['text only', usage(410), text, 'no'],
    ['text only, few tokens a character', usage(300), text, 'no'],
    ['more than the text alone can cost', usage(980), { ...text, imageTokens: 2_448 }, 'yes'],
    ['the text alone, beside a large estimate', usage(800), { ...text, imageTokens: 2_448 }, 'no'],
    [
      'an estimate that is far too high teaches nothing',
      usage(980),
      { ...text, imageTokens: 2_448, learnedTextTokens: 980 - 2_448 },
      'yes',
    ],
    ['no usage', null, text, 'unknown'],
    ['no formula', usage(410), { ...text, imageTokens: null }, 'unknown'],
    ['small picture: the bound alone cannot tell', usage(400), { ...text, imageTokens: 85 }, 'yes'],
    ['small picture, text known', usage(400), { ...text, imageTokens: 85, learnedTextTokens: 398 }, 'no'],
    [
      'small picture, text known, charged',
      usage(485),
      { ...text, imageTokens: 85, learnedTextTokens: 400 },
      'yes',
    ],
    [
      'an estimate half too low cancels out',
      usage(2_040),
      { ...text, learnedTextTokens: 2_040 - 1_105 },
      'yes',
    ],
    ['… and so does one too high', usage(800), { ...text, learnedTextTokens: 0, imageTokens: 900 }, 'yes'],
  ] as const)('%s', (_name, used, expected, verdict) => {
    expect(pictureCharged(used, expected)).toBe(verdict);
  });
});

describe('judgeReply', () => {
  const reply: ModelReply = {
    text: JSON.stringify(good),
    refusal: null,
    finish: 'stop',
    usage: { inputTokens: 1_500, cachedTokens: 0, outputTokens: 40, totalTokens: 1_540 },
    model: 'm',
    requestId: 'req_1',
    rate: { limits: {} },
  };
  const expected = { textChars: 1_650, imageTokens: 1_105, learnedTextTokens: null };
  const unseen = { inputTokens: 400, cachedTokens: 0, outputTokens: 40, totalTokens: 440 };
  test.each<[string, Partial<ModelReply>, string]>([
    ['unseen', { usage: unseen }, 'unseen'],
    ['unseen comes before a refusal', { usage: unseen, refusal: 'I cannot see it.' }, 'unseen'],
    ['refusal', { refusal: "I'm sorry, I can't help with that.", text: '' }, 'refused'],
    ['filter', { finish: 'filter', text: '' }, 'filtered'],
    ['cap', { finish: 'length', text: '{"match": tr' }, 'truncated'],
    ['cap, though the text is whole', { finish: 'length' }, 'truncated'],
    ['not JSON', { text: 'Yes.' }, 'invalid'],
  ])('%s', (_name, change, problem) => {
    const result = judgeReply({ ...reply, ...change }, expected);
    expect(result).toMatchObject({ ok: false, problem: { problem, requestId: 'req_1' } });
  });

  test('a good one', () => {
    expect(judgeReply(reply, expected)).toEqual({ ok: true, answer: good });
    expect(judgeReply({ ...reply, usage: null }, expected)).toEqual({ ok: true, answer: good });
  });
});
