import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DCLinter } from 'dclint';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { DYNAMIC_CONFIG } from '../../src/client/engine/server.ts';
import { LONGEST_CALL_SECONDS, readConfig, SETTINGS } from '../../src/config.ts';
import { SEARCH_ATTRIBUTES } from '../../src/shared/names.ts';
import { graceOf } from '../../src/worker/grace.ts';
import { readDockerfile } from '../helpers/dockerfile.ts';

const text = readFileSync('docker-compose.yml', 'utf8');

const composeFile = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string(),
      profiles: z.array(z.string()).optional(),
      build: z.object({ context: z.string(), target: z.string() }).optional(),
      user: z.string().optional(),
      environment: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
      ports: z.array(z.string()).optional(),
      command: z.array(z.string()).optional(),
      entrypoint: z.array(z.string()).optional(),
      depends_on: z
        .record(z.string(), z.object({ condition: z.string(), required: z.boolean().optional() }))
        .optional(),
      healthcheck: z.object({ test: z.array(z.string()) }).optional(),
      volumes: z.array(z.string()).optional(),
      tmpfs: z.array(z.string()).optional(),
      secrets: z.array(z.string()).optional(),
      group_add: z.array(z.string()).optional(),
      deploy: z.object({ replicas: z.number() }).optional(),
      stop_grace_period: z.string().optional(),
      read_only: z.boolean().optional(),
      cap_drop: z.array(z.string()).optional(),
      security_opt: z.array(z.string()).optional(),
      privileged: z.never().optional(),
      cap_add: z.never().optional(),
    }),
  ),
  volumes: z.record(z.string(), z.unknown()),
  secrets: z.record(z.string(), z.object({ file: z.string() })),
});
const { services, volumes, secrets } = composeFile.parse(parse(text, { merge: true }));
const named = Object.entries(services);
const ours = named.filter(([, { image }]) => image.startsWith('image-analysis:'));
const { worker, page } = services;
const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync('package.json', 'utf8')));

/** What the Compose specification's schema says of a file; nothing: it is well formed. */
function schemaProblems(compose: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'compose-'));
  try {
    const file = join(folder, 'docker-compose.yml');
    writeFileSync(file, compose);
    const linter = new DCLinter({ rules: {}, quiet: true, debug: false, exclude: [] });
    return linter
      .lintFiles([file], false)
      .flatMap(({ messages }) => messages)
      .filter(({ rule }) => rule.startsWith('invalid'))
      .map(({ message }) => message);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Of Compose's `2m30s`. */
function seconds(period: string | undefined): number {
  const [, minutes = '0', rest = '0'] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(period ?? '') ?? [];
  return Number(minutes) * 60 + Number(rest);
}

describe('docker-compose.yml', () => {
  test('is what the Compose specification allows', () => {
    expect(schemaProblems(text)).toEqual([]);
  });

  test.each([
    ['a key of a service', 'environment:', 'enviroment:'],
    ['a key of a health check', 'start_period:', 'start_periode:'],
    ['a condition', 'condition: service_healthy', 'condition: service_healty'],
    ['the YAML itself', "['CMD', 'nc'", "['CMD', 'nc"],
  ])('would be refused with a mistake in %s', (_what, right, wrong) => {
    expect(text).toContain(right);
    expect(schemaProblems(text.replace(right, wrong))).not.toEqual([]);
  });

  test('has every service of a production set-up, and those of its profiles', () => {
    const of = (profile: string | undefined): string[] =>
      named.filter(([, { profiles }]) => profiles?.[0] === profile).map(([name]) => name);
    expect(of(undefined)).toEqual([
      ...['postgresql', 'temporal-schema', 'temporal', 'temporal-namespace', 'temporal-ui'],
      ...['worker', 'worker-version', 'page'],
    ]);
    expect(of('offline')).toEqual(['simulator', 'gcs']);
    expect(of('metrics')).toEqual(['prometheus', 'grafana']);
    expect(worker?.deploy?.replicas).toBe(2);
  });

  test.each(named)('%s has an image of one release', (_name, { image }) => {
    expect(image).toMatch(/^[a-z/-]+:v?\d+\.\d+(\.\d+)?(-full)?$/);
  });

  test.each(named)('%s is reached from this machine only', (_name, { ports }) => {
    for (const port of ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  test('no two services want the same port', () => {
    const published = named.flatMap(([, { ports }]) => ports ?? []).map((port) => port.split(':')[1]);
    expect(published).toEqual([...new Set(published)]);
  });

  test('no password or key stands in it, or has a default', () => {
    const found = named.flatMap(([, { environment }]) =>
      Object.entries(environment ?? {}).filter(
        ([name]) => /PASSWORD|PWD|SECRET|TOKEN(?!S)|API_KEY/.test(name) && !name.endsWith('_FILE'),
      ),
    );
    expect(found.length).toBeGreaterThan(0);
    for (const [name, value] of found)
      expect(value, name).toMatch(name === 'NOTIFY_SECRET' ? /^\$\{[A-Z_]+:-\}$/ : /^\$\{[A-Z_]+:\?.*\}$/);
  });

  test('Grafana has no administrator, whose password would be a default one', () => {
    expect(services['grafana']?.environment).toMatchObject({
      GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION: 'true',
      GF_AUTH_DISABLE_LOGIN_FORM: 'true',
      GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
    });
  });

  test.each(named)('%s has no rights that it does not need', (name, service) => {
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
    expect(service.read_only, 'the Web UI writes its configuration when it starts').toBe(
      name === 'temporal-ui' ? undefined : true,
    );
  });

  test('whoever waits for another waits for what it reports', () => {
    const waits = named.flatMap(([waiter, { depends_on }]) =>
      Object.entries(depends_on ?? {}).map(([name, need]) => ({ waiter, name, ...need })),
    );
    expect(waits.map(({ name, condition }) => `${name} ${condition}`)).toContain('temporal service_healthy');
    for (const { waiter, name, condition, required } of waits) {
      const needed = services[name];
      expect(needed, name).toBeDefined();
      if (condition === 'service_healthy') expect(needed?.healthcheck, name).toBeDefined();
      if (condition === 'service_completed_successfully')
        expect(needed?.entrypoint?.[0], name).toBe('/bin/sh');
      // A service of a profile is there only with it.
      const isOptional = needed?.profiles !== undefined && services[waiter]?.profiles === undefined;
      expect(required, `${waiter} needs ${name}`).toBe(isOptional ? false : undefined);
    }
  });

  test('database, schema, server, namespace and workers start in this order', () => {
    const before = (name: string): string[] =>
      Object.keys(services[name]?.depends_on ?? {}).flatMap((other) => [...before(other), other]);
    const chain = ['postgresql', 'temporal-schema', 'temporal', 'temporal-namespace'];
    expect(before('worker').filter((name) => services[name]?.profiles === undefined)).toEqual(chain);
    expect(before('page')).toEqual(chain);
    expect(before('worker-version')).toEqual(expect.arrayContaining([...chain, 'worker']));
  });

  test('every named volume is declared, and every one declared is used', () => {
    const used = named
      .flatMap(([, service]) => service.volumes ?? [])
      .map((volume) => volume.split(':')[0] ?? '')
      .filter((source) => /^[a-z]/.test(source));
    expect([...new Set(used)].sort()).toEqual(Object.keys(volumes).sort());
  });

  test('workers and page see the same pictures, results, answers, account and keys', () => {
    expect(page?.volumes).toEqual(worker?.volumes);
    expect(worker?.volumes).toEqual(['${PICTURES:-./samples}:/pictures:ro', 'results:/results']);
    expect(worker?.environment?.['RESULTS']).toBe('${RESULTS:-/results}');
    // Unset, answers lie below the results: in the same volume.
    expect(worker?.environment?.['ANSWERS']).toBe('${ANSWERS:-}');
    expect(readConfig({ RESULTS: '/results', ANSWERS: '' }, '/app').answers).toBe('/results/.answers');
    const own = {
      worker: Object.keys(worker?.environment ?? {}),
      page: Object.keys(page?.environment ?? {}),
    };
    const shared = own.worker.filter((name) => own.page.includes(name));
    for (const name of shared) expect(page?.environment?.[name], name).toBe(worker?.environment?.[name]);
    expect(own.page.filter((name) => !shared.includes(name))).toEqual(['PAGE_TOKEN_FILE']);
  });

  test('what can be made again is kept in memory', () => {
    const writable = (service: typeof worker): string[] =>
      service?.tmpfs?.map((path) => path.split(':')[0] ?? '') ?? [];
    for (const service of [worker, page]) {
      expect(writable(service)).toContain('/cache');
      expect(service?.environment).toMatchObject({ DATA_DIR: '/cache', CACHE_DIR: '/cache' });
    }
  });

  /** Settings that neither worker nor page is given. */
  const NOT_GIVEN: Readonly<Record<string, string>> = {
    PROMPTS_FILE: 'a run brings its own questions, and the image has those for runs that bring none',
    RETENTION_DAYS: 'of the embedded server',
    TEMPORAL_NAMESPACE: 'the one that temporal-namespace makes is the default',
    TASK_QUEUE: 'one set of workers has one queue',
    TEMPORAL_CLI_PATH: 'of the embedded server',
    // Its own server takes no credentials; a company's is joined with a compose file beside it (docs/clusters.md).
    TEMPORAL_API_KEY: 'of another server',
    TEMPORAL_PROFILE: 'of another server',
    TEMPORAL_CONFIG_FILE: 'of another server',
  };

  test('every setting is given to a worker or the page, or has a reason why not', () => {
    const given = [worker, page].flatMap((service) => Object.keys(service?.environment ?? {}));
    const settings = SETTINGS.map(({ name }): string => name);
    const notOurs = ['GOOGLE_APPLICATION_CREDENTIALS'];
    expect(given.filter((name) => !settings.includes(name) && !notOurs.includes(name))).toEqual([]);
    const isLeft = (name: string): boolean =>
      !given.includes(name) && NOT_GIVEN[name] === undefined && !name.startsWith('TEMPORAL_TLS');
    expect(settings.filter(isLeft)).toEqual([]);
    expect(Object.keys(NOT_GIVEN).filter((name) => given.includes(name) || !settings.includes(name))).toEqual(
      [],
    );
  });

  test('what it gives them is what the program takes', () => {
    const values = (service: typeof worker): Record<string, string> =>
      Object.fromEntries(
        Object.entries(service?.environment ?? {}).map(([name, value]) => [
          name,
          String(value).replace(/\$\{\w+:(?:-|\+[^}]*|\?[^}]*)([^}]*)\}/g, '$1'),
        ]),
      );
    expect(readConfig(values(worker), '/app')).toMatchObject({
      address: 'temporal:7233',
      results: '/results',
      metricsAddress: '0.0.0.0:9464',
      healthAddress: '0.0.0.0:9465',
      codecKeysFile: null,
    });
    expect(readConfig(values(page), '/app')).toMatchObject({ pageTokenFile: '/run/secrets/page-token' });
  });

  test('a worker is given longer to stop than it takes, which is longer than a call', () => {
    for (const modelTimeoutMs of [1, 60, LONGEST_CALL_SECONDS].map((s) => s * 1000)) {
      const { calls, all } = graceOf({ modelTimeoutMs });
      expect(calls).toBeGreaterThan(modelTimeoutMs);
      expect(all).toBeGreaterThan(calls);
      expect(seconds(worker?.stop_grace_period) * 1000).toBeGreaterThan(all);
    }
  });

  test('health is asked for where it is told', () => {
    const asked = (service: typeof worker): string => service?.healthcheck?.test.join(' ') ?? '';
    const portOf = (address: unknown): string => String(address).split(':')[1] ?? '';
    expect(asked(worker)).toContain(
      `http://127.0.0.1:${portOf(worker?.environment?.['HEALTH_ADDRESS'])}/readyz`,
    );
    const flag = (service: typeof worker, name: string): string | undefined =>
      service?.command?.[service.command.indexOf(name) + 1];
    expect(asked(page)).toContain(`http://127.0.0.1:${flag(page, '--port')}'`);
    expect(page?.ports).toEqual([`127.0.0.1:3000:${flag(page, '--port')}`]);
    const { simulator } = services;
    expect(asked(simulator)).toContain(`http://127.0.0.1:${flag(simulator, '--port')}/`);
    const prometheus = readFileSync('deploy/prometheus/prometheus.yml', 'utf8');
    expect(prometheus).toContain(`port: ${portOf(worker?.environment?.['METRICS_ADDRESS'])}`);
  });

  test('secrets are files, which only those services see that read them', () => {
    for (const [name, { file }] of Object.entries(secrets)) {
      expect(file, name).toMatch(/^\$\{[A-Z_]+:-(?:\/dev\/null|\.\/deploy\/secrets\/page-token)\}$/);
    }
    const readers = (secret: string): string[] =>
      named.filter(([, service]) => service.secrets?.includes(secret)).map(([name]) => name);
    expect(readers('page-token')).toEqual(['page']);
    expect(readers('codec-keys')).toEqual(['worker', 'page']);
    expect(readers('google-credentials')).toEqual(['worker', 'page']);
    for (const [name, service] of named) {
      const paths = Object.values(service.environment ?? {}).flatMap(
        (value) => /\/run\/secrets\/([\w-]+)/.exec(String(value))?.[1] ?? [],
      );
      expect(paths.sort(), name).toEqual([...(service.secrets ?? [])].sort());
      // Compose mounts them with their owner and mode, and the program refuses what everybody may read.
      if (paths.length > 0) expect(service.group_add).toEqual(['${SECRETS_GROUP:-1000}']);
    }
  });

  test('the version that it builds becomes the current one', () => {
    const command = services['worker-version']?.command?.join('\n');
    const targets = ours.map(([name, { image, build }]) => `${name}: ${image} from ${build?.target}`);
    expect(targets).toEqual([
      `worker: image-analysis:${version} from worker`,
      `page: image-analysis:${version}-full from full`,
      `simulator: image-analysis:${version}-full from full`,
    ]);
    expect(command).toContain(
      `--deployment-name ${String(worker?.environment?.['WORKER_DEPLOYMENT'])} --build-id ${version};`,
    );
  });

  test('the namespace gets every search attribute that a run carries', () => {
    const command = services['temporal-namespace']?.command?.join('\n');
    for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES)) {
      expect(command).toContain(`--name ${name} --type ${type}`);
    }
  });
});

test('offline, the workers are sent to the services of the profile, and the results are labelled', () => {
  const offline = Object.fromEntries(
    readFileSync('deploy/offline.env', 'utf8')
      .split('\n')
      .filter((line) => /^\w/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const { baseUrl, gcsEndpoint, account, route } = readConfig(offline, '/app');
  expect(account.simulated).toBe(true);
  expect(route).toBe('base64');
  const { simulator, gcs } = services;
  expect(new URL(baseUrl)).toMatchObject({
    hostname: 'simulator',
    port: simulator?.command?.[simulator.command.indexOf('--port') + 1],
  });
  expect(gcsEndpoint).toBe('http://gcs:4443');
  expect(gcs?.command).toEqual(expect.arrayContaining(['-port=4443', '-public-host=gcs:4443']));
});

test('its server is configured as the embedded one is', () => {
  const file = readFileSync('deploy/temporal-dynamicconfig.yaml', 'utf8');
  const entries = z.record(z.string(), z.tuple([z.object({ value: z.unknown() })])).parse(parse(file));
  const values = Object.entries(entries).map(([name, [{ value }]]) => `${name}=${String(value)}`);
  expect(values).toEqual(DYNAMIC_CONFIG);
});

test('every variable that docker-compose.yml demands stands in .env.example', () => {
  const demanded = [...text.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name);
  const example = readFileSync('.env.example', 'utf8');
  for (const name of demanded) expect(example).toMatch(new RegExp(`^${name}=$`, 'm'));
  for (const [, name = ''] of example.matchAll(/^#?([A-Z_]+)=/gm)) expect(text).toContain(`\${${name}:`);
});

describe('Dockerfile', () => {
  const stages = readDockerfile(readFileSync('Dockerfile', 'utf8'));
  const last = stages.at(-1);
  const of = (name: string): string[] =>
    stages.find((stage) => stage.name === name)?.steps.map(({ does, what }) => `${does} ${what}`) ?? [];

  test('every base image is of one release', () => {
    const bases = stages.map(({ from }) => from).filter((from) => !stages.some(({ name }) => name === from));
    for (const base of bases) expect(base).toMatch(/^node:\d+\.\d+\.\d+-bookworm(-slim)?$/);
  });

  test('its last stage is the worker, as process 1, and not as root', () => {
    expect(last?.name).toBe('worker');
    expect(of('worker').at(-1)).toBe('CMD ["node", "dist/cli.js", "worker"]');
    for (const { name, from } of stages.filter(({ name }) => name === 'worker' || name === 'full')) {
      expect(from, name).toBe('base');
      expect(of(name).filter((step) => /^(RUN|USER)/.test(step))).toEqual([]);
      expect(of(name).filter((step) => step.startsWith('COPY'))).toEqual([
        `COPY --from=build /image/${name} ./`,
      ]);
    }
    expect(of('base').at(-1)).toBe('USER 1000:1000');
  });

  test('it asks for health as the compose file does', () => {
    for (const [name, service] of [
      ['worker', worker],
      ['full', page],
    ] as const) {
      const check = of(name).find((step) => step.startsWith('HEALTHCHECK')) ?? '';
      const command: unknown = JSON.parse(check.slice(check.indexOf('CMD ') + 4));
      expect(['CMD', ...z.array(z.string()).parse(command)]).toEqual(service?.healthcheck?.test);
    }
    expect(of('worker')).toContain('ENV HEALTH_ADDRESS=127.0.0.1:9465');
    expect(JSON.parse(of('full').at(-1)?.slice(4) ?? '')).toEqual(page?.command);
  });
});
