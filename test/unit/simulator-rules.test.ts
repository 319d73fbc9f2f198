import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createLimitAccount } from '../../src/simulator/account.ts';
import { answerOf, inventedAnswer } from '../../src/simulator/answer.ts';
import { formatDuration } from '../../src/simulator/durations.ts';
import { createFaultPlan } from '../../src/simulator/faults.ts';
import { QUESTION_IDS, questionOf, type QuestionId } from '../../src/simulator/questions.ts';
import { latencyMs } from '../../src/simulator/random.ts';
import type { Scene } from '../../src/simulator/scene.ts';

test.each([
  [0, '0ms'],
  [120, '120ms'],
  [999.2, '1s'],
  [1000, '1s'],
  [2200, '2.2s'],
  [6 * 60_000, '6m0s'],
  [83_909_144, '23h18m29.144s'],
])('%d ms is written %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

describe('the account', () => {
  const opened = (requestsPerMinute: number, tokensPerMinute: number) => {
    const clock = { now: 0 };
    return { clock, account: createLimitAccount({ requestsPerMinute, tokensPerMinute }, () => clock.now) };
  };

  test('is full at the start, refuses what does not fit, and says when it will', () => {
    const { account, clock } = opened(500, 30_000);
    expect(account.admit(29_000)).toEqual({ admitted: true });
    const refused = account.admit(1600);
    // (29,000 + 1,600 - 30,000) ÷ 30,000 × 60 s
    expect(refused).toEqual({
      admitted: false,
      by: 'tokens',
      limit: 30_000,
      used: 29_000,
      requested: 1600,
      waitMs: 1200,
    });
    clock.now = 1199;
    expect(account.admit(1600).admitted).toBe(false);
    clock.now = 1200;
    expect(account.admit(1600)).toEqual({ admitted: true });
  });

  test('refills linearly, and never above the limit', () => {
    const { account, clock } = opened(60, 6000);
    account.admit(6000);
    expect(account.state()).toMatchObject({
      remainingTokens: 0,
      resetTokensMs: 60_000,
      remainingRequests: 59,
    });
    clock.now = 30_000;
    expect(account.state()).toMatchObject({
      remainingTokens: 3000,
      resetTokensMs: 30_000,
      remainingRequests: 60,
    });
    clock.now = 600_000;
    expect(account.state()).toMatchObject({ remainingTokens: 6000, resetTokensMs: 0 });
  });

  test('counts requests too', () => {
    const { account } = opened(2, 1_000_000);
    account.admit(1);
    account.admit(1);
    expect(account.admit(1)).toMatchObject({
      admitted: false,
      by: 'requests',
      limit: 2,
      requested: 1,
      waitMs: 30_000,
    });
  });

  test('a request above the limit never fits', () => {
    const { account } = opened(500, 30_000);
    expect(account.admit(36_055)).toMatchObject({ admitted: false, by: 'tokens', waitMs: null, used: 0 });
  });

  test('takes new limits in mid-run', () => {
    const { account } = opened(500, 30_000);
    account.admit(20_000);
    account.setLimits({ requestsPerMinute: 10, tokensPerMinute: 10_000 });
    expect(account.state()).toMatchObject({ remainingTokens: 0, remainingRequests: 9 });
    expect(() => account.setLimits({ requestsPerMinute: 0, tokensPerMinute: 1 })).toThrow(RangeError);
  });

  test('in no window does it admit more than the allowance and what is refilled in that time', () => {
    const calls = fc.array(fc.record({ pause: fc.nat(5000), tokens: fc.integer({ min: 1, max: 3000 }) }), {
      minLength: 1,
    });
    fc.assert(
      fc.property(calls, (steps) => {
        const { account, clock } = opened(40, 4000);
        let tokens = 0;
        let requests = 0;
        for (const step of steps) {
          clock.now += step.pause;
          if (!account.admit(step.tokens).admitted) continue;
          tokens += step.tokens;
          requests += 1;
        }
        const minutes = 1 + clock.now / 60_000;
        return tokens <= 4000 * minutes + 1e-6 && requests <= 40 * minutes + 1e-6;
      }),
    );
  });
});

describe('latency', () => {
  const drawn = Array.from({ length: 2000 }, (_, n) => latencyMs({ medianMs: 1000 }, 7, n)).sort(
    (a, b) => a - b,
  );

  test('lies between 0.85 and 1.33 of its median, and about it', () => {
    expect(drawn[0]).toBe(850);
    expect(drawn.at(-1)).toBe(1330);
    expect(drawn[1000]).toBeGreaterThan(970);
    expect(drawn[1000]).toBeLessThan(1030);
  });

  test('is 9 s by default, and the same for the same seed', () => {
    expect(latencyMs({}, 1, 5)).toBe(latencyMs({}, 1, 5));
    expect(latencyMs({}, 1, 5)).not.toBe(latencyMs({}, 2, 5));
    expect(latencyMs({ spread: 0 }, 1, 5)).toBe(9000);
  });
});

describe('the plan of faults', () => {
  test('by count: from a call on, or from the next', () => {
    const plan = createFaultPlan(
      [
        { kind: 'reset', from: 3, count: 2 },
        { kind: 'refusal', count: 1 },
      ],
      1,
      10,
    );
    expect([2, 3, 4, 5, 9, 10, 11].map((n) => plan.faultOf(n, null))).toEqual([
      null,
      'reset',
      'reset',
      null,
      null,
      'refusal',
      null,
    ]);
  });

  test('by share: about that share, the same for the same seed', () => {
    const struck = (seed: number) => {
      const plan = createFaultPlan([{ kind: 'server-error', share: 0.25 }], seed, 1);
      return Array.from({ length: 1000 }, (_, i) => plan.faultOf(i + 1, null) !== null);
    };
    expect(struck(1)).toEqual(struck(1));
    expect(struck(1)).not.toEqual(struck(2));
    const share = struck(1).filter(Boolean).length / 1000;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.3);
  });

  test('URL faults strike pictures, not calls, and only those that came by URL', () => {
    const plan = createFaultPlan([{ kind: 'url-timeout', share: 0.5 }], 1, 1);
    const urls = Array.from({ length: 200 }, (_, i) => `http://bucket/${i}.jpg`);
    const first = urls.map((url, i) => plan.faultOf(i + 1, url));
    expect(urls.map((url, i) => plan.faultOf(900 - i, url))).toEqual(first);
    const share = first.filter(Boolean).length / 200;
    expect(share).toBeGreaterThan(0.4);
    expect(share).toBeLessThan(0.6);
    expect(plan.faultOf(1, null)).toBeNull();
  });
});

test.each([
  ['Is there a crowd of people here?', 'crowd-detection'],
  ['Are vehicles parked in a no-parking zone? Ignore moving traffic.', 'no-parking-violation'],
  ['Do you see garbage, such as bags or heaps of trash?', 'garbage-detection'],
  ['Count the potholes in the road.', 'pothole-detection'],
  ['Is the traffic congested, do vehicles queue in their lanes?', 'traffic-congestion'],
  ['Does any vehicle drive on the wrong side, against the direction of traffic?', 'wrong-way-driving'],
  ['What is the weather like?', null],
])('%s: %s', (text, id) => {
  expect(questionOf(text)).toBe(id);
});

test('each of the shipped questions is told from its text', () => {
  const file = readFileSync(new URL('../../prompts.yaml', import.meta.url), 'utf8');
  const { prompts } = parse(file) as { prompts: { id: string; text: string }[] };
  expect(prompts.map(({ text }) => questionOf(text))).toEqual(prompts.map(({ id }) => id));
  expect(prompts.map(({ id }) => id).sort()).toEqual([...QUESTION_IDS].sort());
});

describe('answers', () => {
  const scene: Scene = {
    scene: 1,
    place: 'Market Centre',
    people: 26,
    vehicles: 3,
    parkedInNoParking: 2,
    garbageBags: 2,
    garbageHeaps: 1,
    potholes: 0,
    wrongWay: 1,
  };
  const ask = (question: QuestionId, sha256: string, of: Scene | null = scene) =>
    answerOf(of, { seed: 1, sha256, question, questionText: 'q' });
  /** A picture's hash for which nothing is wrong by plan. */
  const honest = (question: QuestionId, of: Scene = scene) =>
    ['a', 'b', 'c', 'd'].map((hash) => ask(question, hash, of)).find(({ wrong }) => !wrong)?.answer;

  test.each([
    ['crowd-detection', true, 26],
    ['no-parking-violation', true, 2],
    ['garbage-detection', true, 3],
    ['pothole-detection', false, 0],
    ['traffic-congestion', false, 3],
    ['wrong-way-driving', true, 1],
  ] as const)('%s tells the scene: %s, %d', (question, match, count) => {
    const answer = honest(question);
    expect(answer).toMatchObject({ match, count });
    expect(answer?.description).toMatch(/^Simulated: [A-Z].*\. The camera looks at Market Centre\.$/);
    if (count > 0) expect(answer?.description).toContain(String(count));
  });

  test('a few people are counted and are no crowd', () => {
    expect(honest('crowd-detection', { ...scene, people: 3 })).toMatchObject({ match: false, count: 3 });
  });

  test('about one in twelve is wrong by plan: it contradicts the scene, in count and words', () => {
    const all = Array.from({ length: 1200 }, (_, i) => ask('wrong-way-driving', `picture ${i}`));
    const wrong = all.filter((one) => one.wrong);
    expect(wrong.length).toBeGreaterThan(70);
    expect(wrong.length).toBeLessThan(130);
    for (const { answer } of wrong) expect(answer).toMatchObject({ match: false, count: 0 });
  });

  test('a picture without a scene is answered stably, and differently from another', () => {
    const bare = (sha256: string) => ask('pothole-detection', sha256, null);
    expect(bare('one')).toEqual(bare('one'));
    const answers = Array.from({ length: 30 }, (_, i) => bare(String(i)));
    expect(new Set(answers.map(({ answer }) => answer.match)).size).toBe(2);
    expect(answers.every(({ wrong, answer }) => !wrong && answer.description.startsWith('Simulated: '))).toBe(
      true,
    );
  });

  test('an unknown question is answered all the same', () => {
    const answer = inventedAnswer({ seed: 1, question: null, questionText: 'What is the weather like?' });
    expect(answer.description).toMatch(/^Simulated: /);
  });
});
