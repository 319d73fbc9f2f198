import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { imageSize } from 'image-size';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ANSWER_SCHEMA, judgeReply } from '../../src/activities/answer.ts';
import { aloneBy, classify } from '../../src/activities/failure.ts';
import type { Verdict } from '../../src/activities/failure.ts';
import { ModelError } from '../../src/activities/ports.ts';
import type { Model } from '../../src/activities/ports.ts';
import { imageTokens } from '../../src/shared/image-tokens.ts';
import type { Route } from '../../src/shared/types.ts';
import type { FaultKind } from '../../src/simulator/faults.ts';
import { startSimulator } from '../../src/simulator/server.ts';
import type { Simulator } from '../../src/simulator/server.ts';
import { createOpenAiModel } from '../../src/worker/adapters/openai.ts';

/** Each of the simulator's faults through the adapter and the table: what a run does about it. */
const EXPECTED: Record<FaultKind, Partial<Verdict> | 'answer'> = {
  'rate-limit': { action: 'retry', kind: 'RateLimited' },
  'rate-limit-bare': { action: 'retry', kind: 'RateLimited' },
  'insufficient-quota': { action: 'block' },
  'server-error': { action: 'retry', kind: 'ProviderError' },
  'slow-down': { action: 'retry', kind: 'SlowDown', slowDown: true },
  'not-seen': { action: 'base64', kind: 'PictureNotSeen' },
  'hang-before': { action: 'base64', kind: 'Timeout' },
  'hang-body': { action: 'base64', kind: 'Timeout' },
  reset: { action: 'retry', kind: 'ProviderError' },
  'malformed-body': { action: 'retry', kind: 'ProviderError' },
  'malformed-json': { action: 'reask', kind: 'InvalidAnswer' },
  'wrong-shape': { action: 'reask', kind: 'InvalidAnswer' },
  'empty-description': { action: 'reask', kind: 'InvalidAnswer' },
  'negative-count': { action: 'reask', kind: 'InvalidAnswer' },
  'huge-count': { action: 'reask', kind: 'InvalidAnswer' },
  'control-characters': 'answer',
  refusal: { action: 'reask', kind: 'Refused' },
  'content-filter': { action: 'reask', kind: 'Refused' },
  truncated: { action: 'raise-cap', kind: 'OutputTruncated' },
  'url-timeout': { action: 'base64', kind: 'UrlUnreachable' },
  'url-download': { action: 'base64', kind: 'UrlUnreachable' },
  'plain-string-error': { action: 'retry', kind: 'ProviderError' },
  'error-in-200': { action: 'retry' },
};

const MODEL = 'gpt-4o';
const INSTRUCTIONS = 'You look at pictures of streets and say only what they show. '.repeat(5);
const QUESTION = 'Does the picture show a crowd? Count the people and describe what you see. '.repeat(10);

let simulator: Simulator;
let model: Model;
let bytes: Buffer;
let pictures: ReturnType<typeof createServer>;

beforeAll(async () => {
  const name = (await readdir('samples')).find((file) => file.endsWith('.jpg')) ?? '';
  bytes = await readFile(`samples/${name}`);
  pictures = createServer((_req, res) => res.writeHead(200, { 'content-type': 'image/jpeg' }).end(bytes));
  await new Promise<void>((resolve) => pictures.listen(0, '127.0.0.1', resolve));
  simulator = await startSimulator({
    latency: { medianMs: 5 },
    limits: { requestsPerMinute: 1_000_000, tokensPerMinute: 100_000_000 },
  });
  model = createOpenAiModel({
    apiKey: 'sk-test-key',
    baseUrl: simulator.url,
    timeoutMs: 600,
    simulated: true,
  });
});

afterAll(async () => {
  await simulator.close();
  pictures.closeAllConnections();
  await new Promise((resolve) => pictures.close(resolve));
});

async function ask(api: 'responses' | 'chat', route: Route): Promise<Verdict | 'answer'> {
  const url = `http://127.0.0.1:${(pictures.address() as AddressInfo).port}/a.jpg?X-Goog-Signature=c0ffee`;
  const context = { ...aloneBy(route), random: () => 0.5 };
  try {
    const reply = await model.ask(
      {
        model: MODEL,
        api,
        instructions: INSTRUCTIONS,
        question: QUESTION,
        schema: ANSWER_SCHEMA,
        imageUrl: route === 'url' ? url : `data:image/jpeg;base64,${bytes.toString('base64')}`,
        detail: 'high',
        maxOutputTokens: 300,
        cacheKey: 'a',
      },
      new AbortController().signal,
    );
    const { width, height } = imageSize(bytes);
    const judged = judgeReply(reply, {
      textChars: INSTRUCTIONS.length + QUESTION.length,
      imageTokens: imageTokens(MODEL, 'high', width, height),
      learnedTextTokens: null,
    });
    if (judged.ok) expect(judged.answer.description).not.toMatch(/\p{Cc}/u);
    return judged.ok ? 'answer' : classify(judged.problem, context);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    const verdict = classify(error, context);
    expect(JSON.stringify(verdict)).not.toMatch(/c0ffee|sk-test-key/);
    return verdict;
  }
}

describe.each(['responses', 'chat'] as const)('%s', (api) => {
  test.each(Object.entries(EXPECTED))('%s', async (kind, expected) => {
    simulator.setFaults([{ kind: kind as FaultKind, count: 1 }]);
    const verdict = await ask(api, 'url');
    if (expected === 'answer') expect(verdict).toBe('answer');
    else expect(verdict).toMatchObject(expected);
  });

  test.each(['url', 'base64'] as const)('an answer by %s', async (route) => {
    simulator.setFaults([]);
    expect(await ask(api, route)).toBe('answer');
  });
});

test('the check finds key and model, and what is wrong with them', async () => {
  const codeOf = (promise: Promise<void>): Promise<string | null> =>
    promise.then(
      () => 'ok',
      (error: unknown) => (error instanceof ModelError ? error.code : String(error)),
    );
  expect(await codeOf(model.check(MODEL))).toBe('ok');
  expect(await codeOf(model.check('gpt-17'))).toBe('model_not_found');
  simulator.setKeys(['sk-another-key']);
  expect(await codeOf(model.check(MODEL))).toBe('invalid_api_key');
});
