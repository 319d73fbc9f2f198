import { describe, expect, test } from 'vitest';
import { environmentOf, readConfig, SETTINGS, SettingError, wholeNumber } from '../../src/config.ts';

const read = (env: Record<string, string>) => readConfig(env, '/srv/analysis');

describe('defaults', () => {
  const config = read({});

  test('are those of the list of settings', () => {
    expect(config).toMatchObject({
      apiKey: null,
      baseUrl: 'https://api.openai.com/v1',
      account: { label: 'default', provider: 'openai', endpoint: 'api.openai.com', simulated: false },
      model: 'gpt-4o',
      api: 'responses',
      route: 'url',
      detail: 'high',
      maxOutputTokens: 300,
      modelTimeoutMs: 60_000,
      limits: { requestsPerMinute: 'auto', tokensPerMinute: 'auto' },
      results: '/srv/analysis/results',
      answers: '/srv/analysis/results/.answers',
      notifySecret: null,
      pageUrl: null,
      pageTokenFile: null,
      codecKeysFile: null,
      dataDir: '/srv/analysis/.image-analysis',
      retentionDays: 30,
      address: null,
      namespace: 'default',
      taskQueue: 'image-analysis',
      temporalCliPath: null,
      gcsEndpoint: null,
      logLevel: 'info',
    });
    expect(config.promptsFile).toMatch(/\/prompts\.yaml$/);
    expect(config.cacheDir).toMatch(/\/image-analysis$/);
  });

  test('hold for an empty value too', () => {
    expect(read(Object.fromEntries(SETTINGS.map(({ name }) => [name, ' '])))).toEqual(config);
  });
});

test.each([
  [{ RESULTS: 'gs://city/results' }, 'gs://city/results/.answers'],
  [{ RESULTS: 'gs://city/results', ANSWERS: 'here' }, '/srv/analysis/here'],
  [{ ANSWERS: 'gs://city/answers/' }, 'gs://city/answers'],
])('answers of %j are kept in %s', (env, answers) => {
  expect(read(env as Record<string, string>).answers).toBe(answers);
});

describe('a configuration as another process is given it', () => {
  const given = {
    OPENAI_API_KEY: 'sk-test',
    OPENAI_BASE_URL: 'http://127.0.0.1:9999/v1/',
    ACCOUNT: 'team-b',
    MODEL: 'gpt-4.1-mini',
    MODEL_API: 'chat',
    IMAGE_ROUTE: 'base64',
    IMAGE_DETAIL: 'low',
    MAX_OUTPUT_TOKENS: '100',
    MODEL_TIMEOUT_SECONDS: '5',
    PICTURE_MEMORY_MB: '64',
    LIMITS: '1/auto',
    PROMPTS_FILE: 'mine.yaml',
    RESULTS: 'gs://city/results/',
    ANSWERS: 'kept',
    NOTIFY_SECRET: '0123456789abcdef0123456789abcdef',
    PAGE_URL: 'https://pictures.example.org',
    PAGE_TOKEN_FILE: 'page.token',
    CODEC_KEYS_FILE: 'codec-keys',
    DATA_DIR: 'data',
    RETENTION_DAYS: '7',
    CACHE_DIR: 'cache',
    TEMPORAL_ADDRESS: '[::1]:7233',
    TEMPORAL_NAMESPACE: 'traffic',
    TEMPORAL_API_KEY: 'eyJ.test',
    TEMPORAL_TLS: 'true',
    TEMPORAL_TLS_CLIENT_CERT_PATH: 'client.pem',
    TEMPORAL_TLS_CLIENT_CERT_DATA: '',
    TEMPORAL_TLS_CLIENT_KEY_PATH: '',
    TEMPORAL_TLS_CLIENT_KEY_DATA: '-----BEGIN PRIVATE KEY-----',
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: '/etc/ca.pem',
    TEMPORAL_TLS_SERVER_CA_CERT_DATA: '',
    TEMPORAL_TLS_SERVER_NAME: 'frontend',
    TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: 'false',
    TEMPORAL_PROFILE: 'prod',
    TEMPORAL_CONFIG_FILE: 'temporal.toml',
    TASK_QUEUE: 'queue',
    WORKER_DEPLOYMENT: 'traffic-cameras',
    TEMPORAL_CLI_PATH: 'bin/temporal',
    STORAGE_EMULATOR_HOST: '127.0.0.1:4443',
    METRICS_ADDRESS: '0.0.0.0:9464',
    HEALTH_ADDRESS: '[::1]:9465',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
    LOG_LEVEL: 'debug',
    SIMULATED: 'true',
  };

  test('has every setting of the list', () => {
    expect(Object.keys(environmentOf(read(given))).sort()).toEqual(SETTINGS.map(({ name }) => name).sort());
    expect(Object.keys(given).sort()).toEqual(SETTINGS.map(({ name }) => name).sort());
  });

  test('is the same in any working directory', () => {
    expect(readConfig(environmentOf(read(given)), '/elsewhere')).toEqual(read(given));
    expect(readConfig(environmentOf(read({})), '/elsewhere')).toEqual(read({}));
  });

  test('has paths and addresses in one form', () => {
    expect(read(given)).toMatchObject({
      baseUrl: 'http://127.0.0.1:9999/v1',
      account: { label: 'team-b', endpoint: 'simulator', simulated: true },
      promptsFile: '/srv/analysis/mine.yaml',
      results: 'gs://city/results',
      answers: '/srv/analysis/kept',
      codecKeysFile: '/srv/analysis/codec-keys',
      temporalCliPath: '/srv/analysis/bin/temporal',
      gcsEndpoint: 'http://127.0.0.1:4443',
    });
  });
});

test.each([
  ['LIMITS', '28000'],
  ['LIMITS', '-5/28000'],
  ['LIMITS', 'many'],
  ['LIMITS', '480/28k'],
  ['LIMITS', '480/1.5'],
  ['LIMITS', '480/1e4'],
  ['LIMITS', '480/'],
  ['LIMITS', '480/28000/9'],
  ['MAX_OUTPUT_TOKENS', '99999999999999'],
  ['MODEL_TIMEOUT_SECONDS', '0'],
  ['PICTURE_MEMORY_MB', '0'],
  ['PICTURE_MEMORY_MB', '0.5'],
  ['RETENTION_DAYS', '0'],
  ['RETENTION_DAYS', '-1'],
  ['RETENTION_DAYS', '0.5'],
  ['RETENTION_DAYS', '30d'],
  ['RETENTION_DAYS', '100000'],
  ['MODEL_API', 'completions'],
  ['IMAGE_ROUTE', 'ftp'],
  ['IMAGE_DETAIL', 'High'],
  ['LOG_LEVEL', 'verbose'],
  ['SIMULATED', 'yes'],
  ['ACCOUNT', 'a b'],
  ['OPENAI_BASE_URL', 'api.openai.com'],
  ['OPENAI_BASE_URL', 'ftp://host/v1'],
  ['RESULTS', 'gs://'],
  ['RESULTS', 'gs:///folder'],
  ['ANSWERS', 'gs://'],
  ['TEMPORAL_ADDRESS', 'localhost'],
  ['METRICS_ADDRESS', '9464'],
  ['METRICS_ADDRESS', 'localhost:9464'],
  ['METRICS_ADDRESS', '127.0.0.1'],
  ['HEALTH_ADDRESS', '127.0.0.1:99999'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
  ['TEMPORAL_ADDRESS', 'http://localhost:7233'],
  ['TEMPORAL_ADDRESS', 'localhost:99999'],
  ['STORAGE_EMULATOR_HOST', 'http://'],
])('%s=%s is refused with variable, value and an example', (name, value) => {
  expect(() => read({ [name]: value })).toThrow(SettingError);
  expect(() => read({ [name]: value })).toThrow(name);
  expect(() => read({ [name]: value })).toThrow(JSON.stringify(value));
  expect(() => read({ [name]: value })).toThrow(/for example [A-Z_]+=\S+\./);
});

test.each([
  ['OPENAI_API_KEY', 'sk-canary secret'],
  ['OPENAI_API_KEY', 'sk-canary\nsecret'],
  ['OPENAI_BASE_URL', 'https://user:canary@host/v1'],
  ['NOTIFY_SECRET', 'canary'],
  ['PAGE_URL', 'https://user:canary@pictures.example.org'],
])('a wrong %s is not repeated', (name, value) => {
  expect(() => read({ [name]: value })).toThrow(new RegExp(`^${name} holds`));
  expect(() => read({ [name]: value })).not.toThrow(/canary/);
});

test('a flag is named as a flag', () => {
  expect(() => wholeNumber('--limit', 'all')).toThrow('--limit is "all": give a whole number');
  expect(() => wholeNumber('--limit', 'all')).toThrow('for example --limit 4.');
});
