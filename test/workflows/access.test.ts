import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import { environmentOf, readConfig } from '../../src/config.ts';
import { startWorkers } from '../../src/worker/main.ts';
import { authority, certificate, type Signed } from '../helpers/certificates.ts';
import { doctor, expectOnlyWrong, inState } from '../helpers/doctor.ts';
import { type Front, startCallFront, startTlsFront } from '../helpers/fronts.ts';
import { runHere } from '../helpers/program.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { until } from '../helpers/until.ts';

const server = inject('temporal');
const KEY = 'eyJcanary.0123456789abcdef.signature';

let folder: string;
let ca: Signed;
let mutual: Record<string, string>;
let harness: Harness | undefined;
let front: Front | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'access-'));
  ca = await authority();
  const own = await certificate(ca, { names: ['client'] });
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  mutual = {
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: write('ca.pem', ca.cert),
    TEMPORAL_TLS_CLIENT_CERT_PATH: write('client.pem', own.cert),
    TEMPORAL_TLS_CLIENT_KEY_PATH: write('client.key', own.key),
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  await harness?.close();
  await front?.close();
  [harness, front] = [undefined, undefined];
});

/** The environment of the harness with another access in place of its own. */
const other = (access: Record<string, string>): Record<string, string> => {
  const all = environmentOf((harness as Harness).config);
  const kept = Object.entries(all).filter(([name]) => !/^TEMPORAL_(TLS|API_KEY)/.test(name));
  return { ...Object.fromEntries(kept), ...access };
};

async function completes(name: string): Promise<void> {
  const { config, folder: own, pictures } = harness as Harness;
  const run = ['run', await pictures(2), '--name', name, '--json'];
  const ran = await runHere(own, run, environmentOf(config));
  expect(ran.err).not.toContain(KEY);
  expect(ran.status).toBe(0);
  const { images } = await (harness as Harness).results(name);
  expect(images).toHaveLength(2);
}

test('mutual TLS: a run completes, and doctor finds the server, its worker and all', async () => {
  front = await startTlsFront(server.address, await certificate(ca), ca);
  const env = { TEMPORAL_ADDRESS: `localhost:${front.port}`, ...mutual };
  harness = await createHarness(server, { env });
  await completes('by-certificate');

  const { config, folder: own, pictures } = harness;
  const source = await pictures(1);
  await until(
    async () => (await doctor(own, environmentOf(config), [source])).checks.get('workers')?.state === 'ok',
  );
  expect(inState(await doctor(own, environmentOf(config), [source]), 'wrong')).toEqual([]);

  const none = other({ TEMPORAL_TLS_SERVER_CA_CERT_PATH: mutual['TEMPORAL_TLS_SERVER_CA_CERT_PATH'] ?? '' });
  expectOnlyWrong(
    await doctor(own, none, [source]),
    'temporal',
    /asks for a certificate/,
    /TEMPORAL_TLS_CLIENT_CERT_PATH=/,
  );
  const logger = pino({ level: 'silent' });
  await expect(startWorkers(readConfig(none, own), { logger })).rejects.toThrow(/asks for a certificate/);
  const untrusted = other({ ...mutual, TEMPORAL_TLS_SERVER_CA_CERT_PATH: '' });
  expect((await runHere(own, ['run', source], untrusted)).err).toMatch(
    /is not trusted .*SERVER_CA_CERT_PATH=/,
  );
});

test('an API key, and an operator service that is closed as at Temporal Cloud: a run completes', async () => {
  front = await startCallFront(server.address, (path, { authorization }) =>
    authorization !== `Bearer ${KEY}` ? 16 : path.includes('OperatorService') ? 7 : null,
  );
  const env = { TEMPORAL_ADDRESS: `localhost:${front.port}`, TEMPORAL_API_KEY: KEY, TEMPORAL_TLS: 'false' };
  harness = await createHarness(server, { env });
  await completes('by-key');
  const query = `TaskQueue = '${harness.config.taskQueue}' AND ImageAnalysisRun = 'by-key'`;
  const { client, config, folder: own } = harness;
  await until(async () => (await client.workflow.count(query)).count > 0);

  const diagnosis = await doctor(own, environmentOf(config));
  expect(diagnosis.checks.get('search-attributes')).toMatchObject({
    state: 'ok',
    found: expect.stringMatching(/are there\. The server does not tell their types/),
  });
  const wrongKey = await doctor(own, other({ TEMPORAL_API_KEY: `${KEY}x`, TEMPORAL_TLS: 'false' }));
  expectOnlyWrong(wrongKey, 'temporal', /refuses the API key of TEMPORAL_API_KEY/, /Make a new key/);
  expect(wrongKey.text).not.toContain(KEY);
});
