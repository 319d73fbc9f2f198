import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { durationMs, interpolate, mountOf, readCompose } from '../cluster/compose-file.ts';
import { dotEnv } from '../cluster/dot-env.ts';
import { type Site, translateArgument, translateVariable } from '../cluster/translate.ts';

const site: Site = {
  service: 'worker',
  address: '127.20.1.50',
  addresses: {
    temporal: '127.20.1.30',
    postgresql: '127.20.1.10',
    worker: '127.20.1.50',
    gcs: '127.20.1.90',
  },
  paths: { '/results': '/tmp/c/results', '/pictures': '/home/me/pictures', '/results/deep': '/tmp/deep' },
};

describe('the compose file as the process test reads it', () => {
  const text = readFileSync('docker-compose.yml', 'utf8');

  test('names in every service only what the test knows', () => {
    const { services } = readCompose(text, dotEnv({}));
    expect(services['temporal']?.environment['POSTGRES_PWD']).toBe(dotEnv({})['POSTGRES_PASSWORD']);
    const addresses = Object.fromEntries(Object.keys(services).map((name) => [name, '127.1.1.1']));
    const anyPath = {
      ...site,
      addresses,
      paths: { '/results': '/r', '/etc': '/e', '/run': '/s', '/cache': '/c' },
    };
    for (const { environment, image } of Object.values(services)) {
      if (image.startsWith('grafana/')) continue;
      for (const [name, value] of Object.entries(environment)) {
        expect(() => translateVariable(name, String(value), anyPath), name).not.toThrow();
      }
    }
  });

  test.each([
    ['a key', (it: string) => it.replace('restart:', 'restrat:'), /restrat/],
    [
      'a service that is waited for',
      (it: string) => it.replace('temporal-schema:\n', 'schema:\n'),
      /no service/,
    ],
    ['a volume', (it: string) => it.replace('- results:/results', '- result:/results'), /no volume/],
  ])('is refused with a mistake in %s', (_what, change, why) => {
    expect(() => readCompose(change(text), dotEnv({}))).toThrow(why);
  });
});

test.each([
  ['$$1 and $$NAME', '1 and $NAME'.replace('1', '$1')],
  ['${A}-$A', 'a-a'],
  ['${NONE:-other} ${EMPTY:-other} ${EMPTY-other}', 'other other '],
  ['${A:+set}${EMPTY:+set}${NONE+set}', 'set'],
])('%s is filled in', (text, filled) => {
  expect(interpolate(text, { A: 'a', EMPTY: '' })).toBe(filled);
});

test.each([
  ['${EMPTY:?set it in .env}', /EMPTY: set it in \.env/],
  ['${NONE}', /\$\{NONE\} is not set/],
  ['a $ alone', /written \$\$/],
])('%s is refused', (text, why) => {
  expect(() => interpolate(text, { EMPTY: '' })).toThrow(why);
});

test.each([
  ['1m30s', 90_000],
  ['2m', 120_000],
  ['500ms', 500],
])('%s are %d ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});
test('what is no duration is refused', () => {
  expect(() => durationMs('30')).toThrow(/no duration/);
});

test('a volume is named, or a path', () => {
  expect(mountOf('results:/results')).toEqual({ source: 'results', target: '/results', isNamed: true });
  expect(mountOf('./deploy/a.yaml:/etc/a.yaml:ro')).toMatchObject({ isNamed: false, target: '/etc/a.yaml' });
  expect(() => mountOf('results')).toThrow();
});

describe('a variable', () => {
  test.each([
    ['TEMPORAL_ADDRESS', 'temporal:7233', '127.20.1.30:7233'],
    ['POSTGRES_SEEDS', 'postgresql', '127.20.1.10'],
    ['BIND_ON_IP', '0.0.0.0', '127.20.1.50'],
    ['METRICS_ADDRESS', '0.0.0.0:9464', '127.20.1.50:9464'],
    ['STORAGE_EMULATOR_HOST', 'http://gcs:4443', 'http://127.20.1.90:4443'],
    ['OPENAI_BASE_URL', 'http://127.0.0.2:4000/v1', 'http://127.0.0.2:4000/v1'],
    ['RESULTS', '/results/a', '/tmp/c/results/a'],
    ['RESULTS', 'gs://bucket/results', 'gs://bucket/results'],
    ['CODEC_KEYS_FILE', '', ''],
    ['PROMPTS_FILE', '/results/deep/prompts.yaml', '/tmp/deep/prompts.yaml'],
  ])('%s=%s is %s here', (name, value, here) => {
    expect(translateVariable(name, value, site)).toBe(here);
  });

  test.each([
    ['SOMETHING_NEW', 'x', /SOMETHING_NEW.*add it to the table/],
    ['TEMPORAL_ADDRESS', 'nobody:7233', /nobody, which is no service/],
    ['TEMPORAL_ADDRESS', 'temporal', /not host:port/],
    ['PROMPTS_FILE', '/etc/prompts.yaml', /no volume and not in its image/],
  ])('%s=%s is refused', (name, value, why) => {
    expect(() => translateVariable(name, value, site)).toThrow(why);
  });
});

describe('an argument', () => {
  test.each([
    ['localhost', '127.20.1.50'],
    ['-host=0.0.0.0', '-host=127.20.1.50'],
    ['-external-url=http://gcs:4443', '-external-url=http://127.20.1.90:4443'],
    [
      "fetch('http://127.0.0.1:9465/readyz').then(({ ok }) => ok)",
      "fetch('http://127.20.1.50:9465/readyz').then(({ ok }) => ok)",
    ],
    ['gs://city-cameras/', 'gs://city-cameras/'],
    ['/pictures/plain', '/home/me/pictures/plain'],
    [
      'tool -d "/results/$2/versioned" >/dev/null 2>&1',
      'tool -d "/tmp/c/results/$2/versioned" >/dev/null 2>&1',
    ],
    ['dist/cli.js', 'dist/cli.js'],
  ])('%s', (text, here) => {
    expect(translateArgument(text, site)).toBe(here);
  });

  test('that names a path of nobody is refused', () => {
    expect(() => translateArgument('cat /etc/passwd', site)).toThrow(/\/etc\/passwd/);
  });
});
