import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { answersByQuestion, CANARY_KEY, createPlace, distinctPicture, type Place } from '../helpers/cli.ts';
import { type FakeGcs, startFakeGcs } from '../helpers/fake-gcs.ts';
import type { ResultsFile } from '../../src/shared/results.ts';
import { decodedHistory } from '../helpers/history.ts';
import { startTemporal, type TemporalServer } from '../helpers/temporal-server.ts';

const PICTURES = 40;

/**
 * 40 pictures of a bucket, half of whose URLs time out, by a worker and the plain `temporal` CLI on a server of the
 * test's own. Then everything that was written is searched for the two secrets: the key and the URLs' signatures.
 */
describe('a bucket whose URLs time out for half of the pictures', () => {
  let simulator: Simulator;
  let gcs: FakeGcs;
  let temporal: TemporalServer;
  let place: Place;
  let output = '';
  const workflowId = 'image-analysis-by-hand';

  beforeAll(async () => {
    [gcs, temporal] = await Promise.all([startFakeGcs(), startTemporal()]);
    simulator = await startSimulator({
      latency: { medianMs: 60 },
      limits: { requestsPerMinute: 60_000, tokensPerMinute: 60_000_000 },
      faults: [{ kind: 'url-timeout', share: 0.5 }],
    });
    await gcs.createBucket('city-cameras');
    for (let n = 0; n < PICTURES; n += 1) {
      await gcs.put('city-cameras', `2025-11-25/camera ${n} #${n % 7} 100%.jpg`, distinctPicture(n));
    }
    await gcs.put('city-cameras', '2025-11-25/notes.txt', 'not a picture');
    place = createPlace({
      OPENAI_BASE_URL: simulator.url,
      STORAGE_EMULATOR_HOST: gcs.endpoint,
      GOOGLE_APPLICATION_CREDENTIALS: gcs.credentialsFile,
      TEMPORAL_ADDRESS: temporal.address,
      LIMITS: '50000/50000000',
    });
    const worker = place.start(['worker']);
    const input = JSON.stringify({
      source: 'gs://city-cameras/2025-11-25/',
      results: 'gs://city-cameras/results',
    });
    const start = ['workflow', 'start', '--type', 'analyzeImages', '--task-queue', 'image-analysis'];
    await temporal.temporal(...start, '-w', workflowId, '--input', input);
    await temporal.temporal('workflow', 'result', '-w', workflowId);
    worker.child.kill('SIGTERM');
    const ended = await worker.ended;
    expect(ended.code).toBe(0);
    output = ended.out + ended.err;
  });

  afterAll(async () => {
    await place.close();
    await Promise.all([simulator.close(), gcs.close(), temporal.close()]);
  });

  const resultFiles = async (): Promise<Record<string, string>> => {
    const [files] = await gcs.storage.bucket('city-cameras').getFiles({ prefix: 'results/' });
    const texts = await Promise.all(
      files.map(async (file) => [file.name, (await file.download())[0].toString()] as const),
    );
    return Object.fromEntries(texts);
  };

  test('is answered completely, by URL where it works and by base64 where it does not', async () => {
    const files = await resultFiles();
    const name = Object.keys(files).find((file) => file.endsWith('/results.json')) ?? '';
    const results = JSON.parse(files[name] ?? '') as ResultsFile;
    expect(results.state).toBe('complete');
    expect(results.totals).toMatchObject({ images: PICTURES, answered: PICTURES * 6, failed: 0, skipped: 1 });
    const { fallbacks, urlAnswers, base64Answers } = results.totals;
    expect(fallbacks).toBe(base64Answers);
    expect(urlAnswers + base64Answers).toBe(PICTURES * 6);
    expect(fallbacks).toBeGreaterThan(PICTURES * 6 * 0.25);
    expect(urlAnswers).toBeGreaterThan(PICTURES * 6 * 0.25);

    const said = new Map(
      [...answersByQuestion(simulator.ledger).values()].flat().map((entry) => [entry.requestId, entry]),
    );
    for (const image of results.images) {
      for (const entry of Object.values(image.answers)) {
        if ('error' in entry) throw new Error(entry.error.message);
        const { match, count, description } = entry;
        expect({ match, count, description }).toEqual(
          JSON.parse(said.get(entry.requestId ?? '')?.answer ?? ''),
        );
        if (entry.route === 'base64')
          expect(entry.fallback).toMatch(/Timeout while downloading|could not be fetched/);
      }
    }
  });

  test('counts the second call of a fallback against the limits', async () => {
    const files = await resultFiles();
    const text = Object.entries(files).find(([file]) => file.endsWith('/results.json'))?.[1] ?? '';
    const results = JSON.parse(text) as ResultsFile;
    expect(results.totals.tries).toBe(simulator.ledger.length);
    const timedOut = simulator.ledger.filter((entry) => entry.fault === 'url-timeout').length;
    expect(results.totals.tries).toBe(PICTURES * 6 + timedOut);
  });

  test('leaves no key and no signature in history, logs, results or the database', async () => {
    const connection = await Connection.connect({ address: temporal.address });
    const client = new Client({ connection, namespace: temporal.namespace });
    const histories = [await decodedHistory(client, workflowId)];
    for (let batch = 1; batch <= PICTURES / 4; batch += 1) {
      histories.push(await decodedHistory(client, `${workflowId}-batch-${batch}`));
    }
    await connection.close();
    const database = readdirSync(join(temporal.dbFile, '..'))
      .map((name) => join(temporal.dbFile, '..', name))
      .filter((file) => statSync(file).isFile())
      .map((file) => readFileSync(file, 'latin1'));
    const everything: Record<string, string> = {
      history: JSON.stringify(histories),
      log: output,
      results: JSON.stringify(await resultFiles()),
      database: database.join('\n'),
    };
    expect(everything.history).toContain('Timeout while downloading');
    expect(everything.log).toContain('falling back to base64');
    expect(everything.database).toContain('askModel');
    for (const [where, text] of Object.entries(everything)) {
      for (const secret of [CANARY_KEY, 'X-Goog-Signature', 'X-Goog-Credential']) {
        expect(text.includes(secret), `${where} holds ${secret}`).toBe(false);
      }
    }
  });

  test('answers `ask` about one picture in the same way', async () => {
    simulator.setFaults([{ kind: 'url-timeout', share: 1 }]);
    const one = [
      'ask',
      'gs://city-cameras/2025-11-25/camera 3 #3 100%.jpg',
      '--prompt',
      'pothole-detection',
      '--json',
    ];
    const { code, out, err } = await place.run(one);
    expect(code, err).toBe(0);
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ event }) => event)).toEqual(['request', 'failure', 'request', 'answer']);
    expect(events.at(-1)).toMatchObject({
      result: { route: 'base64', fallback: expect.stringMatching(/Timeout/) as string },
    });
    expect(out + err).not.toContain('X-Goog-Signature');
  });

  test('says what went wrong, as the team’s old log did', () => {
    expect(output).toMatch(/batch 1\/10 begins with 4 pictures/);
    expect(output).toMatch(/analyzing with 6 prompts: Crowd Detection, No Parking Violation/);
    expect(output).toMatch(/trying signed URL/);
    expect(output).toMatch(/signed URL generated in \d+ ms/);
    expect(output).toMatch(/downloaded [\d.]+ KB in \d+ ms, encoded in \d+ ms/);
    expect(output).toMatch(/answered in \d+ ms: match (true|false), count \d+/);
    expect(output).toMatch(/picture done in \d+ ms \(URL \d+ ms, processing \d+ ms\), \d\/6 prompts matched/);
    expect(output).toMatch(/batch 10\/10 completed in [\d.]+s \(4\/4 successful\)/);
    expect(output).toMatch(/results saved: 40\/40 pictures/);
  });
});

test('an empty STORAGE_EMULATOR_HOST, as a compose file gives it, is none', async () => {
  const place = createPlace({ STORAGE_EMULATOR_HOST: '' });
  try {
    const { code, out, err } = await place.run(['run', 'gs://no-such-bucket-of-ours/pictures/', '--dry-run']);
    expect(code).not.toBe(0);
    expect(out + err).toContain('gs://no-such-bucket-of-ours/pictures/');
    expect(out + err).not.toContain('https://storage/');
  } finally {
    await place.close();
  }
});
