import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { readAnswer } from '../../src/activities/answer.ts';
import { parseDuration, statedWaitMs } from '../../src/activities/durations.ts';
import { decisionFor } from '../../src/activities/failure-table.ts';
import { inspectPicture } from '../../src/activities/picture.ts';
import { ageMs } from '../../src/client/age.ts';
import { readKeys } from '../../src/codec/keys.ts';
import { readPayloads, writePayloads } from '../../src/codec/payload-json.ts';
import { address, environmentOf, limitSettings, limitsText, readConfig, SETTINGS } from '../../src/config.ts';
import { cutToBytes, jsonBytes } from '../../src/shared/cut.ts';
import { imageTokens } from '../../src/shared/image-tokens.ts';
import { compareNatural } from '../../src/shared/natural-order.ts';
import { placeInName } from '../../src/shared/picture-name.ts';
import { formatQuery, parseQuery } from '../../src/shared/picture-query.ts';
import { promptSetProblems } from '../../src/shared/prompt-rules.ts';
import { plain, printableJson, redact } from '../../src/shared/redact.ts';
import { checkRunInput } from '../../src/shared/run-input.ts';
import { createGuard } from '../../src/web/guard.ts';
import { parseGcsPlace } from '../../src/worker/adapters/gcs.ts';
import { createObjectFilter } from '../../src/worker/adapters/object-filter.ts';
import { readChat } from '../../src/worker/adapters/openai-chat.ts';
import { apiError, keepErrorBody } from '../../src/worker/adapters/openai-errors.ts';
import { readResponse } from '../../src/worker/adapters/openai-responses.ts';
import { readRateHeaders } from '../../src/worker/adapters/rate-headers.ts';
import { checkStorePath } from '../../src/worker/adapters/store-path.ts';
import { unseal } from '../../src/worker/adapters/stored-answer.ts';
import { parsePrompts } from '../../src/worker/prompts-file.ts';

/** Any text, and texts of the characters that parsers look for. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({
    unit: fc.constantFrom(...'0123456789.,:;-_/\\=&?%#*+!@~^$|()[]{}<>"\'` \n\tesmhdxkTZ'),
    maxLength: 300,
  }),
);

/** What a header may hold: `fetch` lets nothing else through. */
const headerValue = fc.string({
  unit: fc.constantFrom(...'0123456789.,-+ msdhTZ:GMTue'),
  maxLength: 60,
});

/** Gives what the parser gives; `null` where it throws its own error. Any other error fails the test. */
function orOwn<T>(name: string, parse: () => T): T | null {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Error && error.name === name) return null;
    throw error;
  }
}

const folder = mkdtempSync(path.join(tmpdir(), 'fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));
const keysFile = path.join(folder, 'keys');

const readHeaders = (value: string) =>
  readRateHeaders(
    new Headers(
      [
        'limit-requests',
        'limit-tokens',
        'remaining-requests',
        'remaining-project-tokens',
        'reset-requests',
        'reset-tokens',
      ].map((name) => [`x-ratelimit-${name}`, value.replace(/[^\t -~]/g, '?')]),
    ),
  );

const same = (shown: string): string => shown;
const errorOf = (message: string) => apiError({ message }, 400, new Headers(), same);

/** Every parser of a text, and the only error that it may throw; empty: it throws none. */
const PARSERS: [name: string, own: string, parse: (given: string) => unknown][] = [
  ['rate headers', '', readHeaders],
  ['a duration', '', parseDuration],
  ['a stated wait', '', (given) => statedWaitMs({ 'retry-after': given, date: given }, given, 0)],
  ['what an error text asks for', '', (given) => decisionFor(errorOf(redact(given)))],
  ['a text to be shown', '', (given) => plain(given, 1_000)],
  ['a text to be redacted', '', (given) => redact(given, ['canary-secret'], 1_000)],
  ['JSON to be shown', '', (given) => printableJson(JSON.stringify(given))],
  ['an answer', '', readAnswer],
  ['an answer in a fence', '', (given) => readAnswer(`\`\`\`json${given}\`\`\`x`)],
  ['a file of prompts', 'PromptsFileError', (given) => parsePrompts(given, 'p.yaml')],
  [
    'a prompt',
    'PromptsFileError',
    (given) => parsePrompts(`instructions: ${given}\nprompts:\n  - ${given}`, 'p'),
  ],
  ['a name of a picture', '', placeInName],
  ['two names to be ordered', '', (given) => compareNatural(given, `${given}1`)],
  [
    'a query of pictures',
    'PictureQueryError',
    (given) => parseQuery(new URLSearchParams({ day: given, text: given })),
  ],
  ['an address of a bucket', '', (given) => parseGcsPlace(`gs://city/${given}`)],
  ['a path in a store', 'StoreError', (given) => checkStorePath('/results', given)],
  [
    'a name against globs',
    'SourceError',
    (given) => createObjectFilter({ include: ['**/*.jpg', 'cam-*/*_*'], exclude: [] })(given),
  ],
  ['limits', 'SettingError', (given) => limitSettings('LIMITS', given)],
  ['an address of a server', 'SettingError', (given) => address(given)],
  ['an age', 'UsageError', ageMs],
  ['payloads', 'BodyError', (given) => readPayloads(given)],
  [
    'a run’s input',
    '',
    (given) => checkRunInput({ source: given, notify: given, include: [given], [given]: 1 }),
  ],
  [
    'prompts of a run’s input',
    '',
    (given) => promptSetProblems({ instructions: given, prompts: [{ id: given, [given]: given }] }),
  ],
  ['a text to be cut', '', (given) => cutToBytes(given, 240)],
  [
    'headers of the page',
    '',
    (given) =>
      createGuard({ host: '127.0.0.1', pageUrl: null, signedIn: null })({
        method: 'GET',
        target: `/${given}`,
        headers: { host: given, origin: given, cookie: given },
      }),
  ],
];

/** Short texts that, many times over, are what badly made patterns take for ever on. */
const BAITS = [
  ...'a0_-. \n\t/"\'`{[(&%=?<*+~:;#@!|\\',
  'http://a?',
  'https://a',
  'http://a?X-Goog-',
  'X-Goog-',
  '-eyJ',
  'eyJhbGciOi.',
  'data:',
  'Bearer ',
  '-----BEGIN A-----',
  'authorization: ',
  '1s',
  '1m0.5s',
  'retry in 1s ',
  'try again in ',
  'exceeded your current quota ',
  'Request too large Limit ',
  '<title>',
  '\u001b[',
  '\u001b]',
  '\u009b0',
  '\ud800',
  '😀',
  '- ',
  'a: ',
  '{a: ',
  '&a ',
  '*a ',
  '!!a ',
  '? ',
  '20251125_',
  '20251125_112143',
  '../',
  '```',
];

describe('a hundred thousand characters', () => {
  test.each(PARSERS)(
    'are read in no time: %s',
    (_name, own, parse) => {
      const slow: string[] = [];
      for (const bait of BAITS) {
        const given = `${bait.repeat(Math.ceil(100_000 / bait.length))}x`;
        // Of the processor's time, so that a machine that is busy with other things is not taken for a slow pattern.
        const before = process.cpuUsage();
        orOwn(own, () => parse(given));
        const { user } = process.cpuUsage(before);
        if (user > 1_500_000) slow.push(`${JSON.stringify(bait)}: ${Math.round(user / 1000)} ms`);
      }
      expect(slow).toEqual([]);
    },
    120_000,
  );
});

describe('any text', () => {
  test.each(PARSERS)('gives a result or the parser’s own error: %s', (_name, own, parse) => {
    fc.assert(fc.property(text, (given) => void orOwn(own, () => parse(given))));
  });
});

describe('numbers from headers', () => {
  test('are whole, finite and never below zero', () => {
    fc.assert(
      fc.property(headerValue, (value) => {
        const { limits, ...rest } = readHeaders(value);
        for (const n of [...Object.values(limits), ...Object.values(rest)]) {
          expect(Number.isFinite(n) && n >= 0).toBe(true);
        }
        const wait = statedWaitMs({ 'retry-after': value, 'retry-after-ms': value }, value, 0);
        expect(wait === null || (Number.isSafeInteger(wait) && wait > 0)).toBe(true);
      }),
    );
  });
});

describe('an error of any form', () => {
  test('becomes one of ours, short, with a decision, and without a canary', async () => {
    const headers = new Headers({ 'x-request-id': 'sk-canary-0123456789' });
    const bodies = fc.oneof(
      fc.jsonValue({ maxDepth: 4 }),
      fc.record({
        error: fc.jsonValue(),
        code: fc.jsonValue(),
        message: fc.jsonValue(),
        detail: fc.jsonValue(),
      }),
    );
    await fc.assert(
      fc.asyncProperty(bodies, fc.integer({ min: 400, max: 599 }), async (body, status) => {
        const response = await keepErrorBody(() => Promise.resolve(Response.json(body, { status })))(
          'http://x',
        );
        const read: unknown = JSON.parse(await response.text());
        const error = apiError(
          typeof read === 'object' && read !== null && 'error' in read ? read.error : read,
          status,
          headers,
          (shown) => redact(shown),
        );
        expect(error.message.length).toBeLessThanOrEqual(1_000);
        expect(JSON.stringify(error)).not.toContain('canary');
        expect(decisionFor(error).do).toMatch(/./);
      }),
    );
  });
});

describe('what a model’s server says', () => {
  const forms = fc.oneof(
    fc.jsonValue({ maxDepth: 5 }),
    fc.record({
      output: fc.array(fc.record({ content: fc.jsonValue() })),
      status: fc.jsonValue(),
      usage: fc.jsonValue(),
      model: fc.jsonValue(),
    }),
    fc.record({
      choices: fc.array(fc.record({ message: fc.jsonValue(), finish_reason: fc.jsonValue() })),
      usage: fc.jsonValue(),
    }),
  );

  test('is a message or a reason why it is none', () => {
    fc.assert(
      fc.property(forms, (body) => {
        for (const read of [readResponse(body), readChat(body)]) {
          if (typeof read === 'string') expect(read).not.toBe('');
          else expect(typeof read.text).toBe('string');
        }
      }),
    );
  });

  test('is an answer of three bounded fields, or a problem in a few words', () => {
    const fields = fc.record({ match: fc.boolean(), count: fc.nat(), description: text });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fields.map((value) => JSON.stringify(value)),
          text,
        ),
        (given) => {
          const read = readAnswer(given);
          if (!read.ok) {
            expect(read.problem.length).toBeLessThanOrEqual(300);
            return;
          }
          expect(Object.keys(read.answer).toSorted()).toEqual(['count', 'description', 'match']);
          expect(read.answer.description.length).toBeLessThanOrEqual(2_000);
          expect(read.answer.description).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
          expect(read.answer.count).toBeLessThanOrEqual(1_000_000);
        },
      ),
    );
  });

  test('is no stored answer unless it was sealed', () => {
    fc.assert(fc.property(fc.jsonValue(), (found) => unseal('a'.repeat(64), found) === null));
  });
});

describe('a file of prompts', () => {
  const valid = readFileSync('prompts.yaml', 'utf8');

  test('that was damaged anywhere is a sound set or names file, line and column', () => {
    fc.assert(
      fc.property(fc.nat(valid.length), fc.nat(40), text, (at, cut, put) => {
        const damaged = valid.slice(0, at) + put + valid.slice(at + cut);
        const set = orOwn('PromptsFileError', () => parsePrompts(damaged, 'p.yaml'));
        if (set !== null) expect(promptSetProblems(set)).toEqual([]);
        else expect(() => parsePrompts(damaged, 'p.yaml')).toThrow(/^p\.yaml(?:, line \d+, column \d+)?: /);
      }),
      { numRuns: 200 },
    );
  });
});

describe('bytes of pictures', () => {
  const samples = ['jpg', 'png', 'webp'].map((ending) => {
    const name = {
      jpg: 'RTC_BUS_STAND_MAIN_GATE_10_246_7_3_20251125_085911.jpg',
      png: 'RTC_BUS_STAND_MAIN_GATE_10_246_7_3_20251125_152026.png',
      webp: 'RTC_BUS_STAND_MAIN_GATE_10_246_7_3_20251125_221540.webp',
    }[ending];
    return readFileSync(`samples/${name ?? ''}`).subarray(0, 4_000);
  });
  const changes = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 12 });

  test('with any damage to the header have a size or a problem, and tokens that are finite', () => {
    fc.assert(
      fc.property(fc.constantFrom(...samples), changes, fc.nat(4_000), (sample, changed, end) => {
        const bytes = Buffer.from(sample.subarray(0, end));
        for (const [at, value] of changed) if (at < bytes.length) bytes[at] = value;
        const picture = inspectPicture(bytes);
        if (!picture.ok) {
          expect(picture.problem.length).toBeLessThan(200);
          return;
        }
        for (const model of ['gpt-4o', 'gpt-5', 'another']) {
          const tokens = imageTokens(model, 'high', picture.width, picture.height);
          expect(Number.isFinite(tokens) && tokens > 0).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('of any content behind a right beginning end the reading', () => {
    const beginnings = samples.map((sample) => sample.subarray(0, 12));
    const rest = fc.uint8Array({ maxLength: 2_000 });
    fc.assert(
      fc.property(fc.constantFrom(...beginnings), rest, fc.nat(255), (start, end, filler) => {
        expect(inspectPicture(Buffer.concat([start, end]))).toHaveProperty('ok');
        expect(inspectPicture(Buffer.concat([start, Buffer.alloc(100_000, filler)]))).toHaveProperty('ok');
      }),
      { numRuns: 300 },
    );
  });
});

describe('names', () => {
  test('that pass as a path in a store stay in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'./\\a\0'), maxLength: 12 }), (given) => {
        const passed = orOwn('StoreError', () => checkStorePath('/results/run', given));
        if (passed !== null) expect(path.join('/results/run', passed)).toMatch(/^\/results\/run\/./);
      }),
    );
  });

  test('against any globs are judged, or the globs are refused', () => {
    const glob = fc.string({ unit: fc.constantFrom(...'ab*?[]{}()!+@|/\\.,-1'), maxLength: 20 });
    const name = fc.string({ unit: fc.constantFrom(...'ab./-1_'), maxLength: 40 });
    fc.assert(
      fc.property(glob, name, (include, given) => {
        orOwn('SourceError', () => createObjectFilter({ include: [include], exclude: [include] })(given));
      }),
    );
  });

  test('are shown on one line, within the bound, and shown again as they are', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 100 }), (given, max) => {
        for (const shown of [plain(given, max), redact(given, [], max)]) {
          expect(shown).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
          expect(shown.length).toBeLessThanOrEqual(max);
        }
        expect(JSON.parse(printableJson(JSON.stringify(given)))).toBe(given);
        expect(jsonBytes(cutToBytes(given, 60))).toBeLessThanOrEqual(60);
      }),
    );
  });
});

describe('queries and settings', () => {
  test('a query of pictures that is read comes back as it was written', () => {
    const names = fc.constantFrom(
      'prompt',
      'match',
      'count',
      'error',
      'camera',
      'day',
      'hour',
      'text',
      'sort',
    );
    const values = fc.oneof(
      text,
      fc.constantFrom('yes', 'no', '1', '12', 'any', '2025-11-25', 'name', 'none'),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(names, values), { maxLength: 5 }), (pairs) => {
        const query = orOwn('PictureQueryError', () => parseQuery(new URLSearchParams(pairs)));
        if (query !== null) expect(parseQuery(new URLSearchParams(formatQuery(query)))).toEqual(query);
      }),
    );
  });

  test('limits that are read are written and read again as the same', () => {
    const half = fc.oneof(fc.constant('auto'), fc.integer({ min: 1, max: 1_000_000_000 }).map(String));
    fc.assert(
      fc.property(half, half, (requests, tokens) => {
        const limits = limitSettings('LIMITS', `${requests}/${tokens}`);
        expect(limitSettings('LIMITS', limitsText(limits))).toEqual(limits);
      }),
    );
  });

  test('settings of any value are taken, and given on as they were, or one is named', () => {
    const names = SETTINGS.map(({ name }) => name);
    const value = fc.oneof(
      text,
      fc.constantFrom('1', '480/28000', 'https://x.example/v1', 'gs://city/x', 'true', 'a:1'),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 3 }), (env) => {
        const config = orOwn('SettingError', () => readConfig(env, '/folder'));
        if (config !== null) expect(readConfig(environmentOf(config), '/elsewhere')).toEqual(config);
      }),
      { numRuns: 300 },
    );
  });

  test('any input of a run has at most twenty problems, all short and printable', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(text, fc.jsonValue())), (input) => {
        const problems = checkRunInput(input);
        expect(problems.length).toBeLessThanOrEqual(20);
        for (const { field, value, problem } of problems) {
          expect(field.length).toBeLessThanOrEqual(100);
          expect(value.length).toBeLessThanOrEqual(81);
          expect(`${field}${problem}`).not.toMatch(/\p{Cc}/u);
        }
      }),
    );
  });

  test('a file of keys is read or refused without a word of what it holds', () => {
    const word = fc.string({
      unit: fc.constantFrom(...'canrySECRT0123456789+/=:._-'),
      minLength: 12,
      maxLength: 60,
    });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), (lines) => {
        writeFileSync(keysFile, lines.join('\n'), { mode: 0o600 });
        let said = '';
        orOwn('SettingError', () => {
          try {
            readKeys(keysFile);
          } catch (error) {
            said = error instanceof Error ? error.message : '';
            throw error;
          }
        });
        for (const line of lines) expect(said).not.toContain(line);
      }),
    );
  });

  test('payloads that are read are written and read again as the same', () => {
    const payload = fc.record({
      metadata: fc.dictionary(fc.string({ maxLength: 10 }), fc.base64String({ maxLength: 40 })),
      data: fc.base64String({ maxLength: 80 }),
    });
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 3 }), (payloads) => {
        const read = orOwn('BodyError', () => readPayloads(JSON.stringify({ payloads })));
        if (read !== null) expect(readPayloads(JSON.stringify(writePayloads(read)))).toEqual(read);
      }),
    );
    fc.assert(fc.property(fc.json(), (body) => void orOwn('BodyError', () => readPayloads(body))));
  });
});
