import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DCLinter } from 'dclint';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { DYNAMIC_CONFIG } from '../../src/client/engine/server.ts';
import { SETTINGS } from '../../src/config.ts';
import { SEARCH_ATTRIBUTES } from '../../src/shared/names.ts';

const text = readFileSync('docker-compose.yml', 'utf8');

const composeFile = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string(),
      build: z.string().optional(),
      environment: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
      ports: z.array(z.string()).optional(),
      command: z.array(z.string()).optional(),
      depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
      healthcheck: z.object({ test: z.array(z.string()) }).optional(),
    }),
  ),
});
const { services } = composeFile.parse(parse(text, { merge: true }));
const named = Object.entries(services);

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

  test.each(named)('%s has an image of one release', (_name, { image }) => {
    expect(image).toMatch(/^[a-z/-]+:\d+\.\d+(\.\d+)?$/);
  });

  test.each(named)('%s is reached from this machine only', (_name, { ports }) => {
    for (const port of ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  test('no password or key stands in it, or has a default', () => {
    const secrets = named.flatMap(([, { environment }]) =>
      Object.entries(environment ?? {}).filter(([name]) => /PASSWORD|PWD|KEY/.test(name)),
    );
    expect(secrets.length).toBeGreaterThan(0);
    for (const [, value] of secrets) expect(value).toMatch(/^\$\{[A-Z_]+:\?.*\}$/);
  });

  test('whoever waits for health waits for a service that reports it', () => {
    const waitedFor = named.flatMap(([, { depends_on }]) =>
      Object.entries(depends_on ?? {}).filter(([, { condition }]) => condition === 'service_healthy'),
    );
    expect(waitedFor.length).toBeGreaterThan(0);
    for (const [name] of waitedFor) expect(services[name]?.healthcheck).toBeDefined();
  });

  test("the worker's variables are settings of the program", () => {
    const settings = SETTINGS.map(({ name }): string => name);
    const variables = Object.keys(services['worker']?.environment ?? {});
    expect(variables).toContain('TEMPORAL_ADDRESS');
    expect(variables.filter((name) => !settings.includes(name))).toEqual([]);
  });

  test('the version that it builds becomes the current one', () => {
    const { version } = z
      .object({ version: z.string() })
      .parse(JSON.parse(readFileSync('package.json', 'utf8')));
    const { image, environment } = services['worker'] ?? {};
    const command = services['worker-version']?.command?.join('\n');
    expect(image).toBe(`image-analysis:${version}`);
    expect(command).toContain(
      `--deployment-name ${String(environment?.['WORKER_DEPLOYMENT'])} --build-id ${version};`,
    );
  });

  test('the namespace gets every search attribute that a run carries', () => {
    const command = services['temporal-namespace']?.command?.join('\n');
    for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES)) {
      expect(command).toContain(`--name ${name} --type ${type}`);
    }
  });
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
});

test('the image runs the worker, and not as root', () => {
  const last =
    readFileSync('Dockerfile', 'utf8')
      .split(/^FROM /m)
      .at(-1) ?? '';
  expect(last).toMatch(/^USER node$/m);
  expect(last).toContain('CMD ["node", "dist/cli.js", "worker"]');
});
