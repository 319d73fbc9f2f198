import { cp, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ActivityCancellationDetails, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Share } from '../../src/activities/allowance.ts';
import type { AskMemory } from '../../src/activities/ask-memory.ts';
import { createAskModel } from '../../src/activities/ask-model.ts';
import type { AnswerStore, StoredAnswer } from '../../src/activities/ports.ts';
import { createTextTokens } from '../../src/activities/text-tokens.ts';
import { createUrlHealth } from '../../src/activities/url-health.ts';
import { readConfig } from '../../src/config.ts';
import { StoreError } from '../../src/shared/result-store.ts';
import type { AskFailure, AskResult, Try } from '../../src/shared/types.ts';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createParts, type Parts } from '../../src/worker/parts.ts';
import { loadPrompts } from '../../src/worker/prompts-file.ts';
import { plannedRun } from '../helpers/planned-run.ts';
import { until } from '../helpers/until.ts';

/** One question by the real activity, against the simulator, with an allowance that writes down what it is told. */
describe('askModel', () => {
  let simulator: Simulator;
  let folder: string;
  let told: string[];
  let toldRuns: string[];
  /** Folder of its pictures. */
  let source: string;
  let place: { results: string; plan: string };
  let ask: ReturnType<typeof createAskModel>;
  let parts: Parts;
  /** Names of the pictures that were read, in this order. */
  let reads: string[];
  let kept: Map<string, StoredAnswer>;
  let answers: AnswerStore;
  let warnings: string[];
  let isOpen: boolean;
  /** Is called when a call is about to go. */
  let onSend: () => void;

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
    source = join(folder, 'pictures');
    await cp(resolve('samples'), source, { recursive: true });
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
    onSend = () => {};
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
    place = await plannedRun(config, parts, { source, include: ['MARKET*.jpg'] });
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
        called() {
          onSend();
          return () => {};
        },
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

  const anotherRuns = async (): Promise<StoredAnswer> => {
    const { outcome } = await attempt();
    const [key = ''] = kept.keys();
    const entry = { answer: outcome as AskResult, run: '/results/20261101_080000', image: '0/0' };
    kept.set(key, entry);
    told = [];
    return entry;
  };

  describe('kept answers', () => {
    test('an answer is kept before it is given, with the run that paid for it', async () => {
      const { outcome } = await attempt();
      expect([...kept.values()]).toEqual([{ answer: outcome, run: place.results, image: '0/0' }]);
      expect([...kept.keys()][0]).toMatch(/^[0-9a-f]{64}$/);
    });

    test("its own answer is given again as it was, another run's with that run's name; nothing is sent", async () => {
      const first = await attempt();
      expect((await attempt()).outcome).toEqual(first.outcome);
      const { answer } = await anotherRuns();
      expect((await attempt()).outcome).toEqual({ ...answer, recalledFrom: '20261101_080000' });
      expect(simulator.ledger).toHaveLength(1);
      expect(told).toEqual(['claimed is cancelled']);
    });

    test('a store that cannot be read is said once, one that cannot be written each time; answers come', async () => {
      const broken = (): Promise<never> =>
        Promise.reject(new StoreError('unreachable', 'https://s/b?X-Goog-Signature=c0ffee is gone'));
      answers = { read: broken, write: broken };
      for (const prompt of ['crowd-detection', 'pothole-detection'])
        expect((await attempt(undefined, prompt)).outcome).toMatchObject({ tries: [{ outcome: 'ok' }] });
      expect(warnings.filter((line) => line.includes('cannot be read'))).toHaveLength(1);
      expect(warnings.filter((line) => line.includes('could not be kept'))).toHaveLength(2);
      expect(warnings.join()).not.toContain('c0ffee');
    });
  });

  describe('two equal questions at once', () => {
    test('are asked once; the second gives its share back and gets the answer', async () => {
      const [first, second] = await Promise.all([attempt(), attempt()]);
      expect(second.outcome).toEqual(first.outcome);
      expect(simulator.ledger).toHaveLength(1);
      expect(told[0]).toBe('claimed is cancelled');
    });

    test('the second asks itself when the first fails', async () => {
      simulator.setFaults([{ kind: 'server-error', count: 1 }]);
      const [first, second] = await Promise.all([attempt(), attempt()]);
      expect(first.outcome).toMatchObject({ type: 'ProviderError' });
      expect(second.outcome).toMatchObject({ tries: [{ outcome: 'ok' }] });
      expect(simulator.ledger).toHaveLength(2);
    });

    test('the second may be called off while it waits', async () => {
      simulator.setFaults([{ kind: 'hang-before', count: 1 }]);
      const first = begin();
      const second = begin();
      await until(async () => simulator.ledger.length === 1);
      second.environment.cancel();
      expect((await second.ended).outcome).toBeInstanceOf(CancelledFailure);
      isOpen = false;
      first.environment.cancel();
      await first.ended;
    });
  });

  describe('called off', () => {
    test('a call that is open ends, and its answer counts and is kept', async () => {
      const { environment, ended } = begin();
      onSend = () => environment.cancel();
      expect((await ended).outcome).toMatchObject({ tries: [{ outcome: 'ok' }] });
      expect(kept.size).toBe(1);
    });

    test('a call that is open is given up within two seconds once its workflow has ended', async () => {
      simulator.setFaults([{ kind: 'hang-before', count: 1 }]);
      const { environment, ended } = begin();
      await until(async () => simulator.ledger.length === 1);
      environment.cancel();
      await new Promise((done) => setTimeout(done, 200));
      expect(simulator.ledger[0]?.delivered).toBe(null);
      isOpen = false;
      const closed = performance.now();
      await ended;
      expect(performance.now() - closed).toBeLessThan(2_500);
      expect(simulator.ledger).toHaveLength(1);
    });

    test('no second call is sent after the first', async () => {
      simulator.setFaults([{ kind: 'truncated', count: 1 }]);
      const { environment, ended } = begin();
      onSend = () => environment.cancel();
      expect((await ended).outcome).toBeInstanceOf(CancelledFailure);
      expect(simulator.ledger).toHaveLength(1);
    });

    test('by the end of its worker: the call is given up at once and asked again', async () => {
      simulator.setFaults([{ kind: 'hang-before', count: 1 }]);
      const { environment, ended } = begin();
      await until(async () => simulator.ledger.length === 1);
      environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
      const { outcome, beats } = await ended;
      expect(outcome).toMatchObject({ type: 'Lost', nonRetryable: false, nextRetryDelay: 0 });
      expect(beats.at(-1)).toMatchObject({ settled: 1, tries: [] });
    });
  });

  describe('lost with its worker', () => {
    test('an attempt that ends by itself says so in its last heartbeat', async () => {
      simulator.setFaults([{ kind: 'server-error', count: 2 }]);
      const first = await attempt();
      expect(first.beats.at(-1)).toMatchObject({ settled: 1, alone: false });
      const second = await attempt(first.beats.at(-1), 'crowd-detection', 2);
      expect(second.beats.at(-1)).toMatchObject({ settled: 2, alone: false });
    });

    test('three times, it is asked alone: others wait, and it says so before it touches the picture', async () => {
      simulator.setFaults([{ kind: 'hang-before', count: 1 }]);
      const other = begin(undefined, 'pothole-detection');
      await until(async () => simulator.ledger.length === 1);
      const alone = begin({ settled: 2 }, 'crowd-detection', 6);
      await new Promise((done) => setTimeout(done, 300));
      const third = begin(undefined, 'garbage-detection');
      await new Promise((done) => setTimeout(done, 300));
      expect(simulator.ledger).toHaveLength(1);
      isOpen = false;
      other.environment.cancel();
      await other.ended;
      reads = [];
      await new Promise((done) => setTimeout(done, 1_000));
      expect(reads).toEqual([]);
      const { outcome, beats } = await alone.ended;
      expect(outcome).toMatchObject({ tries: [{ outcome: 'ok' }] });
      expect(beats.find((memory) => memory.alone)).toMatchObject({ settled: 2 });
      expect(simulator.ledger).toHaveLength(2);
      expect((await third.ended).outcome).toMatchObject({ tries: [{ outcome: 'ok' }] });
      expect(simulator.ledger).toHaveLength(3);
    }, 15_000);

    test('once more while it was alone, it is recorded with the picture’s name, unless its answer was kept', async () => {
      const { outcome } = await attempt({ settled: 1, alone: true }, 'crowd-detection', 6);
      expect(outcome).toMatchObject({ type: 'Lost', nonRetryable: true });
      const [failure] = (outcome as ApplicationFailure).details as [AskFailure & { scope: string }];
      expect(failure).toMatchObject({ kind: 'Lost', scope: 'picture', tries: [] });
      expect(failure.message).toMatch(/lost 4 times while it asked about MARKET.*\.jpg, .* ask again/);
      expect(simulator.ledger).toHaveLength(0);
      await anotherRuns();
      const again = await attempt({ settled: 1, alone: true }, 'crowd-detection', 6);
      expect(again.outcome).toMatchObject({ recalledFrom: '20261101_080000' });
    });
  });

  describe('no connection', () => {
    const failed = (n: number): Partial<AskMemory> => {
      const at = '2026-11-24T00:00:00.000Z';
      const one: Try = { at, ms: 1, route: 'base64', status: null, outcome: 'ProviderError', charged: 1 };
      return { tries: Array.from({ length: n }, () => one), settled: n };
    };

    test('blocks the run after five tries while the server answers nothing at all', async () => {
      await simulator.close();
      expect((await attempt(failed(3), 'crowd-detection', 4)).outcome).toMatchObject({
        type: 'ProviderError',
      });
      const { outcome } = await attempt(failed(4), 'crowd-detection', 5);
      expect(outcome).toMatchObject({ type: 'Blocked', nonRetryable: true });
      const [block] = (outcome as ApplicationFailure).details as [{ reason: string; tries: Try[] }];
      expect(block.reason).toMatch(/^The model's server cannot be reached\. .*ECONNREFUSED/);
      // None of them reached a server.
      expect(block.tries).toEqual([]);
      expect(told).toContain('closed for a while');
    });

    test('is the question’s own fault while the server answers others: six tries, then recorded', async () => {
      simulator.setFaults([{ kind: 'reset', share: 1 }]);
      const fifth = await attempt(failed(4), 'crowd-detection', 5);
      expect(fifth.outcome).toMatchObject({
        type: 'ProviderError',
        nonRetryable: false,
        nextRetryDelay: 16_000,
      });
      const sixth = await attempt(fifth.beats.at(-1), 'crowd-detection', 6);
      expect(sixth.outcome).toMatchObject({ type: 'ProviderError', nonRetryable: true });
      expect(told).not.toContain('closed for a while');
    });
  });

  test('a picture that is gone is recorded; a source that is gone blocks the run', async () => {
    const moved = join(folder, 'moved');
    await rename(source, moved);
    expect((await attempt()).outcome).toMatchObject({ type: 'Blocked', nonRetryable: true });
    await rename(moved, source);
    for (const name of await readdir(source)) await rm(join(source, name));
    expect((await attempt()).outcome).toMatchObject({ type: 'PictureGone', nonRetryable: true });
  });
});
