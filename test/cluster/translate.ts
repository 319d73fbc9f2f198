import { join } from 'node:path';

/** What stands for a container of the compose file: a loopback address of its own, and folders. */
export interface Site {
  /** For messages. */
  service: string;
  /** Its own address. */
  address: string;
  /** Of every service, by its name. */
  addresses: Readonly<Record<string, string>>;
  /** Paths in the container, and where they lie here. */
  paths: Readonly<Record<string, string>>;
}

/**
 * What a variable's value is: `same`: a word that means the same everywhere; `host`: a service's name; `address`:
 * host:port; `url`; `path`: a path in the container; `place`: such a path or gs://; `bind`: an address to listen at.
 */
type Kind = 'same' | 'host' | 'address' | 'url' | 'path' | 'place' | 'bind';

/** Every variable that a service may have. One that is missing here fails: its value may name what is not there. */
const VARIABLES: Readonly<Record<string, Kind>> = {
  // PostgreSQL's image
  POSTGRES_PASSWORD: 'same',
  POSTGRES_DB: 'same',
  PGDATA: 'path',
  // Temporal's server and its tools
  DB: 'same',
  DB_PORT: 'same',
  DBNAME: 'same',
  VISIBILITY_DBNAME: 'same',
  POSTGRES_SEEDS: 'host',
  POSTGRES_USER: 'same',
  POSTGRES_PWD: 'same',
  SQL_PASSWORD: 'same',
  BIND_ON_IP: 'bind',
  DYNAMIC_CONFIG_FILE_PATH: 'path',
  NUM_HISTORY_SHARDS: 'same',
  PROMETHEUS_ENDPOINT: 'address',
  LOG_LEVEL: 'same',
  TEMPORAL_ADDRESS: 'address',
  TEMPORAL_NAMESPACE: 'same',
  TEMPORAL_PROFILE: 'same',
  TEMPORAL_CONFIG_FILE: 'path',
  TEMPORAL_API_KEY: 'same',
  TEMPORAL_TLS: 'same',
  TEMPORAL_TLS_SERVER_NAME: 'same',
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: 'path',
  TEMPORAL_TLS_CLIENT_CERT_PATH: 'path',
  TEMPORAL_TLS_CLIENT_KEY_PATH: 'path',
  TEMPORAL_TLS_REQUIRE_CLIENT_AUTH: 'same',
  TEMPORAL_TLS_SERVER_CA_CERT: 'path',
  TEMPORAL_TLS_SERVER_CERT: 'path',
  TEMPORAL_TLS_SERVER_KEY: 'path',
  TEMPORAL_TLS_CLIENT1_CA_CERT: 'path',
  TEMPORAL_TLS_CLIENT2_CA_CERT: 'path',
  TEMPORAL_TLS_FRONTEND_CERT: 'path',
  TEMPORAL_TLS_FRONTEND_KEY: 'path',
  TEMPORAL_TLS_FRONTEND_SERVER_NAME: 'same',
  TEMPORAL_TLS_INTERNODE_SERVER_NAME: 'same',
  // Ours
  OPENAI_API_KEY: 'same',
  OPENAI_BASE_URL: 'url',
  ACCOUNT: 'same',
  MODEL: 'same',
  MODEL_API: 'same',
  IMAGE_ROUTE: 'same',
  IMAGE_DETAIL: 'same',
  LIMITS: 'same',
  MAX_OUTPUT_TOKENS: 'same',
  MODEL_TIMEOUT_SECONDS: 'same',
  PICTURE_MEMORY_MB: 'same',
  PROMPTS_FILE: 'path',
  RESULTS: 'place',
  ANSWERS: 'place',
  NOTIFY_SECRET: 'same',
  PAGE_URL: 'same',
  PAGE_TOKEN_FILE: 'path',
  CODEC_KEYS_FILE: 'path',
  DATA_DIR: 'path',
  CACHE_DIR: 'path',
  TASK_QUEUE: 'same',
  WORKER_DEPLOYMENT: 'same',
  SIMULATED: 'same',
  STORAGE_EMULATOR_HOST: 'url',
  GOOGLE_APPLICATION_CREDENTIALS: 'path',
  METRICS_ADDRESS: 'address',
  HEALTH_ADDRESS: 'address',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'url',
  // Node's own
  NODE_ENV: 'same',
  NODE_OPTIONS: 'same',
  HOME: 'path',
};

const EVERYWHERE = ['0.0.0.0', '::', '[::]'];
const HERE = [...EVERYWHERE, '127.0.0.1', 'localhost'];

/** A variable's value as the process gets it. Throws for one that the table does not know. */
export function translateVariable(name: string, value: string, site: Site): string {
  const kind = VARIABLES[name];
  if (kind === undefined)
    throw new Error(
      `docker-compose.yml gives ${site.service} the variable ${name}, of which test/cluster/translate.ts does not know ` +
        'what it is: add it to the table there',
    );
  if (value === '') return '';
  switch (kind) {
    case 'same':
      return value;
    case 'host':
    case 'bind':
      return translateHost(value, site);
    case 'address': {
      const [, host = '', port] = /^(.+):(\d+)$/.exec(value) ?? [];
      if (port === undefined) throw new Error(`${site.service}: ${name} is ${value}, and not host:port`);
      return `${translateHost(host, site)}:${port}`;
    }
    case 'url': {
      const [, start = '', host = '', rest = ''] = /^(\w+:\/\/)?([^/:]+)(.*)$/.exec(value) ?? [];
      return `${start}${translateHost(host, site)}${rest}`;
    }
    case 'place':
      return value.startsWith('gs://') ? value : translatePath(value, site);
    case 'path':
      return translatePath(value, site);
  }
}

/** A service's name, an address of all interfaces or of the container itself; an address of this machine stays. */
function translateHost(host: string, site: Site): string {
  if (HERE.includes(host)) return site.address;
  const service = site.addresses[host];
  if (service !== undefined) return service;
  if (/^127\.\d+\.\d+\.\d+$/.test(host)) return host;
  throw new Error(`${site.service} names the host ${host}, which is no service of the compose file`);
}

/** Throws for a path that neither a volume nor the image brings. */
function translatePath(path: string, { service, paths }: Site): string {
  const target = Object.keys(paths)
    .filter((mount) => path === mount || path.startsWith(`${mount}/`))
    .sort((a, b) => b.length - a.length)[0];
  if (target === undefined)
    throw new Error(`${service} names the path ${path}, which lies in no volume and not in its image`);
  return join(paths[target] ?? '', path.slice(target.length));
}

/** What a script may name and what is the same here. */
const OF_THE_SYSTEM = ['/dev/null', '/bin/sh', '/tmp'];

const HOST_AND_PORT = /(?<![\w.-])([A-Za-z][\w-]*|0\.0\.0\.0|127\.0\.0\.1)(?=:\d)/g;
const PATH = /(?<![\w.:/}$*-])\/[\w.-]+(?:\/[\w.-]+)*/g;

/** An argument of a command, or a whole script: hosts before a port, bare addresses and absolute paths in it. */
export function translateArgument(text: string, site: Site): string {
  const [, option = '', value = text] = /^(-[\w-]+=)(.*)$/.exec(text) ?? [];
  if (HERE.includes(value)) return `${option}${site.address}`;
  return text
    .replace(HOST_AND_PORT, (host: string) =>
      HERE.includes(host) || host in site.addresses ? translateHost(host, site) : host,
    )
    .replace(PATH, (path: string) => (OF_THE_SYSTEM.includes(path) ? path : translatePath(path, site)));
}
