import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createScene, type Scene } from './scene.ts';

const parts = inject('parts');
const IN_CONTAINER = '/run/certificates';

/** The server asks everybody for a certificate of one authority, and shows one of the same for the name `temporal`. */
const SERVER = {
  TEMPORAL_TLS_REQUIRE_CLIENT_AUTH: 'true',
  TEMPORAL_TLS_SERVER_CA_CERT: `${IN_CONTAINER}/ca.pem`,
  TEMPORAL_TLS_SERVER_CERT: `${IN_CONTAINER}/temporal.pem`,
  TEMPORAL_TLS_SERVER_KEY: `${IN_CONTAINER}/temporal.key`,
  TEMPORAL_TLS_FRONTEND_CERT: `${IN_CONTAINER}/temporal.pem`,
  TEMPORAL_TLS_FRONTEND_KEY: `${IN_CONTAINER}/temporal.key`,
  TEMPORAL_TLS_CLIENT1_CA_CERT: `${IN_CONTAINER}/ca.pem`,
  // The image's configuration names a second one whenever it names the first.
  TEMPORAL_TLS_CLIENT2_CA_CERT: `${IN_CONTAINER}/ca.pem`,
  TEMPORAL_TLS_INTERNODE_SERVER_NAME: 'temporal',
  TEMPORAL_TLS_FRONTEND_SERVER_NAME: 'temporal',
};
const CLIENT = {
  TEMPORAL_TLS: 'true',
  TEMPORAL_TLS_SERVER_NAME: 'temporal',
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: `${IN_CONTAINER}/ca.pem`,
  TEMPORAL_TLS_CLIENT_CERT_PATH: `${IN_CONTAINER}/worker.pem`,
  TEMPORAL_TLS_CLIENT_KEY_PATH: `${IN_CONTAINER}/worker.key`,
};
/** Services that speak to the server. */
const CLIENTS = ['temporal-namespace', 'worker', 'worker-version', 'page'];

describe.skipIf(parts === null)('a server that asks for certificates', () => {
  let scene: Scene;
  let folder: string;

  beforeAll(async () => {
    if (parts === null) return;
    folder = mkdtempSync(join(tmpdir(), 'certificates-'));
    authority(folder, 'ca');
    certificate(folder, 'ca', 'temporal');
    certificate(folder, 'ca', 'worker');
    authority(folder, 'other-ca');
    certificate(folder, 'other-ca', 'stranger');
    const volumes = [`${folder}:${IN_CONTAINER}:ro`];
    scene = await createScene({
      parts,
      latencyMs: 200,
      override: {
        temporal: { environment: { ...SERVER, ...CLIENT }, volumes },
        ...Object.fromEntries(CLIENTS.map((name) => [name, { environment: CLIENT, volumes }])),
      },
    });
    await scene.cluster.up();
  });
  afterAll(async () => {
    await scene?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  test('runs a whole run for workers and commands that have theirs', async () => {
    const pictures = scene.pictures('tls', 4);
    const ran = await scene.program('run', '/pictures/tls', '--name', 'tls');
    expect(ran.code, ran.out + ran.err).toBe(0);
    expect(scene.answers(pictures)).toBe(24);
  });

  test.each([
    ['has none', { TEMPORAL_TLS_CLIENT_CERT_PATH: '', TEMPORAL_TLS_CLIENT_KEY_PATH: '' }],
    [
      'has one of another authority',
      {
        TEMPORAL_TLS_CLIENT_CERT_PATH: 'stranger.pem',
        TEMPORAL_TLS_CLIENT_KEY_PATH: 'stranger.key',
      },
    ],
    ['trusts another authority', { TEMPORAL_TLS_SERVER_CA_CERT_PATH: 'other-ca.pem' }],
    ['expects another name', { TEMPORAL_TLS_SERVER_NAME: 'temporal.example.org' }],
  ])('refuses, or is refused by, a command that %s, and the command says so', async (_what, wrong) => {
    const env = Object.fromEntries(
      Object.entries(wrong).map(([name, value]) => [
        name,
        /\.(pem|key)$/.test(value) ? join(folder, value) : value,
      ]),
    );
    // One that needs the server: `status` would tell what the results say.
    const command = ['node', 'dist/cli.js', 'run', '/pictures/tls', '--name', 'refused'];
    const refused = await scene.cluster.exec('worker', command, { env, timeoutMs: 60_000 });
    expect(refused.code).not.toBe(0);
    expect(refused.err).toMatch(/TLS|certificate/i);
  });
});

function authority(folder: string, name: string): void {
  openssl(folder, [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`],
  ]);
}

function certificate(folder: string, by: string, name: string): void {
  openssl(folder, [
    ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`],
    ...['-keyout', `${name}.key`, '-out', `${name}.csr`],
  ]);
  writeFileSync(
    join(folder, `${name}.ext`),
    `subjectAltName=DNS:${name}\nextendedKeyUsage=serverAuth,clientAuth\n`,
  );
  openssl(folder, [
    ...['x509', '-req', '-in', `${name}.csr`, '-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial'],
    ...['-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.pem`],
  ]);
}

function openssl(folder: string, args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}
