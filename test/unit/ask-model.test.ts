import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ActivityCancellationDetails, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Share } from '../../src/activities/allowance.ts';
import type { AskMemory } from '../../src/activities/ask-memory.ts';
import { createAskModel } from '../../src/activities/ask-model.ts';
import { createListImages } from '../../src/activities/list-images.ts';
import { createPlanRun } from '../../src/activities/plan-run.ts';
import type { AnswerStore, StoredAnswer } from '../../src/activities/ports.ts';
import { createTextTokens } from '../../src/activities/text-tokens.ts';
import { createUrlHealth } from '../../src/activities/url-health.ts';
import { readConfig } from '../../src/config.ts';
import { StoreError } from '../../src/shared/result-store.ts';
import { startLimits } from '../../src/shared/limits.ts';
import type { AskFailure, AskResult, PlanSummary, Try } from '../../src/shared/types.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createParts, type Parts } from '../../src/worker/parts.ts';
import { loadPrompts } from '../../src/worker/prompts-file.ts';

/** One question by the real activity, against the simulator, with an allowance that writes down what it is told. */
describe('askModel', () => {
  let simulator: Simulator;
  let folder: string;
  let told: string[];
  let toldRuns: string[];
  let place: { results: string; plan: string };
  let ask: ReturnType<typeof createAskModel>;
  let parts: Parts;
  /** Names of the pictures that were read, in this order. */
  let reads: string[];
  let kept: Map<string, StoredAnswer>;
  let answers: AnswerStore;
  let warnings: string[];
  let isOpen: boolean;

  const share = (name: string): Share => ({
    weigh(_kind, formula) {
      told.push(`${name} weighs ${formula > 1_000 ? 'a call' : formula}`);
      return formula;
    },
    admitted(_rate, billed = 0) {
      told.push(`${name} is admitted`);
      return billed;
    },
    refused: (_rate, said) => told.push(`${name} is refused by ${said?.name ?? 'no word'}`),
    cancel: () => told.push(`${name} is cancelled`),
  });

  beforeEach(async () => {
    simulator = await startSimulator({
      latency: { medianMs: 5 },
      limits: { requestsPerMinute: 10_000, tokensPerMinute: 10_000_000 },
    });
    folder = await mkdtemp(join(tmpdir(), 'ask-model-'));
    told = [];
    toldRuns = [];
    const config = readConfig(
      { OPENAI_API_KEY: 'sk-x', OPENAI_BASE_URL: simulator.url, SIMULATED: 'true' },
      folder,
    );
    parts = createParts(config);
    reads = [];
    kept = new Map();
    warnings = [];
    isOpen = true;
    answers = {
      read: (keys) => {
        const found = keys.map((key) => [key, kept.get(key)] as const);
        return Promise.resolve(new Map(found.filter((entry): entry is [string, StoredAnswer] => !!entry[1])));
      },
      write: (key, entry) => Promise.resolve(void kept.set(key, entry)),
    };
    const openSource: Parts['openSource'] = (uri, filter) => {
      const source = parts.openSource(uri, filter);
      const read: typeof source.read = (image, signal) => {
        reads.push(image.name);
        return source.read(image, signal);
      };
      return { ...source, read };
    };
    const environment = new MockActivityEnvironment();
    const planRun = createPlanRun({
      ...parts,
      account: config.account,
      taskQueue: 'test',
      loadPrompts: () => loadPrompts(config.promptsFile),
      limits: () => startLimits(config.limits),
      defaults: { model: config.model, detail: config.detail, results: config.results },
      api: config.api,
      route: config.route,
      maxOutputTokens: config.maxOutputTokens,
      searchAttributes: () => Promise.resolve([]),
    });
    const input = {
      input: { source: resolve('samples'), include: ['MARKET*.jpg'] },
      workflowId: 'w',
      startedAt: '2026-11-24T00:00:00.000Z',
      run: '20261124_000000',
    };
    const plan = await environment.run<[typeof input], PlanSummary, typeof planRun>(planRun, input);
    place = { results: plan.results, plan: plan.plan };
    const list = createListImages(parts);
    await environment.run(list, { ...place, page: 0, cursor: null, max: 10, found: 0 });
    ask = createAskModel({
      ...parts,
      openSource,
      answers: { read: (keys) => answers.read(keys), write: (key, entry) => answers.write(key, entry) },
      workflowIsOpen: () => Promise.resolve(isOpen),
      allowance: {
        claim: () => share('claimed'),
        acquire: () => Promise.resolve(share('acquired')),
        closed: () => false,
        refused({ closeMs, slowDown }) {
          if (closeMs > 0) told.push('closed for a while');
          if (slowDown) told.push('slows down');
        },
        called: () => () => {},
        left: () => ({ requestsLeft: 1, tokensLeft: 1, waiting: 0 }),
      },
      urlHealth: createUrlHealth(() => 0),
      textTokens: createTextTokens(),
      pictureTokens: createTextTokens(),
      tellLimits: (workflowId) => toldRuns.push(workflowId),
      now: Date.now,
      random: () => 0.5,
    });
  });

  afterEach(async () => {
    await simulator.close();
    await rm(folder, { recursive: true, force: true });
  });

  interface Attempt {
    outcome: AskResult | ApplicationFailure | CancelledFailure;
    beats: AskMemory[];
  }

  /** Runs an attempt; what it left in its heartbeats is the last element of `beats`. */
  const attempt = (memory?: Partial<AskMemory>, prompt = 'crowd-detection', number = 1): Promise<Attempt> =>
    begin(memory, prompt, number).ended;

  function begin(
    memory?: Partial<AskMemory>,
    prompt = 'crowd-detection',
    number = 1,
    results = place.results,
  ) {
    const info = { attempt: number, ...(memory === undefined ? {} : { heartbeatDetails: memory }) };
    const logger = new DefaultLogger('WARN', ({ message }) => void warnings.push(message));
    const environment = new MockActivityEnvironment(info, { logger });
    const beats: AskMemory[] = [];
    environment.on('heartbeat', (details: AskMemory) => beats.push(structuredClone(details)));
    const input = { ...place, results, page: 0, image: 0, prompt };
    const ended = environment
      .run<[typeof input], AskResult, typeof ask>(ask, input)
      .catch((err: unknown) => {
        if (err instanceof ApplicationFailure || err instanceof CancelledFailure) return err;
        throw err;
      })
      .then((outcome): Attempt => ({ outcome, beats }));
    return { environment, ended };
  }

  test('answers with the share that came with its task', async () => {
    const { outcome } = await attempt();
    expect(outcome).toMatchObject({ route: 'base64', tries: [{ outcome: 'ok', status: 200 }] });
    expect(told).toEqual(['claimed weighs a call', 'claimed weighs a call', 'claimed is admitted']);
    expect(toldRuns).toEqual(['w']);
  });

  test('leaves its tries to the next attempt, which counts on', async () => {
    simulator.setFaults([{ kind: 'server-error', count: 1 }]);
    const first = await attempt();
    expect(first.outcome).toMatchObject({
      type: 'ProviderError',
      nonRetryable: false,
      nextRetryDelay: 1_000,
    });
    const left = first.beats.at(-1);
    expect(left?.tries).toMatchObject([{ outcome: 'ProviderError', status: 500, waitMs: 1_000 }]);
    const second = await attempt(left);
    expect(second.outcome).toMatchObject({ tries: [{ outcome: 'ProviderError' }, { outcome: 'ok' }] });
  });

  test('records the fifth try, however many attempts were lost with their workers', async () => {
    simulator.setFaults([{ kind: 'rate-limit', share: 1 }]);
    let memory: AskMemory | undefined;
    const types: (string | undefined | null)[] = [];
    for (let n = 0; n < 5; n += 1) {
      const { outcome, beats } = await attempt(memory);
      if (!(outcome instanceof ApplicationFailure)) throw new Error('answered');
      types.push(`${outcome.type} ${outcome.nonRetryable ? 'for good' : 'for now'}`);
      memory = beats.at(-1);
      if (n === 4) {
        const [failure] = outcome.details as [AskFailure];
        expect(failure.tries.map((t: Try) => t.status)).toEqual([429, 429, 429, 429, 429]);
      }
    }
    expect(types).toEqual([...Array<string>(4).fill('RateLimited for now'), 'RateLimited for good']);
    expect(simulator.ledger).toHaveLength(5);
    expect(told.filter((line) => line === 'closed for a while')).toHaveLength(5);
  });

  test('waits for the limiter before a second call in the same attempt', async () => {
    simulator.setFaults([{ kind: 'truncated', count: 1 }]);
    const { outcome } = await attempt();
    expect(outcome).toMatchObject({ tries: [{ outcome: 'OutputTruncated' }, { outcome: 'ok' }] });
    expect(told).toEqual([
      'claimed weighs a call',
      'claimed weighs a call',
      'claimed is admitted',
      'acquired weighs a call',
      'acquired weighs a call',
      'acquired is admitted',
    ]);
  });

  test('reads a picture once for its six questions', async () => {
    const { prompts } = await loadPrompts(readConfig({}, folder).promptsFile);
    expect(prompts).toHaveLength(6);
    for (const { id } of prompts)
      expect((await attempt(undefined, id)).outcome).toMatchObject({ route: 'base64' });
    expect(reads).toHaveLength(1);
    expect(new Set(simulator.ledger.map((call) => call.sha256)).size).toBe(1);
    expect(parts.pictures.snapshot()).toMatchObject({ bytesInUse: 0, waiting: 0 });
  });

  test('holds nothing of a picture in use after a call that failed', async () => {
    simulator.setFaults([{ kind: 'server-error', count: 1 }]);
    expect((await attempt()).outcome).toMatchObject({ type: 'ProviderError' });
    expect(parts.pictures.snapshot()).toMatchObject({ bytesInUse: 0, waiting: 0 });
  });

  test('gives its share back when its picture waits for room in memory, and takes another', async () => {
    const { signal } = new AbortController();
    const url = { url: '', width: 1, height: 1 };
    const large = await parts.pictures.lend(
      'large',
      1e9,
      () => Promise.resolve({ value: url, bytes: 1e9 }),
      signal,
    );
    setTimeout(large.release, 1_200);
    const { outcome } = await attempt();
    expect(told[0]).toBe('claimed is cancelled');
    expect(told).toContain('acquired is admitted');
    expect((outcome as AskResult).timings.waitMs).toBeGreaterThan(1_000);
  });

  test('blocks the run, and gives its share back, when the run’s own files are gone', async () => {
    await rm(place.results, { recursive: true });
    const { outcome } = await attempt();
    expect(outcome).toMatchObject({ type: 'Blocked', nonRetryable: true });
    expect((outcome as ApplicationFailure).message).toMatch(/000000\.json is gone/);
    expect(told).toEqual(['claimed is cancelled']);
    expect(simulator.ledger).toHaveLength(0);
  });
});
