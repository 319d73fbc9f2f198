import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accessSecrets, environmentOf, readConfig } from '../../src/config.ts';
import { engineConfig } from '../../src/client/engine/launch.ts';
import { openConnection } from '../../src/connection/open.ts';
import { connectionSettings, usesTls } from '../../src/connection/options.ts';
import { withProfile } from '../../src/connection/profile.ts';
import { authority, certificate, type Signed } from '../helpers/certificates.ts';
import { type Front, startCallFront, startTlsFront } from '../helpers/fronts.ts';
import { freePort } from '../helpers/free-port.ts';

const CANARY = 'eyJcanary.0123456789abcdef.signature';

let folder: string;
let ca: Signed;
/** What is there to answer behind TLS: every call an empty message. */
let behind: Front;
let files: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'connection-'));
  ca = await authority();
  const other = await authority('Another company');
  const [client, stranger, expired, unborn, locked] = await Promise.all([
    certificate(ca, { names: ['client'] }),
    certificate(other, { names: ['stranger'] }),
    certificate(ca, { names: ['old'], days: -1 }),
    certificate(ca, { names: ['later'], days: 60 }),
    certificate(ca, { passphrase: 'a secret' }),
  ]);
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  files = {
    ca: write('ca.pem', ca.cert),
    otherCa: write('other-ca.pem', other.cert),
    cert: write('client.pem', client.cert),
    key: write('client.key', client.key),
    strangerCert: write('stranger.pem', stranger.cert),
    strangerKey: write('stranger.key', stranger.key),
    oldCert: write('old.pem', expired.cert),
    oldKey: write('old.key', expired.key),
    laterCert: write('later.pem', unborn.cert),
    laterKey: write('later.key', unborn.key),
    text: write('text.pem', `a text with ${CANARY}`),
    locked: write('locked.key', locked.key),
  };
  behind = await startCallFront(null, () => null);
});
afterAll(async () => {
  await behind.close();
  rmSync(folder, { recursive: true, force: true });
});

const read = (env: Record<string, string>) => readConfig(env, folder);

describe('whether TLS is spoken', () => {
  test.each([
    [{}, false],
    [{ TEMPORAL_TLS: 'true' }, true],
    [{ TEMPORAL_TLS: '1' }, true],
    [{ TEMPORAL_API_KEY: CANARY }, true],
    [{ TEMPORAL_API_KEY: CANARY, TEMPORAL_TLS: 'false' }, false],
    [{ TEMPORAL_TLS_SERVER_CA_CERT_PATH: 'ca.pem' }, true],
    [{ TEMPORAL_TLS_SERVER_NAME: 'temporal.example.org' }, true],
    [{ TEMPORAL_TLS_SERVER_NAME: 'temporal.example.org', TEMPORAL_TLS: '0' }, false],
    [{ TEMPORAL_GRPC_META_X_TEAM: 'traffic' }, false],
  ])('%j: %s', (env, does) => {
    expect(usesTls(read(env as Record<string, string>))).toBe(does);
  });
});

test('what a connection is made with', () => {
  const config = read({
    TEMPORAL_API_KEY: CANARY,
    TEMPORAL_TLS_CLIENT_CERT_PATH: 'client.pem',
    TEMPORAL_TLS_CLIENT_KEY_PATH: 'client.key',
    TEMPORAL_TLS_SERVER_CA_CERT_DATA: ca.cert,
    TEMPORAL_TLS_SERVER_NAME: 'temporal.example.org',
    TEMPORAL_GRPC_META_X_TEAM_NAME: 'traffic',
  });
  const { tls, ...rest } = connectionSettings(config, 'localhost:7233');
  expect(rest).toEqual({
    address: 'localhost:7233',
    apiKey: CANARY,
    metadata: { 'x-team-name': 'traffic' },
  });
  expect(tls).toMatchObject({ serverNameOverride: 'temporal.example.org' });
  expect(tls !== false && String(tls.serverRootCACertificate)).toBe(ca.cert.trim());
  expect(tls !== false && String(tls.clientCertPair?.key)).toContain('PRIVATE KEY');
  expect(accessSecrets(config.access)).toEqual([CANARY, 'traffic']);
  expect(readConfig(environmentOf(config), '/elsewhere')).toEqual(config);
});

test('the embedded engine is reached without any of it, and its processes are given none', () => {
  const own = engineConfig(read({ TEMPORAL_API_KEY: CANARY, TEMPORAL_TLS: 'true' }));
  expect(connectionSettings(own, '127.0.0.1:7233')).toEqual({
    address: '127.0.0.1:7233',
    tls: false,
    metadata: {},
  });
  expect(JSON.stringify(environmentOf(own))).not.toContain(CANARY);
});

const CERT = 'TEMPORAL_TLS_CLIENT_CERT_PATH';
const KEY = 'TEMPORAL_TLS_CLIENT_KEY_PATH';
const CA = 'TEMPORAL_TLS_SERVER_CA_CERT_PATH';

test.each<[string, Record<string, string>, RegExp]>([
  ['a certificate alone', { [CERT]: 'cert' }, /not its other half: set TEMPORAL_TLS_CLIENT_KEY_PATH too/],
  ['a key alone', { [KEY]: 'key' }, /not its other half: set TEMPORAL_TLS_CLIENT_CERT_PATH too/],
  [
    'no such file',
    { [CERT]: 'nowhere', [KEY]: 'key' },
    /CERT_PATH=\S+nowhere: there is no such file\. .*example/,
  ],
  ['a folder', { [CERT]: '.', [KEY]: 'key' }, /it is a folder\. Name the file in it/],
  ['a text', { [CERT]: 'text', [KEY]: 'key' }, /CERT_PATH=\S+text\.pem: it holds no certificate in PEM/],
  ['a text for a key', { [CERT]: 'cert', [KEY]: 'text' }, /KEY_PATH=\S+: it holds no private key in PEM/],
  ['a locked key', { [CERT]: 'cert', [KEY]: 'locked' }, /locked by a passphrase.*openssl pkey/],
  [
    'a key of another',
    { [CERT]: 'cert', [KEY]: 'strangerKey' },
    /not the key of the certificate of \S+client\.pem/,
  ],
  [
    'an expired certificate',
    { [CERT]: 'oldCert', [KEY]: 'oldKey' },
    /the certificate expired on \d{4}-\d\d-\d\d\./,
  ],
  ['a text for an authority', { [CA]: 'text' }, /SERVER_CA_CERT_PATH=\S+: it holds no certificate in PEM/],
  [
    'unverified',
    { TEMPORAL_TLS: 'true', TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: 'true' },
    /DISABLE_HOST_VERIFICATION is "true", and this program verifies every server/,
  ],
])('%s is told of, with the setting, its value and the mend', (_, env, message) => {
  const named = Object.entries(env).map(([name, value]) => [name, files[value] ?? value]);
  const config = read(Object.fromEntries(named) as Record<string, string>);
  const connecting = () => connectionSettings(config, 'localhost:7233');
  expect(connecting).toThrow(message);
  expect(connecting).not.toThrow(CANARY);
  expect(connecting).toThrow(expect.objectContaining({ name: 'SettingError' }));
});

test('a certificate whose time is still to come', () => {
  const config = read({ [CERT]: files['laterCert'] ?? '', [KEY]: files['laterKey'] ?? '' });
  const before = Date.now() - 40 * 24 * 3_600_000;
  expect(() => connectionSettings(config, 'localhost:7233', before)).toThrow(
    /good from \d{4}-\d\d-\d\d on only/,
  );
});

test.each<[Record<string, string>, RegExp]>([
  [{ TEMPORAL_TLS: 'yes' }, /TEMPORAL_TLS is "yes": give true or false/],
  [{ TEMPORAL_API_KEY: `${CANARY}\nmore` }, /TEMPORAL_API_KEY holds a line break/],
  [
    { [CERT]: 'a', TEMPORAL_TLS_CLIENT_CERT_DATA: 'b' },
    /_PATH and TEMPORAL_TLS_CLIENT_CERT_DATA are both set/,
  ],
])('%j is refused', (env, message) => {
  expect(() => read(env)).toThrow(message);
  expect(() => read(env)).not.toThrow(CANARY);
});

describe('profiles of the temporal CLI', () => {
  const PROFILES = `
[profile.default]
address = "default.example.org:7233"

[profile.prod]
address = "prod.a1b2c.tmprl.cloud:7233"
namespace = "prod.a1b2c"
api_key = "${CANARY}"
[profile.prod.grpc_meta]
x_team = "traffic"

[profile.mtls]
address = "temporal.example.org:7233"
[profile.mtls.tls]
client_cert_path = "client.pem"
client_key_data = "a key"
server_name = "frontend"

[profile.plain]
address = "localhost:7233"
[profile.plain.tls]
disabled = true

[profile.nowhere]
namespace = "x"
`;
  const withFile = (text: string, env: Record<string, string>): Record<string, string | undefined> => {
    const file = join(folder, 'temporal.toml');
    writeFileSync(file, text);
    return withProfile({ TEMPORAL_CONFIG_FILE: file, ...env });
  };
  const named = (name: string, env: Record<string, string> = {}) =>
    withFile(PROFILES, { TEMPORAL_PROFILE: name, ...env });

  test('none counts that is not named, not even the default one in a home', () => {
    const home = join(folder, 'home');
    mkdirSync(join(home, '.config', 'temporalio'), { recursive: true });
    writeFileSync(join(home, '.config', 'temporalio', 'temporal.toml'), PROFILES);
    for (const env of [{ HOME: home }, { HOME: home, TEMPORAL_PROFILE: ' ' }]) {
      expect(read(withProfile(env) as Record<string, string>).address).toBeNull();
    }
    expect(named('default')['TEMPORAL_ADDRESS']).toBe('default.example.org:7233');
  });

  test('the named one fills what the environment leaves open', () => {
    expect(named('prod', { TEMPORAL_NAMESPACE: 'mine.a1b2c', TEMPORAL_API_KEY: '' })).toMatchObject({
      TEMPORAL_ADDRESS: 'prod.a1b2c.tmprl.cloud:7233',
      TEMPORAL_NAMESPACE: 'mine.a1b2c',
      TEMPORAL_API_KEY: CANARY,
      TEMPORAL_GRPC_META_X_TEAM: 'traffic',
      TEMPORAL_PROFILE: '',
      TEMPORAL_CONFIG_FILE: '',
    });
    expect(named('mtls', { TEMPORAL_TLS_CLIENT_CERT_DATA: 'mine' })).toMatchObject({
      TEMPORAL_TLS: 'true',
      TEMPORAL_TLS_CLIENT_CERT_DATA: 'mine',
      TEMPORAL_TLS_CLIENT_KEY_DATA: 'a key',
      TEMPORAL_TLS_SERVER_NAME: 'frontend',
    });
    expect(named('mtls', { TEMPORAL_TLS_CLIENT_CERT_DATA: 'mine' })[CERT]).toBeUndefined();
    expect(read(named('plain') as Record<string, string>).access.tls).toBe(false);
  });

  test.each([
    [
      'missing',
      PROFILES,
      /TEMPORAL_PROFILE is "missing", and TEMPORAL_CONFIG_FILE=\S+ has only "default", "prod"/,
    ],
    [
      'nowhere',
      PROFILES,
      /"nowhere" of TEMPORAL_PROFILE has no address: .*temporal config set --profile nowhere/,
    ],
    [
      'prod',
      `[profile.prod]\napi_key = ${CANARY}\n`,
      /cannot be read from .*: line 2 is no TOML\. Mend the file/,
    ],
    ['prod', `api_key = "${CANARY}"\n`, /it holds no profiles as the CLI writes them/],
    [
      'prod',
      '[profile.prod.tls]\nclient_key_path = "a"\nclient_key_data = "b"\n',
      /Cannot specify both client_key/,
    ],
  ])('%s is told of, and nothing from the file', (name, text, message) => {
    const reading = () => withFile(text, { TEMPORAL_PROFILE: name });
    expect(reading).toThrow(message);
    expect(reading).not.toThrow(CANARY);
  });

  test('a file that is not there', () => {
    const reading = () => withProfile({ TEMPORAL_PROFILE: 'prod', TEMPORAL_CONFIG_FILE: '/no/such.toml' });
    expect(reading).toThrow(/TEMPORAL_CONFIG_FILE=\/no\/such\.toml: there is no such file/);
  });
});

/** Clients look for a connection for so long. */
const CONNECT_MS = 700;

// Each makes a certificate and waits for a connection: seconds, where the machine has other work.
describe.concurrent('why a server cannot be worked with', { timeout: 30_000 }, () => {
  const problem = async (port: number, env: Record<string, string>): Promise<string> => {
    const named = Object.entries(env).map(([name, value]) => [name, files[value] ?? value]);
    const config = read(Object.fromEntries(named) as Record<string, string>);
    try {
      await (await openConnection(config, `localhost:${port}`, CONNECT_MS)).close();
      return '';
    } catch (error) {
      expect(String(error)).not.toContain(CANARY);
      return String(error);
    }
  };
  const MUTUAL = { [CA]: 'ca', [CERT]: 'cert', [KEY]: 'key' };
  const tls = async (
    env: Record<string, string>,
    own?: Parameters<typeof certificate>[1],
  ): Promise<string> => {
    const front = await startTlsFront(`localhost:${behind.port}`, await certificate(ca, own), ca);
    try {
      return await problem(front.port, env);
    } finally {
      await front.close();
    }
  };

  test.each<[string, Record<string, string>, RegExp, Parameters<typeof certificate>[1]?]>([
    ['all is well', MUTUAL, /^$/],
    ['TLS is not set', {}, /speaks TLS, and this program connects to it without\. Set TEMPORAL_TLS=true/],
    [
      'no authority',
      { TEMPORAL_TLS: 'true' },
      /is not trusted \(\w+\): no public authority.*CA_CERT_PATH=ca\.pem/,
    ],
    [
      'another authority',
      { ...MUTUAL, [CA]: 'otherCa' },
      /the authority of TEMPORAL_TLS_SERVER_CA_CERT_PATH did not/,
    ],
    ['no certificate', { [CA]: 'ca' }, /asks for a certificate \(mutual TLS\), and this program has none/],
    [
      'a certificate of another authority',
      { ...MUTUAL, [CERT]: 'strangerCert', [KEY]: 'strangerKey' },
      /refuses the certificate of TEMPORAL_TLS_CLIENT_CERT_PATH .*does not trust who signed it/,
    ],
    [
      'another name',
      MUTUAL,
      /is not for "localhost": it is for temporal\.example\.org\. .*SERVER_NAME=temporal\.example\.org/,
      { names: ['temporal.example.org'] },
    ],
    [
      'the name is told',
      { ...MUTUAL, TEMPORAL_TLS_SERVER_NAME: 'temporal.example.org' },
      /^$/,
      { names: ['temporal.example.org'] },
    ],
    ['an expired server', MUTUAL, /certificate of the server at localhost:\d+ has expired/, { days: -1 }],
  ])('%s', async (_, env, message, own) => {
    expect(await tls(env, own)).toMatch(message);
  });

  test('TLS to a server without', async () => {
    const said = await problem(behind.port, { TEMPORAL_API_KEY: CANARY });
    expect(said).toMatch(/speaks no TLS, and this program connects to it by TLS\. Set TEMPORAL_TLS=false/);
  });

  test('nobody there', async () => {
    const said = await problem(await freePort(), { TEMPORAL_TLS: 'true' });
    expect(said).toMatch(/No Temporal server answers at localhost:\d+: nothing listens there/);
  });

  test.each<[string, Record<string, string>, 7 | 16, RegExp]>([
    [
      'an unknown key',
      { TEMPORAL_API_KEY: CANARY },
      16,
      /refuses the API key of TEMPORAL_API_KEY.*Make a new key/,
    ],
    [
      'a key without rights',
      { TEMPORAL_API_KEY: CANARY },
      7,
      /may use the namespace "default" \(TEMPORAL_NAMESPACE/,
    ],
    ['no key', {}, 16, /refuses this program, which shows no credentials.*TEMPORAL_API_KEY=eyJ/],
  ])('%s', async (_, env, status, message) => {
    const front = await startCallFront(null, (__, { authorization }) =>
      authorization === 'Bearer right' ? null : status,
    );
    expect(await problem(front.port, { ...env, TEMPORAL_TLS: 'false' })).toMatch(message);
    expect(await problem(front.port, { TEMPORAL_API_KEY: 'right', TEMPORAL_TLS: 'false' })).toBe('');
    await front.close();
  });

  test('a server that greets everybody and keeps the namespace closed', async () => {
    const front = await startCallFront(null, (path) => (path.endsWith('/DescribeNamespace') ? 7 : null));
    const said = await problem(front.port, { TEMPORAL_API_KEY: CANARY, TEMPORAL_TLS: 'false' });
    expect(said).toMatch(/refuses the API key/);
    await front.close();
  });
});
