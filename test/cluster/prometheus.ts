import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { readConfig } from '../../src/config.ts';
import { freePort } from '../helpers/free-port.ts';
import type { ComposeFile } from './compose-file.ts';
import { goIn, kept, needed } from './parts.ts';

const execute = promisify(execFile);

/** Prometheus's own programs, of the compose file's version. */
export interface PrometheusParts {
  prometheus: string;
  promtool: string;
}

const MODULE = 'github.com/prometheus/prometheus';
const OUTPUT_BYTES = 64_000_000;

/**
 * Builds the compose file's Prometheus and promtool with a Go from PyPI, once; they are kept in the program's cache.
 * Of its ways to find targets only DNS is built in, which prometheus.yml uses: the others are SDKs of every cloud.
 * Throws a `PartMissing` where this machine cannot have them.
 */
export async function getPrometheus(
  { services }: ComposeFile,
  env: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): Promise<PrometheusParts> {
  const image = services['prometheus']?.image ?? '';
  const version = /^prom\/prometheus:v(\d+\.\d+\.\d+)$/.exec(image)?.[1];
  if (version === undefined)
    throw new Error(`the image of prometheus is ${image}, not prom/prometheus:vN.N.N`);
  const { cacheDir } = readConfig(env, process.cwd());
  await mkdir(cacheDir, { recursive: true });
  const folder = await needed('Prometheus', () =>
    kept(cacheDir, `prometheus-${version}`, async (work) => {
      const go = await goIn(join(work, 'go'), say);
      say(`Building Prometheus ${version} (once; some minutes on two cores)`);
      const module = join(work, 'module');
      const files = join(work, 'files');
      await Promise.all([mkdir(module), mkdir(files)]);
      // `go install` refuses a module that replaces another one, as Prometheus's does; one that requires it may.
      await writeFile(join(module, 'go.mod'), 'module prometheus-for-tests\n\ngo 1.25.0\n');
      const commands = ['prometheus', 'promtool'].map((name) => `${MODULE}/cmd/${name}`);
      const options = {
        cwd: module,
        env: {
          ...process.env,
          GOTOOLCHAIN: 'local',
          GOFLAGS: '-modcacherw',
          GOPATH: join(work, 'gopath'),
          GOMODCACHE: join(work, 'modules'),
          GOCACHE: join(work, 'build'),
          CGO_ENABLED: '0',
        },
        maxBuffer: OUTPUT_BYTES,
      };
      await execute(go, ['get', ...commands.map((path) => `${path}@${moduleVersionOf(version)}`)], options);
      const tags = 'remove_all_sd,enable_dns_sd';
      const parallel = String(availableParallelism());
      await execute(
        go,
        [
          ...['build', '-mod=mod', '-trimpath', '-ldflags=-s -w', '-tags', tags, '-p', parallel],
          ...['-o', `${files}/`, ...commands],
        ],
        options,
      );
      return files;
    }),
  );
  return { prometheus: join(folder, 'prometheus'), promtool: join(folder, 'promtool') };
}

/** Prometheus 3.13.3 is the Go module v0.313.3: its API is not stable, so it stays below v1. */
function moduleVersionOf(version: string): string {
  const [major = '', minor = '', patch = ''] = version.split('.');
  return `v0.${major}${minor.padStart(2, '0')}.${patch}`;
}

/** One series that a query gives. */
export interface Sample {
  metric: Record<string, string>;
  value: number;
}

export interface Prometheus {
  /** The instant query's answer now. Throws for what Prometheus does not take. */
  query(expr: string): Promise<Sample[]>;
  /** Rules as it holds them, with whether it could evaluate each. */
  rules(): Promise<{ name: string; health: string; state: string }[]>;
  close(): Promise<void>;
}

const CONFIG = 'deploy/prometheus/prometheus.yml';
const READY_MS = 30_000;

const config = z.looseObject({
  global: z.object({ scrape_interval: z.string(), evaluation_interval: z.string() }),
  rule_files: z.array(z.string()),
  scrape_configs: z.tuple([z.looseObject({ job_name: z.string(), dns_sd_configs: z.array(z.unknown()) })]),
});

const answer = z.object({
  data: z.object({
    resultType: z.literal('vector'),
    result: z.array(
      z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) }),
    ),
  }),
});

const ruleAnswer = z.object({
  data: z.object({
    groups: z.array(
      z.object({ rules: z.array(z.object({ name: z.string(), health: z.string(), state: z.string() })) }),
    ),
  }),
});

/**
 * The Prometheus of prometheus.yml, which finds its workers by their addresses in place of a name's, and looks every
 * second in place of every 15.
 */
export async function startPrometheus(
  parts: PrometheusParts,
  targets: readonly string[],
): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
  const file = join(folder, 'prometheus.yml');
  await writeFile(file, stringify(await configFor(targets)));
  const listen = `127.0.0.1:${await freePort()}`;
  const server = spawn(
    parts.prometheus,
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${listen}`,
      '--log.level=warn',
    ],
    { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  server.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const kill = (): void => void server.kill('SIGKILL');
  process.once('exit', kill);
  const url = `http://${listen}`;
  await ready(server, url, () => said);
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`${url}${path}`);
    const text = await response.text();
    if (!response.ok) throw new Error(`Prometheus refuses ${path}: ${text}`);
    return JSON.parse(text);
  };
  return {
    async query(expr) {
      const { data } = answer.parse(await get(`/api/v1/query?query=${encodeURIComponent(expr)}`));
      return data.result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
    },
    async rules() {
      const { data } = ruleAnswer.parse(await get('/api/v1/rules?type=alert'));
      return data.groups.flatMap(({ rules }) => rules);
    },
    async close() {
      process.off('exit', kill);
      const ended = once(server, 'exit');
      if (server.exitCode === null && server.kill('SIGKILL')) await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function configFor(targets: readonly string[]): Promise<unknown> {
  const {
    scrape_configs: [job],
    ...rest
  } = config.parse(parse(await readFile(CONFIG, 'utf8')));
  return {
    ...rest,
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: rest.rule_files.map((name) => resolve('deploy/prometheus', name)),
    scrape_configs: [{ ...job, dns_sd_configs: [], static_configs: [{ targets }] }],
  };
}

async function ready(server: ChildProcess, url: string, said: () => string): Promise<void> {
  for (const end = Date.now() + READY_MS; Date.now() < end && server.exitCode === null; await sleep(100)) {
    const isReady = await fetch(`${url}/-/ready`).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return;
  }
  server.kill('SIGKILL');
  throw new Error(`Prometheus is not ready: ${said().slice(-2_000)}`);
}

/** Runs promtool; what it printed, and whether it was content. */
export async function promtool(
  { promtool }: PrometheusParts,
  ...args: string[]
): Promise<{ ok: boolean; output: string }> {
  try {
    const { stdout, stderr } = await execute(promtool, args);
    return { ok: true, output: `${stdout}${stderr}` };
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return { ok: false, output: `${stdout}${stderr}` };
  }
}
