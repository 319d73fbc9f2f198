import pc from 'picocolors';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { liveView, type LiveView } from '../../src/client/live-view.ts';
import { askLines } from '../../src/client/render/ask.ts';
import { estimateLines } from '../../src/client/render/estimate.ts';
import {
  bar,
  clock,
  count,
  cut,
  duration,
  labelled,
  of,
  pad,
  percent,
  wrap,
} from '../../src/client/render/format.ts';
import { failureText, liveLines, plainLine, planningLines } from '../../src/client/render/live.ts';
import { honestState, summaryLines, type Summary } from '../../src/client/render/summary.ts';
import { table } from '../../src/client/render/table.ts';
import { noCounts } from '../../src/shared/counts.ts';
import { progressOf } from './client-data.ts';

const ESC = String.fromCharCode(27);
const NOW = Date.parse('2026-11-24T10:01:00Z');

describe('format', () => {
  test.each([
    [0, '0 ms'],
    [449.6, '450 ms'],
    [999, '999 ms'],
    [1000, '1.0 s'],
    [59_949, '59.9 s'],
    [59_950, '1 min 00 s'],
    [125_000, '2 min 05 s'],
    [3_599_600, '1 h 00 min'],
    [4_290_000, '1 h 12 min'],
    [172_800_000, '2 d 0 h'],
    [null, 'unknown'],
    [NaN, 'unknown'],
    [-1, 'unknown'],
  ])('duration(%s) is %s', (ms, said) => {
    expect(duration(ms)).toBe(said);
  });

  test.each([
    [0, '░░░░', '0 %'],
    [0.5, '██░░', '50 %'],
    [0.9999, '███░', '99 %'],
    [1, '████', '100 %'],
    [7, '████', '100 %'],
    [-1, '░░░░', '0 %'],
    [NaN, '░░░░', '0 %'],
  ])('a share of %s is %s and %s', (share, drawn, said) => {
    expect(bar(share, 4)).toBe(drawn);
    expect(percent(share)).toBe(said);
  });

  test('numbers have thousands, totals may be unknown', () => {
    expect(count(28_000)).toBe('28,000');
    expect(of(3, 1200)).toBe('3 of 1,200');
    expect(of(3, null)).toBe('3 of unknown');
  });

  test.each([
    ['plain', 10, 'plain'],
    ['plain text', 6, 'plain…'],
    ['日本語の名前', 7, '日本語…'],
    ['👨‍👩‍👧 family', 3, '👨‍👩‍👧…'],
    [`red${ESC}[31m text\nmore`, 40, 'red text more'],
    ['anything', 0, ''],
  ])('cut(%j, %d) is %j', (text, width, kept) => {
    expect(cut(text, width)).toBe(kept);
    expect(stringWidth(cut(text, width))).toBeLessThanOrEqual(width);
  });

  test('pad fills up by columns, not by characters', () => {
    expect(pad('日本', 6)).toBe('日本  ');
    expect(pad('12', 4, 'right')).toBe('  12');
  });

  test.each([
    [0, '0:00'],
    [61_900, '1:01'],
    [3_725_000, '1:02:05'],
    [-5, '0:00'],
  ])('clock(%d) is %s', (ms, said) => {
    expect(clock(ms)).toBe(said);
  });

  test('a text is broken at spaces, a path never', () => {
    expect(wrap('put it in /a/very/long/path/that/stays and go on', 12)).toEqual([
      'put it in',
      '/a/very/long/path/that/stays',
      'and go on',
    ]);
    expect(labelled('Tokens', '132,946 in; 136,116 counted', 31)).toEqual([
      'Tokens     132,946 in; 136,116',
      '           counted',
    ]);
  });
});

describe('table', () => {
  const columns = [
    { title: 'Run' },
    { title: 'Source', shrinks: true },
    { title: 'N', align: 'right' as const },
  ];
  const rows = [
    ['a', '/home/cameras/2025-11-25/north', '1'],
    ['long-name', '日本/写真', '1,200'],
  ];

  test('columns are as wide as they need', () => {
    expect(table(columns, rows, 80)).toEqual([
      'Run        Source                              N',
      'a          /home/cameras/2025-11-25/north      1',
      'long-name  日本/写真                       1,200',
    ]);
  });

  test.each([80, 40, 30, 20, 5])('no line is wider than %d', (width) => {
    for (const line of table(columns, rows, width)) expect(stringWidth(line)).toBeLessThanOrEqual(width);
  });

  test('control characters of others do not reach the terminal', () => {
    const text = table(
      [{ title: 'Name' }],
      [[`x${ESC}]0;title${String.fromCharCode(7)}${ESC}[2Jy\r\n`]],
      40,
    ).join('\n');
    expect(text).toBe('Name\nxy');
  });
});

const view = (change: Partial<LiveView> = {}): LiveView => ({
  ...liveView(
    { progress: progressOf({ images: 14 }), batches: [], sends: [], underWay: 3, waiting: 2, fresh: true },
    NOW,
  ),
  ...change,
});

describe('live display', () => {
  const colors = pc.createColors(false);

  test('shows everything a person asks about', () => {
    const prompts = [
      { id: 'crowd', name: 'Crowd Detection', matches: 7 },
      { id: 'pothole', name: 'Pothole', matches: 0 },
    ];
    expect(liveLines(view({ prompts, remainingMs: 60_000 }), 80, colors)).toEqual([
      '░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   0 %  1:00',
      'State      running, 60 seconds left (Ctrl-C pauses)',
      '',
      'Pictures   0 of 14 done',
      'Answers    0 of 28',
      'Requests   0 in the last minute, 480 at most',
      'Tokens     0 in the last minute, 28,000 at most',
      'Calls      3 under way, 2 waiting their turn',
      'Trouble    none',
      '',
      'Matches    Crowd Detection   7  ■■■■■■■■■■',
      '           Pothole           0',
    ]);
  });

  test('every line keeps its place while the numbers grow', () => {
    const labels = (change: Partial<LiveView>): string[] =>
      liveLines(view(change), 80, colors).map((line) => line.slice(0, 11));
    const later = { picturesDone: 9, answered: 25, failed: 2, rateLimited: 4, elapsedMs: 4_000_000 };
    expect(labels(later).slice(1)).toEqual(labels({}).slice(1));
  });

  test.each([
    ['running', 1, /running, 60 seconds left/],
    ['paused', 2, /pausing: 2 calls still under way/],
    ['paused', 1, /pausing: 1 call still under way/],
    ['paused', 0, /PAUSED$/],
    ['blocked', 1, /BLOCKED, 1 call still under way/],
  ] as const)('a run that is %s with %d calls under way says so', (state, callsUnderWay, says) => {
    const changed = view({ state, callsUnderWay, remainingMs: 60_000 });
    expect(liveLines(changed, 80, colors)[1]).toMatch(says);
    expect(plainLine(changed).split(' · ')[1]).toMatch(says);
  });

  test('the bar is never full while the run goes on', () => {
    const [first] = liveLines(view({ share: 1, answered: 28 }), 80, colors);
    expect(first).toMatch(/█░ +99 %/);
    expect(liveLines(view({ share: 1, state: 'complete' }), 80, colors)[0]).toContain('100 %');
  });

  test('says what went wrong, and only that', () => {
    const text = liveLines(view({ failed: 2, rateLimited: 3 }), 80, colors).join('\n');
    expect(text).toContain('Trouble    2 failed, 3 answered 429\n');
  });

  test('says what was recalled, at no cost, where something was', () => {
    const text = liveLines(view({ answered: 20, recalled: 12 }), 80, colors).join('\n');
    expect(text).toContain('Answers    20 of 28, 12 recalled from earlier runs, at no cost\n');
    expect(plainLine(view({ answered: 20, recalled: 12 }))).toContain('answers 20 of 28 (12 recalled) ·');
    expect(plainLine(view())).not.toContain('recalled');
  });

  test('planning says how long it takes and what holds it up', () => {
    expect(planningLines(null, 7000, 100, colors)).toEqual([expect.stringMatching(/^Planning: .* 0:07$/)]);
    expect(planningLines('Try 3; the last one failed: full', 21_000, 100, colors)[1]).toContain('Try 3');
  });

  test('says SIMULATED first where it is', () => {
    expect(liveLines(view({ simulated: true }), 100, colors)[0]).toMatch(/^SIMULATED/);
    expect(plainLine(view({ simulated: true }))).toMatch(/^SIMULATED/);
  });

  test('says why it is blocked and what helps', () => {
    const block = {
      reason: 'The key was refused.',
      remedy: 'Set another one.',
      since: '2026-11-24T10:00:00Z',
      nextProbeAt: '2026-11-24T10:05:30Z',
    };
    const text = liveLines(view({ state: 'blocked', block }), 100, colors).join('\n');
    expect(text).toContain('BLOCKED    The key was refused.');
    expect(text).toContain('Set another one.');
    expect(text).toContain('at 10:05:30 UTC');
    expect(text).not.toMatch(/left/);
  });

  test.each([120, 80, 60, 40, 20, 10])('no line is wider than %d columns', (width) => {
    const failures = [
      {
        at: '2026-11-24T10:00:00Z',
        image: `日本${ESC}[2J.jpg`,
        prompt: 'Crowd Detection',
        kind: 'Refused' as const,
        message: 'no '.repeat(200),
      },
    ];
    const lines = liveLines(view({ failures, source: '/very/long/'.repeat(30) }), width, colors);
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(width);
    expect(lines.join('')).not.toContain(ESC);
  });

  test.each([
    ['InvalidImage', 'a.jpg · every question'],
    ['Refused', 'a.jpg · crowd'],
  ] as const)('a failure of kind %s is told of %s', (kind, where) => {
    const failure = { at: '', image: 'a.jpg', prompt: 'crowd', kind, message: 'why' };
    expect(liveLines(view({ failures: [failure] }), 80, colors).slice(-2)).toEqual([
      `! ${where}`,
      `  ${kind}: why`,
    ]);
    expect(failureText(failure)).toBe(`${where}: ${kind}: why`);
  });

  test('the fullest display fits a terminal of 24 lines', () => {
    const failures = [1, 2].map((n) => ({
      ...{ at: '', image: `${String(n)}.jpg`, prompt: 'crowd', kind: 'Refused' as const, message: 'no' },
    }));
    const prompts = Array.from({ length: 6 }, (_, n) => ({
      id: String(n),
      name: `Q${String(n)}`,
      matches: n,
    }));
    expect(liveLines(view({ simulated: true, failures, prompts }), 80, colors).length).toBeLessThan(23);
  });

  test('uses no colours unless told to', () => {
    expect(liveLines(view(), 80, colors).join('')).not.toContain(ESC);
    expect(liveLines(view(), 80, pc.createColors(true)).join('')).toContain(ESC);
  });
});

const summary = (change: Partial<Summary> = {}): Summary => ({
  run: 'r1',
  state: 'complete',
  simulated: false,
  images: 2,
  listing: false,
  skipped: 0,
  prompts: [
    { id: 'crowd', name: 'Crowd Detection' },
    { id: 'pothole', name: 'Pothole Detection' },
  ],
  counts: { ...noCounts(), images: 2, imagesComplete: 2, answered: 4, matches: { crowd: 1 } },
  recordedMsAgo: null,
  results: '/results/r1',
  elapsedMs: 61_000,
  ...change,
});

describe('summary', () => {
  test('of a complete run', () => {
    const text = summaryLines(summary(), 80).join('\n');
    expect(text).toContain('Run r1 is complete.');
    expect(text).toMatch(/Crowd Detection +1\nPothole Detection +0/);
    expect(text).toContain('Answers    4 of 4\n');
    expect(text).toContain('Time       1 min 01 s');
    expect(text).toContain('/results/r1/results.json');
  });

  test('is never complete while an answer is missing', () => {
    const counts = { ...noCounts(), images: 2, imagesComplete: 1, answered: 3, failures: {} };
    const text = summaryLines(summary({ counts }), 80).join('\n');
    expect(text).toContain('some answers are missing');
    expect(text).toContain('3 of 4, 1 not there yet');
    expect(text).not.toContain('is complete');
  });

  test('tells kinds of failures, the most frequent first', () => {
    const counts = { ...noCounts(), answered: 1, failed: 3, failures: { Timeout: 1, Refused: 2 } };
    expect(summaryLines(summary({ state: 'incomplete', counts }), 80)).toContain(
      'Failures   Refused 2, Timeout 1',
    );
  });

  test.each([
    ['complete', 4, 'complete'],
    ['complete', 3, 'incomplete'],
    ['running', 4, 'running'],
    ['paused', 0, 'paused'],
  ] as const)('state %s with %d of 4 answers is shown as %s', (state, answered, shown) => {
    expect(honestState(state, { ...noCounts(), answered }, 4)).toBe(shown);
  });

  test('tells what was recalled, and what was given up without knowing whether it was paid', () => {
    const counts = { ...noCounts(), answered: 3, recalled: 2, possiblyPaid: 2 };
    const text = summaryLines(summary({ state: 'cancelled', counts }), 120).join('\n');
    expect(text).toContain('not there yet\n           2 recalled from earlier runs, at no cost\n');
    expect(text).toContain('Given up   2 calls while under way');
    expect(summaryLines(summary(), 120).join('\n')).not.toMatch(/recalled|Given up/);
  });

  test('of an interrupted run says when it was recorded, and that more is kept', () => {
    const counts = { ...noCounts(), answered: 1 };
    const text = summaryLines(summary({ state: 'interrupted', counts, recordedMsAgo: 12_000 }), 120).join(
      '\n',
    );
    expect(text).toContain('1 of 4 recorded so far\n');
    expect(text).toContain('Recorded   12.0 s ago; answers that came later are kept too');
  });

  test('without a record shows no number and no path', () => {
    const text = summaryLines(summary({ state: 'interrupted', counts: null }), 120).join('\n');
    expect(text).toContain('Recorded   nothing yet');
    expect(text).not.toMatch(/results\.json|Tokens|of 4|Crowd/);
  });

  test('labels what was simulated', () => {
    expect(summaryLines(summary({ simulated: true }), 80)[0]).toMatch(/^SIMULATED/);
  });
});

test('an estimate says tokens by kind, time and what bounds it', () => {
  const text = estimateLines(
    {
      source: '/pictures',
      images: 339,
      skipped: 2,
      prompts: 6,
      calls: 2034,
      model: 'gpt-4o',
      detail: 'high',
      route: 'url',
      tokens: { image: 2_247_570, text: 610_200, output: 610_200, total: 2_857_770 },
      limits: { requestsPerMinute: 480, tokensPerMinute: 28_000 },
      shortestMs: 6_123_792,
      bound: 'tokens',
    },
    80,
  ).join('\n');
  expect(text).toContain('339 (2 skipped)');
  expect(text).toMatch(/Calls +2,034/);
  expect(text).toContain('2,857,770 (1,405 a call)');
  expect(text).toContain('1 h 42 min, bound by tokens');
});

describe('ask', () => {
  test('an answer of the model cannot write to the terminal', () => {
    const lines = askLines(
      {
        type: 'failure',
        prompt: 'crowd',
        failure: {
          kind: 'Refused',
          message: `no${ESC}[2J https://x/?X-Goog-Signature=${'a'.repeat(40)}`,
          tries: [],
        },
      },
      80,
    ).join('\n');
    expect(lines).not.toContain(ESC);
    expect(lines).not.toContain('aaaa');
    expect(lines).toContain('Refused');
  });

  const body = {
    model: 'gpt-4o',
    api: 'responses',
    instructions: 'You look at pictures.\n- be exact\n',
    question: `Is there a crowd? ${'Look closely. '.repeat(20)}`,
    schema: { name: 'answer', schema: { properties: { match: {}, count: {} } } },
    imageUrl: '(image/jpeg, 92640 bytes as base64)',
    detail: 'high',
    maxOutputTokens: 300,
  } as const;

  test('a request is shown as text under headings, what questions share once', () => {
    const event = { type: 'request', prompt: 'crowd', route: 'base64', body } as const;
    const first = askLines(event, 60);
    expect(first.join('\n')).toContain(
      'Instructions\n  You look at pictures.\n  - be exact\nQuestion\n  Is there',
    );
    expect(first.join('\n')).toContain('JSON of the schema "answer": match, count');
    for (const line of first) expect(stringWidth(line)).toBeLessThanOrEqual(60);
    const next = askLines(event, 60, true).join('\n');
    expect(next).toContain('Is there a crowd?');
    expect(next).not.toContain('Instructions');
  });

  test('an answer says its tries in words', () => {
    const result = {
      ...{ match: true, count: 3, description: 'people', sentAt: '', ms: 900, route: 'base64' as const },
      ...{
        usage: null,
        charged: 1400,
        model: 'gpt-4o',
        timings: { signMs: 0, downloadMs: 0, encodeMs: 0, waitMs: 0, modelMs: 900 },
      },
      tries: [
        { at: '', ms: 900, route: 'base64' as const, status: 200, outcome: 'ok' as const, charged: 1400 },
      ],
    };
    const text = askLines({ type: 'answer', prompt: 'crowd', raw: '{"match":true}', result }, 80).join('\n');
    expect(text).toMatch(/match +yes\n +count +3\n +says +people\n/);
    expect(text).toContain('gpt-4o, 1 try');
  });
});
