import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ACCESS_SETTINGS, accessEnvironment, readAccess, type TemporalAccess } from './config/access.ts';
import { SettingError } from './config/setting-error.ts';
import { TASK_QUEUE } from './shared/names.ts';
import type { Account, Detail, LimitSettings } from './shared/types.ts';

export { accessSecrets, HEADER_PREFIX, NO_ACCESS, type Pem, type TemporalAccess } from './config/access.ts';
export { SettingError } from './config/setting-error.ts';

/** Every setting of the program, read once; nothing else reads the environment. */
export interface Config {
  /** `OPENAI_API_KEY`; `null` when unset. */
  apiKey: string | null;
  /** `OPENAI_BASE_URL`. */
  baseUrl: string;
  /** From `ACCOUNT`, the base URL's host and `SIMULATED`. */
  account: Account;
  /** `MODEL`. */
  model: string;
  /** `MODEL_API`: `responses` or `chat`. */
  api: 'responses' | 'chat';
  /** `IMAGE_ROUTE`: `url` (first) or `base64` (only). */
  route: 'url' | 'base64';
  /** `IMAGE_DETAIL`. */
  detail: Detail;
  /** `MAX_OUTPUT_TOKENS`. */
  maxOutputTokens: number;
  /** `MODEL_TIMEOUT_SECONDS`: one call, from its sending to the end of its body. */
  modelTimeoutMs: number;
  /** `PICTURE_MEMORY_MB`, in bytes: most that pictures which go by base64 may take of a worker's memory. */
  pictureMemoryBytes: number;
  /** `LIMITS`; what is stored at the account (`limits`) comes before it. */
  limits: LimitSettings;
  /** `PROMPTS_FILE`: the worker's own questions. */
  promptsFile: string;
  /** `RESULTS`: the place below which each run has its folder; absolute, or `gs://`. */
  results: string;
  /** `ANSWERS`: the place of the answers that later runs recall; absolute, or `gs://`. */
  answers: string;
  /** `NOTIFY_SECRET`: what notifications are signed with; `null`: they are not. */
  notifySecret: string | null;
  /** `PAGE_URL`: where people reach the page; `null`: at the address that it listens at. */
  pageUrl: string | null;
  /** `PAGE_TOKEN_FILE`: file of the token that the page asks for; absolute. `null`: it asks for none. */
  pageTokenFile: string | null;
  /** `CODEC_KEYS_FILE`: keys that payloads are encrypted with at the Temporal server; absolute. `null`: they are clear. */
  codecKeysFile: string | null;
  /** `DATA_DIR`: the embedded engine's database, lock and logs; absolute. */
  dataDir: string;
  /** `RETENTION_DAYS`: how long the embedded server keeps ended runs, 1 to {@link LONGEST_RETENTION_DAYS}. */
  retentionDays: number;
  /** `CACHE_DIR`: where the Temporal binary is kept once downloaded; absolute. */
  cacheDir: string;
  /** `TEMPORAL_ADDRESS`; `null`: the embedded engine. */
  address: string | null;
  /** `TEMPORAL_NAMESPACE`. */
  namespace: string;
  /** `TEMPORAL_API_KEY`, `TEMPORAL_TLS*`, `TEMPORAL_GRPC_META_*`. */
  access: TemporalAccess;
  /** `TASK_QUEUE`. */
  taskQueue: string;
  /** `WORKER_DEPLOYMENT`: the worker's deployment at a server with Worker Versioning; `null`: unversioned. */
  workerDeployment: string | null;
  /** `TEMPORAL_CLI_PATH`. */
  temporalCliPath: string | null;
  /** `STORAGE_EMULATOR_HOST`: a GCS emulator in place of Google's own service; `null` for Google's. */
  gcsEndpoint: string | null;
  /** `METRICS_ADDRESS`: `IP:port` at which a worker serves its metrics; `null`: it serves none. */
  metricsAddress: string | null;
  /** `HEALTH_ADDRESS`: `IP:port` at which a worker says how it is; `null`: nowhere. */
  healthAddress: string | null;
  /** `OTEL_EXPORTER_OTLP_ENDPOINT`: collector of a worker's traces; `null`: it makes none. */
  tracesEndpoint: string | null;
  /** `LOG_LEVEL`. */
  logLevel: 'debug' | 'info' | 'warn' | 'error';
}

/** One setting, as the README's table and the checks of `docker-compose.yml` need it. */
export interface Setting {
  name: string;
  what: string;
  /** As a person would write it; empty: unset. */
  default: string;
  /** Set by the program for its own processes. */
  internal?: true;
}

/** The model asked unless `MODEL` or `--model` names another; the reason stands with its setting. */
const DEFAULT_MODEL = 'gpt-4o';

/** An attempt at a question holds several calls and ends after twelve minutes; a longer call would be cut off and paid again. */
export const LONGEST_CALL_SECONDS = 120;

/** Of a secret that signs: 128 bits in hexadecimal digits are 32. */
const LEAST_SECRET = 16;

/** Ten years; results, which are files, are kept for ever. */
export const LONGEST_RETENTION_DAYS = 3_650;

/** The one list of settings. */
export const SETTINGS = [
  { name: 'OPENAI_API_KEY', what: "The account's key. The demonstration never uses it.", default: '' },
  {
    name: 'OPENAI_BASE_URL',
    what: 'Any server that speaks the OpenAI API.',
    default: 'https://api.openai.com/v1',
  },
  { name: 'ACCOUNT', what: 'A label that tells two accounts at one server apart.', default: 'default' },
  {
    // 500 requests and 30,000 tokens a minute are this model's first tier, and a 1080p picture costs 1,105 tokens
    // there (OpenAI's documentation, November 2026): both the default limits and the 1,500 tokens a call rest on it.
    name: 'MODEL',
    what: 'Name of a model that sees pictures.',
    default: DEFAULT_MODEL,
  },
  {
    name: 'MODEL_API',
    what: '`responses`, or `chat` for a server that has only chat completions.',
    default: 'responses',
  },
  {
    name: 'IMAGE_ROUTE',
    what: '`url` (signed URL first, base64 when that fails) or `base64` (never a URL).',
    default: 'url',
  },
  { name: 'IMAGE_DETAIL', what: '`low`, `high` or `auto`.', default: 'high' },
  { name: 'MAX_OUTPUT_TOKENS', what: 'Cap on one answer; it counts against the limit.', default: '300' },
  { name: 'MODEL_TIMEOUT_SECONDS', what: 'Longest time for one call.', default: '60' },
  {
    name: 'PICTURE_MEMORY_MB',
    what: 'Memory of a worker for the pictures that it sends as base64.',
    default: '256',
  },
  {
    name: 'LIMITS',
    what: '`auto` (what the provider says), or requests and tokens a minute, as in `480/28000`.',
    default: 'auto',
  },
  {
    name: 'PROMPTS_FILE',
    what: 'The questions of runs that bring none.',
    default: 'prompts.yaml of the program',
  },
  {
    name: 'RESULTS',
    what: 'Folder or `gs://` place below which each run has its folder.',
    default: './results',
  },
  {
    name: 'ANSWERS',
    what: 'Folder or `gs://` place of the paid answers that later runs recall; workers share one.',
    default: '.answers below RESULTS',
  },
  {
    name: 'NOTIFY_SECRET',
    what: 'What `run --notify` signs its messages with; unset: they are unsigned.',
    default: '',
  },
  {
    name: 'PAGE_URL',
    what: 'Where people reach the page: runs link to it in the Temporal Web UI.',
    default: '',
  },
  {
    name: 'PAGE_TOKEN_FILE',
    what: 'File of a token that the page asks for; needed to serve it beyond this machine.',
    default: '',
  },
  {
    name: 'CODEC_KEYS_FILE',
    what: 'File of the keys that encrypt what Temporal keeps (docs/privacy.md).',
    default: '',
  },
  { name: 'DATA_DIR', what: "The embedded engine's database and logs.", default: './.image-analysis' },
  {
    name: 'RETENTION_DAYS',
    what: 'Days for which the embedded Temporal server keeps runs after they end.',
    default: '30',
  },
  {
    name: 'CACHE_DIR',
    what: 'Where the downloaded Temporal server is kept.',
    default: '~/.cache/image-analysis',
  },
  {
    name: 'TEMPORAL_ADDRESS',
    what: '`host:port` of a Temporal server; unset: the embedded engine.',
    default: '',
  },
  { name: 'TEMPORAL_NAMESPACE', what: 'Namespace at that server.', default: 'default' },
  ...ACCESS_SETTINGS,
  { name: 'TASK_QUEUE', what: 'Task queue that workers and commands share.', default: TASK_QUEUE },
  {
    name: 'WORKER_DEPLOYMENT',
    what: 'Worker deployment that Temporal versions; unset: workers have no versions.',
    default: '',
  },
  {
    name: 'TEMPORAL_CLI_PATH',
    what: 'A `temporal` executable to use in place of the downloaded one.',
    default: '',
  },
  {
    name: 'STORAGE_EMULATOR_HOST',
    what: "A GCS emulator's address, in place of Google's service.",
    default: '',
  },
  {
    name: 'METRICS_ADDRESS',
    what: '`IP:port` at which a worker serves metrics to Prometheus (docs/observability.md).',
    default: '',
  },
  {
    name: 'HEALTH_ADDRESS',
    what: '`IP:port` at which a worker answers `/healthz` and `/readyz`.',
    default: '',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    what: 'OpenTelemetry collector that workers send traces to, by OTLP over HTTP.',
    default: '',
  },
  { name: 'LOG_LEVEL', what: '`debug`, `info`, `warn` or `error`.', default: 'info' },
  {
    name: 'SIMULATED',
    what: 'Set by the demonstration: `true` labels every result as simulated.',
    default: 'false',
    internal: true,
  },
] as const satisfies readonly Setting[];

type SettingName = (typeof SETTINGS)[number]['name'];

/**
 * Reads and checks every setting. An empty value counts as unset.
 * Throws a {@link SettingError}; looks at no file and connects to nothing: a profile that the environment names must
 * be in it already (`withProfile`).
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>, cwd: string): Config {
  const text = (name: SettingName): string | null => env[name]?.trim() || null;
  const or = (name: SettingName): string => text(name) ?? defaultOf(name);
  const path = (name: SettingName): string => resolve(cwd, or(name));

  const baseUrl = httpUrl('OPENAI_BASE_URL', or('OPENAI_BASE_URL'), 'https://api.openai.com/v1');
  const simulated = oneOf('SIMULATED', or('SIMULATED'), ['true', 'false']) === 'true';
  const emulator = text('STORAGE_EMULATOR_HOST');
  const results = or('RESULTS');
  const answers = text('ANSWERS');
  const cacheDir = text('CACHE_DIR');
  const deployment = text('WORKER_DEPLOYMENT');
  const pageUrl = text('PAGE_URL');
  const tracesEndpoint = text('OTEL_EXPORTER_OTLP_ENDPOINT');
  const placeOf = (name: SettingName, value: string): string =>
    value.startsWith('gs://') ? bucketPlace(name, value) : resolve(cwd, value);

  return {
    apiKey: apiKey(text('OPENAI_API_KEY')),
    baseUrl,
    account: {
      label: label('ACCOUNT', or('ACCOUNT')),
      provider: 'openai',
      endpoint: simulated ? 'simulator' : new URL(baseUrl).host,
      simulated,
    },
    model: or('MODEL'),
    api: oneOf('MODEL_API', or('MODEL_API'), ['responses', 'chat']),
    route: oneOf('IMAGE_ROUTE', or('IMAGE_ROUTE'), ['url', 'base64']),
    detail: oneOf('IMAGE_DETAIL', or('IMAGE_DETAIL'), ['low', 'high', 'auto']),
    maxOutputTokens: wholeNumber('MAX_OUTPUT_TOKENS', or('MAX_OUTPUT_TOKENS')),
    modelTimeoutMs:
      wholeNumber('MODEL_TIMEOUT_SECONDS', or('MODEL_TIMEOUT_SECONDS'), LONGEST_CALL_SECONDS) * 1000,
    pictureMemoryBytes: wholeNumber('PICTURE_MEMORY_MB', or('PICTURE_MEMORY_MB'), 1_000_000) * 1_000_000,
    limits: limitSettings('LIMITS', or('LIMITS')),
    promptsFile: text('PROMPTS_FILE') === null ? ownFile('prompts.yaml') : path('PROMPTS_FILE'),
    results: placeOf('RESULTS', results),
    answers: placeOf('ANSWERS', answers ?? `${placeOf('RESULTS', results)}/.answers`),
    notifySecret: notifySecret(text('NOTIFY_SECRET')),
    pageUrl: pageUrl === null ? null : httpUrl('PAGE_URL', pageUrl, 'https://pictures.example.org'),
    pageTokenFile: text('PAGE_TOKEN_FILE') === null ? null : path('PAGE_TOKEN_FILE'),
    codecKeysFile: text('CODEC_KEYS_FILE') === null ? null : path('CODEC_KEYS_FILE'),
    dataDir: path('DATA_DIR'),
    retentionDays: wholeNumber('RETENTION_DAYS', or('RETENTION_DAYS'), LONGEST_RETENTION_DAYS),
    cacheDir:
      cacheDir === null
        ? join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'image-analysis')
        : resolve(cwd, cacheDir),
    address: address(text('TEMPORAL_ADDRESS')),
    namespace: or('TEMPORAL_NAMESPACE'),
    access: readAccess(
      Object.keys(env),
      (name) => env[name]?.trim() || null,
      (given) => resolve(cwd, given),
    ),
    taskQueue: or('TASK_QUEUE'),
    workerDeployment: deployment === null ? null : label('WORKER_DEPLOYMENT', deployment),
    temporalCliPath: text('TEMPORAL_CLI_PATH') === null ? null : path('TEMPORAL_CLI_PATH'),
    gcsEndpoint:
      emulator === null
        ? null
        : httpUrl(
            'STORAGE_EMULATOR_HOST',
            /^\w+:\/\//.test(emulator) ? emulator : `http://${emulator}`,
            'http://127.0.0.1:4443',
          ),
    metricsAddress: ownAddress('METRICS_ADDRESS', text('METRICS_ADDRESS'), '0.0.0.0:9464'),
    healthAddress: ownAddress('HEALTH_ADDRESS', text('HEALTH_ADDRESS'), '0.0.0.0:9465'),
    tracesEndpoint:
      tracesEndpoint === null
        ? null
        : httpUrl('OTEL_EXPORTER_OTLP_ENDPOINT', tracesEndpoint, 'http://localhost:4318'),
    logLevel: oneOf('LOG_LEVEL', or('LOG_LEVEL'), ['debug', 'info', 'warn', 'error']),
  };
}

/** The environment that gives this configuration to another process, whatever its working directory. */
export function environmentOf(config: Config): Record<SettingName, string> {
  return {
    OPENAI_API_KEY: config.apiKey ?? '',
    OPENAI_BASE_URL: config.baseUrl,
    ACCOUNT: config.account.label,
    MODEL: config.model,
    MODEL_API: config.api,
    IMAGE_ROUTE: config.route,
    IMAGE_DETAIL: config.detail,
    MAX_OUTPUT_TOKENS: String(config.maxOutputTokens),
    MODEL_TIMEOUT_SECONDS: String(config.modelTimeoutMs / 1000),
    PICTURE_MEMORY_MB: String(config.pictureMemoryBytes / 1_000_000),
    LIMITS: limitsText(config.limits),
    PROMPTS_FILE: config.promptsFile,
    RESULTS: config.results,
    ANSWERS: config.answers,
    NOTIFY_SECRET: config.notifySecret ?? '',
    PAGE_URL: config.pageUrl ?? '',
    PAGE_TOKEN_FILE: config.pageTokenFile ?? '',
    CODEC_KEYS_FILE: config.codecKeysFile ?? '',
    DATA_DIR: config.dataDir,
    RETENTION_DAYS: String(config.retentionDays),
    CACHE_DIR: config.cacheDir,
    TEMPORAL_ADDRESS: config.address ?? '',
    TEMPORAL_NAMESPACE: config.namespace,
    ...accessEnvironment(config.access),
    TASK_QUEUE: config.taskQueue,
    WORKER_DEPLOYMENT: config.workerDeployment ?? '',
    TEMPORAL_CLI_PATH: config.temporalCliPath ?? '',
    STORAGE_EMULATOR_HOST: config.gcsEndpoint ?? '',
    METRICS_ADDRESS: config.metricsAddress ?? '',
    HEALTH_ADDRESS: config.healthAddress ?? '',
    OTEL_EXPORTER_OTLP_ENDPOINT: config.tracesEndpoint ?? '',
    LOG_LEVEL: config.logLevel,
    SIMULATED: String(config.account.simulated),
  };
}

/** A whole number of at least 1, as a setting or a flag gives it. Throws a {@link SettingError} that names it. */
export function wholeNumber(name: string, value: string, max = 1_000_000_000): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < 1 || number > max) {
    throw wrong(name, value, `give a whole number from 1 to ${max.toLocaleString('en-US')}`, exampleOf(name));
  }
  return number;
}

/** One of a few words. Throws a {@link SettingError} that names the setting or flag. */
export function oneOf<const T extends string>(name: string, value: string, words: readonly T[]): T {
  const word = words.find((candidate) => candidate === value);
  if (word === undefined) throw wrong(name, value, `give one of ${words.join(', ')}`, words[0] ?? '');
  return word;
}

/** `auto`, or `REQUESTS/TOKENS` a minute, of which either may be `auto`. Throws a {@link SettingError} that names it. */
export function limitSettings(name: string, value: string): LimitSettings {
  const [requests = '', tokens = requests, ...rest] = value.split('/').map((part) => part.trim());
  const half = (part: string): number | 'auto' => (part === 'auto' ? 'auto' : wholeNumber(name, part));
  const isWhole = value.includes('/') ? rest.length === 0 : requests === 'auto';
  if (!isWhole || ![requests, tokens].every((part) => part === 'auto' || /^\d+$/.test(part))) {
    throw wrong(name, value, 'give auto, or requests and tokens a minute', '480/28000');
  }
  return { requestsPerMinute: half(requests), tokensPerMinute: half(tokens) };
}

/** As {@link readConfig} takes it. */
export function limitsText({ requestsPerMinute, tokensPerMinute }: LimitSettings): string {
  return requestsPerMinute === 'auto' && tokensPerMinute === 'auto'
    ? 'auto'
    : `${requestsPerMinute}/${tokensPerMinute}`;
}

/** `host:port`. Throws a {@link SettingError}. */
export function address(value: string | null, name = 'TEMPORAL_ADDRESS'): string | null {
  if (value === null) return null;
  const port = /^(?:[^\s:/@]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(value)?.[1];
  if (port === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw wrong(name, value, 'give host:port, without http://', 'localhost:7233');
  }
  return value;
}

/** `IP:port` to listen at. The SDK, which serves the metrics, takes no host name there. */
function ownAddress(name: string, value: string | null, example: string): string | null {
  const host = value === null ? '' : value.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (value !== null && isIP(host) === 0) throw wrong(name, value, 'give IP:port', example);
  return address(value, name);
}

function apiKey(value: string | null): string | null {
  if (value !== null && !/^[\x21-\x7e]+$/.test(value)) {
    throw new SettingError(
      'OPENAI_API_KEY holds a space, a line break or a character that no key has (its value is not shown). ' +
        'Set it to the key alone, for example OPENAI_API_KEY=sk-….',
    );
  }
  return value;
}

function notifySecret(value: string | null): string | null {
  if (value !== null && value.length < LEAST_SECRET) {
    throw new SettingError(
      `NOTIFY_SECRET holds fewer than ${LEAST_SECRET} characters, which can be guessed (its value is not shown). ` +
        'Set a longer one, as `openssl rand -hex 32` makes it.',
    );
  }
  return value;
}

function httpUrl(name: string, value: string, example: string): string {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw wrong(name, value, 'give an http:// or https:// address', example);
  }
  if (url.username !== '' || url.password !== '') {
    throw new SettingError(
      `${name} holds a user name or password (its value is not shown). Give the address alone, ` +
        `for example ${name}=${example}.`,
    );
  }
  return value.replace(/\/+$/, '');
}

function bucketPlace(name: string, value: string): string {
  if (!/^gs:\/\/[a-z0-9][a-z0-9._-]+(\/.*)?$/.test(value)) {
    throw wrong(name, value, 'give gs://bucket or gs://bucket/folder', 'gs://city-cameras/results');
  }
  return value.replace(/\/+$/, '');
}

function label(name: string, value: string): string {
  if (!/^[\w-]{1,64}$/.test(value)) {
    const example = name === 'WORKER_DEPLOYMENT' ? TASK_QUEUE : 'default';
    throw wrong(name, value, 'give 1 to 64 letters, digits, dashes or underscores', example);
  }
  return value;
}

function wrong(name: string, value: string, remedy: string, example: string): SettingError {
  const shown = JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  const assignment = /^[A-Z]/.test(name) ? `${name}=${example}` : `${name} ${example}`;
  return new SettingError(`${name} is ${shown}: ${remedy}, for example ${assignment}.`);
}

function defaultOf(name: SettingName): string {
  return SETTINGS.find((setting) => setting.name === name)?.default ?? '';
}

function exampleOf(name: string): string {
  return SETTINGS.find((setting) => setting.name === name)?.default || '4';
}

/** `image-analysis` and `0.1.0`, as `package.json` says. */
export const program = (): { name: string; version: string } =>
  JSON.parse(readFileSync(ownFile('package.json'), 'utf8')) as { name: string; version: string };

/** `image-analysis 0.1.0`. */
export function programVersion(): string {
  const { name, version } = program();
  return `${name} ${version}`;
}

/** A file of the package: beside `src/` or `dist/`. */
const ownFile = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));
