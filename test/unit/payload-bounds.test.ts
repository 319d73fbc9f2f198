import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultPayloadConverter } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { memoryOf } from '../../src/activities/ask-memory.ts';
import { NOT_ASKED, toFailure } from '../../src/activities/failure.ts';
import { type BatchImage, createOpenBatch } from '../../src/activities/open-batch.ts';
import type { AnswerStore } from '../../src/activities/ports.ts';
import { createRunFiles, planHash } from '../../src/activities/run-files.ts';
import { createShardReader, keepShard } from '../../src/activities/shards.ts';
import { cutToBytes, jsonBytes } from '../../src/shared/cut.ts';
import { files } from '../../src/shared/names.ts';
import {
  checkRetry,
  checkRunInput,
  MAX_BATCH_SIZE,
  MAX_LIMIT,
  MAX_QUESTIONS_IN_BATCH,
} from '../../src/shared/run-input.ts';
import { lastTries, TRIES_KEPT } from '../../src/shared/tries.ts';
import type {
  BatchInput,
  BatchProgress,
  ImageRef,
  RecordedPage,
  RunInput,
  Try,
} from '../../src/shared/types.ts';
import { createGcs } from '../../src/worker/adapters/gcs.ts';
import { createOpenStore } from '../../src/worker/adapters/open-store.ts';
import type { BatchReport } from '../../src/workflows/messages.ts';
import { runDetails } from '../../src/workflows/run-details.ts';
import {
  WIDE,
  ESCAPED,
  NUMBER,
  AT,
  LONGEST_PATH,
  RESULTS,
  WORKFLOW_ID,
  PLACE,
  PROMPTS,
  NAMES,
  RUN_INPUT,
  RESUME_INPUT,
  TRY,
  TRIES,
  largestAnswer,
  FAILURE,
  FAILED,
  SHAPES,
  shardOf,
  COUNTS,
  LINE,
  BLOCK,
  PLAN,
  PAGES,
  PROGRESS,
  carriedWith,
} from './payload-kit.ts';

/** Temporal's limits: `limit.blobSize.error` for all arguments of one call, and gRPC's for one message. */
const PAYLOAD = 2 * 2 ** 20;
const MESSAGE = 4 * 2 ** 20;

/** Bytes of the arguments of one call, or of one result, with the metadata that goes along. */
const bytesOf = (...values: unknown[]): number =>
  values.reduce<number>((sum, value) => {
    const { data, metadata } = defaultPayloadConverter.toPayload(value);
    return sum + (data?.length ?? 0) + Buffer.byteLength(JSON.stringify(metadata ?? {}));
  }, 0);

describe('what a person gives', () => {
  test('a run’s largest input is accepted, and one of more is refused by name', () => {
    expect(checkRunInput(RUN_INPUT)).toEqual([]);
    expect(bytesOf(RUN_INPUT)).toBeLessThan(PAYLOAD);
    expect(
      bytesOf({ input: RUN_INPUT, workflowId: WORKFLOW_ID, startedAt: AT, run: 'r'.repeat(64) }),
    ).toBeLessThan(PAYLOAD);
    const more: [keyof RunInput, unknown][] = [
      ['source', `${RUN_INPUT.source}x`],
      ['results', `${RUN_INPUT.results ?? ''}x`],
      ['notify', `${RUN_INPUT.notify ?? ''}x`],
      ['limit', MAX_LIMIT + 1],
      ['include', Array.from({ length: 101 }, () => 'x')],
      ['exclude', [ESCAPED.repeat(16_667)]],
      ['prompts', { instructions: 'x', prompts: [...PROMPTS, ...PROMPTS.slice(0, 1)] }],
    ];
    for (const [field, value] of more) {
      const [problem] = checkRunInput({ ...RUN_INPUT, [field]: value });
      expect(problem?.field, field).toMatch(new RegExp(`^${field}`));
    }
    const [half] = checkRunInput({
      source: '/x',
      prompts: { instructions: '\ud800', prompts: [{ id: 'a', name: 'A', text: 'A?' }] },
    });
    expect(half).toMatchObject({ field: 'prompts.instructions' });
    expect(half?.problem).toContain('holds half of a character');
  });

  test('the most names of pictures to ask again are accepted, and more are refused', () => {
    expect(checkRunInput(RESUME_INPUT)).toEqual([]);
    const { refused, only: names } = RESUME_INPUT;
    const retry = { refused, only: names };
    expect(checkRetry(retry)).toEqual([]);
    expect(bytesOf(retry)).toBeLessThan(PAYLOAD);
    const only = [...(RESUME_INPUT.only ?? []).slice(1), 'x'.repeat(1_500)];
    expect(checkRetry({ only })[0]?.problem).toContain('name fewer pictures at once');
  });

  test('what is told of nonsense is short, however much of it there is', () => {
    // As much of it as Temporal lets through.
    const nonsense = (fields: number): Record<string, unknown> =>
      Object.fromEntries(Array.from({ length: fields }, (_, n) => [`${n}${WIDE}`, 7]));
    const prompts = {
      instructions: 'x',
      prompts: Array.from({ length: 100 }, () => ({ ...nonsense(1_800), id: 'Ä' })),
    };
    const inputs = [
      { [ESCAPED.repeat(300_000)]: WIDE.repeat(50_000) },
      { source: '/x', prompts },
      { resumeOf: 'r', ...nonsense(170_000) },
    ];
    for (const input of inputs) {
      expect(bytesOf(input)).toBeGreaterThan(PAYLOAD * 0.8);
      const told = checkRunInput(input).map(({ field, problem }) => `${field}: ${problem}`);
      expect(told.length).toBeGreaterThan(0);
      expect(bytesOf(told.join('; '))).toBeLessThan(50_000);
    }
  });
});

describe('one question', () => {
  test.each(['x', WIDE, '"', '\\', '😀'])('an answer of %s without end is cut to its bounds', (letter) => {
    const answer = largestAnswer(letter);
    expect(bytesOf(answer)).toBeLessThan(PAYLOAD / MAX_QUESTIONS_IN_BATCH - 200);
    expect(answer.tries).toHaveLength(TRIES_KEPT);
    // What a model says in letters of one byte is bounded by its characters alone.
    if (letter === 'x') expect(answer.description).toHaveLength(2_000);
  });

  test('a failure, the tries that it leaves, and a heartbeat', () => {
    expect(FAILED.message).toMatch(/…$/);
    expect(bytesOf(FAILED)).toBeLessThan(PAYLOAD / MAX_QUESTIONS_IN_BATCH - 200);
    // Message, details, and a stack of ours.
    expect(bytesOf(FAILURE.message, ...(FAILURE.details ?? []))).toBeLessThan(PAYLOAD / 4);
    const blocked = toFailure(
      {
        ...NOT_ASKED,
        action: 'block',
        cause: 'permission',
        kind: 'Blocked',
        message: '',
        ...BLOCK,
        until: AT,
      },
      TRIES,
    );
    expect(bytesOf(blocked.message, ...(blocked.details ?? []))).toBeLessThan(PAYLOAD / 100);
    const memory = { ...memoryOf(undefined, NUMBER), tries: TRIES, fallback: BLOCK.reason };
    expect(bytesOf(memory)).toBeLessThan(PAYLOAD / 50);
    const input = { ...PLACE, page: MAX_LIMIT, image: 999, prompt: 'x'.repeat(64) };
    expect(bytesOf(input)).toBeLessThan(1_000);
  });

  test('of tries without end the last ones are kept, and those that were paid for before others', () => {
    const tries = Array.from({ length: 500 }, (_one, n): Try => {
      const { at, route, status, charged } = TRY;
      const free: Try = { at, ms: n, route, status, outcome: 'Blocked', charged };
      return n % 100 === 0 ? { ...free, billed: 1 } : free;
    });
    expect(lastTries(tries).map(({ ms }) => ms)).toEqual([0, 100, 200, 300, 400, 495, 496, 497, 498, 499]);
    expect(lastTries(tries.slice(0, 10))).toEqual(tries.slice(0, 10));
    expect(lastTries(TRIES)).toHaveLength(TRIES_KEPT);
  });
});

describe('a batch', () => {
  test.each(SHAPES)('of $images pictures with as many questions as it may have', (shape) => {
    for (const outcome of [
      { ok: true as const, result: largestAnswer(WIDE) },
      { ok: false as const, failure: FAILED },
    ]) {
      const shard = shardOf(outcome, shape);
      // The input of `saveBatch`, and the answer to the query `answers`.
      expect(bytesOf({ ...PLACE, shard })).toBeLessThan(PAYLOAD);
      expect(bytesOf(shard.images)).toBeLessThan(PAYLOAD);
    }
  });

  test('its input, its report, its progress and its result', () => {
    const input: BatchInput = {
      run: PLAN.run,
      ...PLACE,
      modelQueue: PLAN.modelQueue,
      simulated: false,
      prompts: NAMES,
      ...{ batch: MAX_LIMIT, batches: MAX_LIMIT, page: MAX_LIMIT, first: 999, images: 16, sideBySide: 16 },
      reportImages: false,
      retry: { refused: false, images: Array.from({ length: 16 }, () => 999) },
      counted: false,
    };
    expect(bytesOf(input)).toBeLessThan(PAYLOAD / 30);
    const report: BatchReport = {
      batch: MAX_LIMIT,
      counts: COUNTS,
      failures: Array.from({ length: 5 }, () => LINE),
    };
    expect(bytesOf(report)).toBeLessThan(PAYLOAD / 50);
    const progress: BatchProgress = {
      batch: MAX_LIMIT,
      counts: COUNTS,
      open: 16,
      paused: false,
      sends: Array.from({ length: MAX_QUESTIONS_IN_BATCH * TRIES_KEPT }, () => ({ at: AT, charged: NUMBER })),
      failures: Array.from({ length: 10 }, () => LINE),
    };
    expect(bytesOf(progress)).toBeLessThan(PAYLOAD / 5);
    expect(bytesOf({ batch: MAX_LIMIT, counts: COUNTS })).toBeLessThan(PAYLOAD / 100);
    // The last words of a batch that is cancelled go together: its shard and its report.
    const shard = shardOf({ ok: true, result: largestAnswer(WIDE) }, { images: 2, prompts: PROMPTS });
    expect(bytesOf({ ...PLACE, shard }, report)).toBeLessThan(MESSAGE);
  });
});

describe('what is known of a batch before it asks', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'payload-bounds-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  test('is told as far as it fits, its own record always: 200 failures to ask again, whose answers are in the store', async () => {
    const runFiles = createRunFiles(createOpenStore(createGcs()));
    const results = join(root, 'run');
    const store = runFiles.store(results);
    const prompts = PROMPTS.map((prompt) => ({ ...prompt, text: prompt.id }));
    const plan = JSON.stringify({ results, fresh: false, prompts, account: {}, batchSize: 2 });
    const image: ImageRef = { name: ESCAPED.repeat(LONGEST_PATH), uri: '', identity: 'sha256:0', bytes: 1 };
    await store.create(files.run, plan);
    await store.create(
      files.page(0),
      JSON.stringify({ page: 0, images: [image, image], skipped: [], next: null }),
    );
    await keepShard(store, { ...shardOf({ ok: false, failure: FAILED }, { images: 2, prompts }), batch: 0 });
    const stored = { answer: largestAnswer(WIDE), run: 'another', image: '0/0' };
    const answers: AnswerStore = {
      read: (keys) => Promise.resolve(new Map(keys.map((key) => [key, stored]))),
      write: () => Promise.resolve(),
    };
    const openBatch = createOpenBatch({
      files: runFiles,
      shards: createShardReader(runFiles),
      answers,
      earlierAnswers: () => Promise.resolve([]),
    });
    const known: BatchImage[] = await new MockActivityEnvironment().run(openBatch, {
      ...{ results, plan: planHash(plan), batch: 0, page: 0, first: 0, images: 2 },
      retry: { refused: true, images: null },
      begunBefore: false,
    });
    expect(bytesOf(known)).toBeLessThan(PAYLOAD);
    const recalled = known.map((picture) => Object.keys(picture.recalled ?? {}).length);
    expect(known.map(({ recorded }) => Object.keys(recorded?.prompts ?? {}).length)).toEqual([100, 100]);
    expect(recalled[0]).toBeGreaterThan(50);
    expect(recalled[0]).toBeLessThan(100);
    // One answer more would not have fitted.
    expect(bytesOf(known) + bytesOf(stored.answer)).toBeGreaterThan(1_990_000);
  });
});

describe('a run of ten million pictures', () => {
  test('its plan, its place in every list, its progress and its saves', () => {
    expect(bytesOf(PLAN)).toBeLessThan(PAYLOAD / 10);
    expect(bytesOf(PROGRESS)).toBeLessThan(PAYLOAD / 2);
    expect(bytesOf({ ...PLACE, progress: PROGRESS, pages: PAGES, full: true, final: true })).toBeLessThan(
      PAYLOAD,
    );
    expect(bytesOf(Array.from({ length: 50 }, () => LINE))).toBeLessThan(PAYLOAD / 10);
    const details = runDetails(PLAN, PROGRESS);
    expect(bytesOf(details)).toBeLessThan(PAYLOAD / 10);
    const memo = { run: PLAN.run, source: PLAN.source, results: RESULTS, simulated: false, state: 'failed' };
    expect(bytesOf(memo)).toBeLessThan(PAYLOAD / 50);
    const { reason, remedy } = BLOCK;
    expect(
      bytesOf({ to: PLAN.notify, run: PLAN.run, results: RESULTS, at: AT, reason, remedy, counts: COUNTS }),
    ).toBeLessThan(PAYLOAD / 50);
    expect(bytesOf({ workflowIds: PROGRESS.running.map(({ workflowId }) => workflowId) })).toBeLessThan(
      PAYLOAD / 2,
    );
    // A query's answer goes with whatever else the workflow says at that moment.
    expect(bytesOf(PROGRESS, { ...PLACE, progress: PROGRESS, pages: PAGES })).toBeLessThan(MESSAGE);
  });

  test('a listed page, and what is found in it', () => {
    const cursor = ESCAPED.repeat(LONGEST_PATH);
    expect(bytesOf({ ...PLACE, page: MAX_LIMIT, cursor, max: 1_000, found: MAX_LIMIT })).toBeLessThan(
      PAYLOAD / 50,
    );
    const { only = [] } = RESUME_INPUT;
    expect(bytesOf({ ...PLACE, page: 0, firstBatch: 0, retry: { refused: true, only } })).toBeLessThan(
      PAYLOAD,
    );
    for (const pictures of [1, MAX_BATCH_SIZE]) {
      const todo = Array.from({ length: 1_000 / pictures }, () => ({
        batch: MAX_LIMIT,
        images: Array.from({ length: pictures }, () => 999),
      }));
      const found: RecordedPage = { counts: COUNTS, todo };
      expect(bytesOf(found)).toBeLessThan(PAYLOAD / 10);
    }
  });

  test.each([1, 4, MAX_BATCH_SIZE])(
    'what it carries on when it continues as new, in batches of %d pictures, with what it was started with',
    (pictures) => {
      const carried = carriedWith(pictures);
      expect(bytesOf(RESUME_INPUT, carried)).toBeLessThan(PAYLOAD);
      // The plan has the questions: a new run's input goes on without them.
      const input: RunInput = { ...RUN_INPUT };
      delete input.prompts;
      expect(bytesOf(input, carried)).toBeLessThan(PAYLOAD);
    },
  );
});

test('a text is cut at a character’s end, and counted as JSON writes it', () => {
  expect(cutToBytes('plain', 5)).toBe('plain');
  expect(cutToBytes('plain', 4)).toBe('p…');
  expect(cutToBytes(WIDE.repeat(4), 11)).toBe(`${WIDE.repeat(2)}…`);
  expect(cutToBytes('😀😀😀', 9)).toBe('😀…');
  expect(cutToBytes(ESCAPED.repeat(3), 15)).toBe(`${ESCAPED.repeat(2)}…`);
  expect(jsonBytes('"\\\u0001\ud800é😀')).toBe(2 + 2 + 6 + 6 + 2 + 4);
});
