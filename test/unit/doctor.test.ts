import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator/server.ts';
import { createProbes } from '../../src/worker/checks.ts';
import { type Diagnosis, doctor, expectOnlyWrong, inState } from '../helpers/doctor.ts';
import { type FakeGcs, startFakeGcs } from '../helpers/fake-gcs.ts';
import { freePort } from '../helpers/free-port.ts';
import { runHere } from '../helpers/program.ts';

const KEY = 'sk-canary-0123456789abcdefghij';

let fake: FakeGcs;
let simulator: Simulator;
let folder: string;
let pictures: string;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  fake = await startFakeGcs();
  await fake.createBucket('city-cameras');
  const [sample = ''] = (await readdir('samples')).filter((name) => name.endsWith('.jpg'));
  await fake.storage
    .bucket('city-cameras')
    .upload(path.join('samples', sample), { destination: 'day/a.jpg' });
}, 120_000);
afterAll(() => fake.close());

beforeEach(async () => {
  simulator = await startSimulator({ latency: { medianMs: 5 } });
  folder = await mkdtemp(path.join(os.tmpdir(), 'doctor-'));
  pictures = path.join(folder, 'pictures');
  await mkdir(pictures);
  const [sample = ''] = (await readdir('samples')).filter((name) => name.endsWith('.jpg'));
  await cp(path.join('samples', sample), path.join(pictures, 'a.jpg'));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  vi.unstubAllEnvs();
  await simulator.close();
  await rm(folder, { recursive: true, force: true });
});

/** All is well but for what `env` says; the embedded engine does not run. */
const examine = (
  env: Record<string, string> = {},
  args: string[] = [pictures],
  can: Parameters<typeof doctor>[3] = {},
): Promise<Diagnosis> =>
  doctor(
    folder,
    { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: simulator.url, SIMULATED: 'true', ...env },
    args,
    can,
  );

async function listening(server: Server | ReturnType<typeof createTlsServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const serve = (handler: RequestListener): Promise<string> =>
  listening(
    createServer((request, response) => {
      response.setHeader('connection', 'close');
      handler(request, response);
    }),
  );

/** A server of TLS with a certificate that nobody trusts. */
async function serveTls(): Promise<string> {
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => path.join(folder, name));
  const subject = ['-subj', '/CN=localhost', '-days', '1', '-keyout', key ?? '', '-out', cert ?? ''];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject], { stdio: 'pipe' });
  const server = createTlsServer({ key: await readFile(key ?? ''), cert: await readFile(cert ?? '') });
  server.on('tlsClientError', () => {});
  server.on('secureConnection', (socket) => socket.on('error', () => {}));
  return listening(server);
}

/** Mounts a small disk of memory; `null` when it can be, else why not. */
function mount(at: string, options: string): string | null {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', at], { stdio: 'pipe' });
    cleanups.push(() => execFileSync('umount', ['-l', at]));
    return null;
  } catch {
    return 'a disk of its own cannot be mounted here: that needs root on Linux';
  }
}

test('where all is well, everything is in order or was not asked, and nothing is changed', async () => {
  const before = await readdir(folder, { recursive: true });
  const diagnosis = await examine();
  expect(inState(diagnosis, 'wrong')).toEqual([]);
  expect(diagnosis.status).toBe(0);
  expect([...diagnosis.checks.keys()]).toEqual([
    ...['temporal', 'namespace', 'search-attributes', 'model-queue', 'workers'],
    ...['model-server', 'key', 'model', 'answer', 'clock'],
    ...['source', 'picture', 'signing', 'results', 'answers', 'disk'],
  ]);
  expect(inState(diagnosis, 'ok')).toEqual(
    expect.arrayContaining([
      'model-server',
      'key',
      'model',
      'clock',
      'source',
      'picture',
      'results',
      'answers',
    ]),
  );
  expect(diagnosis.checks.get('temporal')?.found).toMatch(
    /does not run, which is no fault: `image-analysis run`/,
  );
  expect(diagnosis.checks.get('answer')).toMatchObject({ state: 'skipped' });
  expect(diagnosis.checks.get('answer')?.remedy).toMatch(/doctor --ask/);
  expect(simulator.ledger).toHaveLength(0);
  expect(await readdir(folder, { recursive: true })).toEqual(before);
  expect(diagnosis.text).not.toContain(KEY);
  expect(Object.keys(diagnosis.checks.get('disk') ?? {})).toEqual([
    'check',
    'title',
    'state',
    'found',
    'remedy',
    'ms',
  ]);
});

test('what a person reads, without a source', async () => {
  const { status, out } = await runHere(
    folder,
    ['doctor'],
    { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: simulator.url, SIMULATED: 'true' },
    { openProbes: async (config) => createProbes(config) },
  );
  expect(status).toBe(0);
  expect(out).toMatch(/^ok {7}Key {16}The key is accepted\.$/m);
  expect(out).toMatch(
    /^skipped {2}Source {13}No source was given[^]*looked for\.\n +Name one: `image-analysis doctor gs:/m,
  );
  expect(out).toMatch(/\n\nNothing is wrong, \d+ are in order, \d+ were not looked at\.\n$/);
});

test('--ask makes one call, and tells what the account has', async () => {
  const diagnosis = await examine({}, [pictures, '--ask']);
  expect(diagnosis.checks.get('answer')).toMatchObject({ state: 'ok' });
  expect(diagnosis.checks.get('answer')?.found).toMatch(/500 requests and 30,000 tokens a minute/);
  expect(simulator.ledger).toHaveLength(1);

  const over = await examine({ LIMITS: '600/28000' }, [pictures, '--ask']);
  expect(over.checks.get('answer')).toMatchObject({ state: 'warn' });
  expect(over.checks.get('answer')?.remedy).toMatch(/LIMITS=auto/);

  simulator.setRateHeaders(false);
  const silent = await examine({}, [pictures, '--ask']);
  expect(silent.checks.get('answer')).toMatchObject({ state: 'warn' });
  expect(silent.checks.get('answer')?.remedy).toMatch(/LIMITS=480\/28000/);
});

test('a bucket is listed, read, signed for, and written, and nothing is left in it', async () => {
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', fake.credentialsFile);
  const place = { STORAGE_EMULATOR_HOST: fake.endpoint, RESULTS: 'gs://city-cameras/results' };
  const diagnosis = await examine(place, ['gs://city-cameras/day/']);
  expect(inState(diagnosis, 'ok')).toEqual(
    expect.arrayContaining(['source', 'picture', 'signing', 'results', 'answers']),
  );
  expect(diagnosis.status).toBe(0);
  const [left] = await fake.storage.bucket('city-cameras').getFiles();
  expect(left.map(({ name }) => name)).toEqual(['day/a.jpg']);
});

test('no server at the address', async () => {
  const diagnosis = await examine({ TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` });
  expectOnlyWrong(
    diagnosis,
    'temporal',
    /No Temporal server.*nothing listens there/,
    /Start it, correct TEMPORAL_ADDRESS/,
  );
  expect(diagnosis.checks.get('workers')?.found).toMatch(/needs “Namespace”/);
});

test('a name without an address', async () => {
  const diagnosis = await examine({ TEMPORAL_ADDRESS: 'temporal.invalid:7233' });
  expectOnlyWrong(diagnosis, 'temporal', /temporal\.invalid:7233: .*DNS/, /correct TEMPORAL_ADDRESS/);
});

test('the Web UI’s address in place of the server’s', async () => {
  const address = await serve((_request, response) => response.end('<html></html>'));
  const diagnosis = await examine({ TEMPORAL_ADDRESS: address });
  expectOnlyWrong(diagnosis, 'temporal', /is no Temporal server/, /not that of its Web UI/);
});

test('a Temporal server behind TLS', async () => {
  const diagnosis = await examine({ TEMPORAL_ADDRESS: await serveTls() });
  expectOnlyWrong(diagnosis, 'temporal', /speaks TLS/, /without TLS|TLS/);
});

test('no model server at the address', async () => {
  const diagnosis = await examine({ OPENAI_BASE_URL: `http://127.0.0.1:${await freePort()}/v1` });
  expectOnlyWrong(diagnosis, 'model-server', /nothing listens there/, /OPENAI_BASE_URL/);
  expect(inState(diagnosis, 'skipped')).toEqual(expect.arrayContaining(['key', 'model', 'answer', 'clock']));
});

test('http:// to a model server behind TLS', async () => {
  const diagnosis = await examine({ OPENAI_BASE_URL: `http://${await serveTls()}/v1` });
  expectOnlyWrong(diagnosis, 'model-server', /speaks TLS/, /OPENAI_BASE_URL=https:\/\/127/);
});

test('https:// to a model server without TLS', async () => {
  const diagnosis = await examine({ OPENAI_BASE_URL: simulator.url.replace('http:', 'https:') });
  expectOnlyWrong(diagnosis, 'model-server', /does not speak TLS/, /OPENAI_BASE_URL=http:\/\/127/);
});

test('a certificate that nobody trusts', async () => {
  const diagnosis = await examine({ OPENAI_BASE_URL: `https://${await serveTls()}/v1` });
  expectOnlyWrong(diagnosis, 'model-server', /is not trusted/, /NODE_EXTRA_CA_CERTS/);
});

test('a simulator in place of a real model', async () => {
  const diagnosis = await examine({ SIMULATED: 'false' });
  expectOnlyWrong(diagnosis, 'model-server', /A simulator answers/, /Correct OPENAI_BASE_URL/);
});

test('a provider that is down', async () => {
  const address = await serve((_request, response) =>
    response.writeHead(503, { 'x-simulated': 'true' }).end(),
  );
  const diagnosis = await examine({ OPENAI_BASE_URL: `http://${address}/v1` });
  expectOnlyWrong(diagnosis, 'model-server', /HTTP 503/, /status page/);
});

test('a base URL that lacks its path is told of', async () => {
  const diagnosis = await examine({ OPENAI_BASE_URL: simulator.url.replace('/v1', '/v2') });
  expect(diagnosis.checks.get('key')).toMatchObject({ state: 'warn' });
  expect(diagnosis.checks.get('model')).toMatchObject({ state: 'skipped' });
  expect(diagnosis.checks.get('key')?.remedy).toMatch(/\/v1 at the end/);
});

test('a wrong key', async () => {
  simulator.setKeys(['sk-another']);
  const diagnosis = await examine();
  expectOnlyWrong(diagnosis, 'key', /Incorrect API key/i, /valid key in OPENAI_API_KEY/);
  expect(diagnosis.text).not.toContain(KEY.slice(0, 12));
});

test('an unknown model', async () => {
  const diagnosis = await examine({ MODEL: 'gpt-nonesuch' });
  expectOnlyWrong(diagnosis, 'model', /gpt-nonesuch/, /MODEL=gpt-4o/);
});

test('an account without credit', async () => {
  simulator.setFaults([{ kind: 'insufficient-quota', share: 1 }]);
  const diagnosis = await examine({}, [pictures, '--ask']);
  expectOnlyWrong(diagnosis, 'answer', /quota/, /Add credit/);
});

test('a model that sees no pictures', async () => {
  const address = await serve((request, response) => {
    const [status, body] =
      request.method === 'GET'
        ? [200, { id: 'llama', object: 'model' }]
        : [400, { error: { message: 'This model does not support image input.' } }];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  const env = { OPENAI_BASE_URL: `http://${address}/v1`, SIMULATED: 'false', MODEL: 'llama' };
  expectOnlyWrong(await examine(env, ['--ask']), 'answer', /does not support image/, /choose another/);
});

test.each([
  ['ahead of', 120_000],
  ['behind', -120_000],
])('a clock two minutes %s the model server’s', async (words, byMs) => {
  const diagnosis = await examine({}, [pictures], { now: () => Date.now() + byMs });
  expectOnlyWrong(diagnosis, 'clock', new RegExp(`1[12]\\d s ${words}`), /timedatectl set-ntp true/);
});

test('a folder that is not there', async () => {
  const diagnosis = await examine({}, ['nowhere']);
  expectOnlyWrong(diagnosis, 'source', /There is no folder .*nowhere/, /Correct the path/);
  expect(inState(diagnosis, 'skipped')).toEqual(expect.arrayContaining(['picture', 'signing']));
});

test('a folder without pictures', async () => {
  await mkdir(path.join(folder, 'texts'));
  await writeFile(path.join(folder, 'texts', 'a.txt'), 'x');
  const diagnosis = await examine({}, ['texts']);
  expectOnlyWrong(diagnosis, 'source', /holds no pictures \(1 other file passed over\)/, /JPEG, PNG or WebP/);
});

test('an address of another kind of store', async () => {
  expectOnlyWrong(await examine({}, ['s3://bucket/day/']), 'source', /is neither gs:/, /gs:\/\/city-cameras/);
});

test('a bucket that is not there', async () => {
  const diagnosis = await examine({ STORAGE_EMULATOR_HOST: fake.endpoint }, ['gs://no-such-bucket/day/']);
  expectOnlyWrong(
    diagnosis,
    'source',
    /there is no bucket no-such-bucket/,
    /gcloud storage buckets create gs:\/\/no-such-bucket/,
  );
});

test('a bucket that may not be listed', async () => {
  const address = await serve((_request, response) => {
    const error = { code: 403, message: 'worker@x does not have storage.objects.list access' };
    response.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
  });
  const diagnosis = await examine({ STORAGE_EMULATOR_HOST: `http://${address}` }, ['gs://city-cameras/day/']);
  expectOnlyWrong(
    diagnosis,
    'source',
    /storage\.objects\.list/,
    /add-iam-policy-binding gs:\/\/city-cameras .*objectViewer/,
  );
});

test('credentials that cannot sign', async () => {
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '/no/such/key.json');
  const diagnosis = await examine({ STORAGE_EMULATOR_HOST: fake.endpoint }, ['gs://city-cameras/day/']);
  expectOnlyWrong(
    diagnosis,
    'signing',
    /cannot sign URLs/,
    /GOOGLE_APPLICATION_CREDENTIALS=.*IMAGE_ROUTE=base64/,
  );
  const bytes = { STORAGE_EMULATOR_HOST: fake.endpoint, IMAGE_ROUTE: 'base64' };
  expect((await examine(bytes, ['gs://city-cameras/day/'])).status).toBe(0);
});

test('signed URLs that are refused, with no word of the signature', async () => {
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', fake.credentialsFile);
  const address = await serve((request, response) => {
    if (request.url?.includes('X-Goog-Signature')) return void response.writeHead(403).end();
    void fetch(fake.endpoint + (request.url ?? '')).then(async (answer) => {
      const type = answer.headers.get('content-type') ?? '';
      response
        .writeHead(answer.status, { 'content-type': type })
        .end(Buffer.from(await answer.arrayBuffer()));
    });
  });
  const diagnosis = await examine({ STORAGE_EMULATOR_HOST: `http://${address}` }, ['gs://city-cameras/day/']);
  expectOnlyWrong(diagnosis, 'signing', /refused with HTTP 403/, /objectViewer.*IMAGE_ROUTE=base64/);
  expect(diagnosis.text).not.toContain('X-Goog');
});

test('a results place that is a file', async () => {
  await writeFile(path.join(folder, 'results'), 'x');
  const diagnosis = await examine();
  expectOnlyWrong(diagnosis, 'results', /cannot be written/, /RESULTS=\/srv\/image-analysis/);
  expect(diagnosis.text).not.toContain('.doctor-');
});

test('a results place that may not be written', async ({ skip }) => {
  const results = path.join(folder, 'results');
  await mkdir(results);
  const unmountable = mount(results, 'ro');
  skip(unmountable !== null, unmountable ?? '');
  const answers = { ANSWERS: path.join(folder, 'answers') };
  const diagnosis = await examine(answers);
  // A disk of memory that may not be written has no room either.
  expect(inState(diagnosis, 'wrong')).toContain('results');
  expect(diagnosis.checks.get('results')?.found).toMatch(/read-only/);
  expect(diagnosis.checks.get('results')?.remedy).toMatch(/name another place: RESULTS=/);
});

test('a results place in a bucket that is not there', async () => {
  const env = { STORAGE_EMULATOR_HOST: fake.endpoint, RESULTS: 'gs://no-such-bucket/results' };
  expectOnlyWrong(
    await examine(env),
    'results',
    /no-such-bucket/,
    /buckets create gs:\/\/no-such-bucket.*RESULTS=/,
  );
});

test('an answer store that cannot be written', async () => {
  await writeFile(path.join(folder, 'answers'), 'x');
  const diagnosis = await examine({ ANSWERS: path.join(folder, 'answers') });
  expectOnlyWrong(
    diagnosis,
    'answers',
    /answers in .* cannot be (?:written|read)/,
    /ANSWERS=\/srv\/image-analysis/,
  );
});

test('a disk that is full', async ({ skip }) => {
  const data = path.join(folder, 'data');
  await mkdir(data);
  const unmountable = mount(data, 'size=4m');
  skip(unmountable !== null, unmountable ?? '');
  expectOnlyWrong(await examine({ DATA_DIR: data }), 'disk', /disk of .*data is full/, /DATA_DIR=\/srv/);
});

test('a disk with little room is told of', async ({ skip }) => {
  const data = path.join(folder, 'data');
  await mkdir(data);
  const unmountable = mount(data, 'size=60m');
  skip(unmountable !== null, unmountable ?? '');
  const diagnosis = await examine({ DATA_DIR: data });
  expect(diagnosis.checks.get('disk')).toMatchObject({ state: 'warn' });
  expect(diagnosis.status).toBe(0);
});
