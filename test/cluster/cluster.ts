import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ComposeFile, type ComposeService, durationMs, mountOf, readCompose } from './compose-file.ts';
import { type Container, createContainer, execute, type Program } from './container.ts';
import { passes } from './health.ts';
import { type DataFolder, dataFolderOf, imageOf } from './images.ts';
import type { Parts } from './parts.ts';
import { type Site, translateArgument, translateVariable } from './translate.ts';

export interface ClusterOptions {
  parts: Parts;
  /** What a person writes into `.env`. */
  dotEnv: Record<string, string>;
  profiles?: readonly string[];
  /** What a second compose file beside it would add to services. */
  override?: Record<string, { environment?: Record<string, string>; volumes?: string[] }>;
}

/** The services of docker-compose.yml as processes of this machine, each at a loopback address of its own. */
export interface Cluster {
  /** Services that cannot run here, and why. */
  notRun: Record<string, string>;
  /** `docker compose up --wait`: these services (by default all) and what they depend on, in order. */
  up(services?: readonly string[]): Promise<void>;
  /** A service's container; `replica` from 1. */
  container(service: string, replica?: number): Container;
  /** Waits until its healthcheck passes. Throws when it does not in the file's own time. */
  healthy(service: string, replica?: number): Promise<void>;
  /** `docker compose exec`; the command's paths and hosts are those of the container. */
  exec(
    service: string,
    argv: string[],
    options?: { replica?: number; env?: Record<string, string>; timeoutMs?: number },
  ): Promise<{ code: number | null; out: string; err: string }>;
  /** Where a path of a service's container lies here. */
  path(service: string, inContainer: string): string;
  /** Folder of PostgreSQL, to be looked into while it is down. */
  database(): DataFolder;
  /** An address of this cluster's network at which nothing is. */
  freeAddress: string;
  /** What every process has printed, by container. */
  logs(): Record<string, string>;
  down(): Promise<void>;
}

const COMPOSE_FILE = 'docker-compose.yml';
/** Between two looks at a health check: its own interval is a production's. */
const LOOK_MS = 200;
const EXEC_MS = 120_000;
const GRACE_MS = 10_000;

export function readComposeFile(dotEnv: Record<string, string>): ComposeFile {
  return readCompose(readFileSync(COMPOSE_FILE, 'utf8'), dotEnv);
}

interface Made {
  container: Container;
  program: Program;
  site: Site;
  service: ComposeService;
  folder: string;
}

/** Translates the whole file, and fails on whatever it does not know. Starts nothing. */
export async function createCluster(options: ClusterOptions): Promise<Cluster> {
  const { parts, dotEnv, profiles = [], override = {} } = options;
  const file = readComposeFile(dotEnv);
  const services = servicesOf(file, { profiles, override });
  const folder = mkdtempSync(join(tmpdir(), 'image-analysis-cluster-'));
  // PostgreSQL, as another user, reaches its folder in it.
  chmodSync(folder, 0o711);
  for (const name of ['logs', 'volumes', 'containers', 'bin', 'home']) mkdirSync(join(folder, name));
  const tools = { temporal: parts.temporal, 'temporal-sql-tool': parts.sqlTool, node: process.execPath };
  for (const [name, file] of Object.entries(tools)) symlinkSync(file, join(folder, 'bin', name));
  // Two clusters of one machine, and their ports, are apart.
  const [second, third] = [16 + Math.floor(Math.random() * 200), Math.floor(Math.random() * 256)];
  const addressOf = (n: number): string => `127.${second}.${third}.${n}`;
  const names = Object.keys(services);
  const addresses = Object.fromEntries(names.map((name, i) => [name, addressOf(10 * (i + 1))]));
  const made = new Map<string, Made>();
  const notRun: Record<string, string> = {};

  const make = async (service: string, replica: number): Promise<void> => {
    const definition = services[service];
    if (definition === undefined) throw new Error(`${service} is no service`);
    const image = imageOf(definition);
    const name = `${service}-${replica}`;
    if (typeof image === 'string') {
      notRun[service] = image;
      return;
    }
    const own = join(folder, 'containers', name);
    mkdirSync(own);
    const address = addressOf(10 * (names.indexOf(service) + 1) + replica - 1);
    const mounted = [...definition.volumes, ...(override[service]?.volumes ?? [])].map(mountOf);
    const paths = Object.fromEntries([
      ...Object.entries(image.paths(parts, own)),
      ...definition.tmpfs.map((mount) => {
        const [target = ''] = mount.split(':');
        return [target, folderAt(join(own, 'tmpfs', target))];
      }),
      ...definition.secrets.map((name) => [`/run/secrets/${name}`, resolve(file.secrets[name]?.file ?? '')]),
      ...mounted.map(({ source, target, isNamed }) => [
        target,
        isNamed ? folderAt(join(folder, 'volumes', source)) : resolve(source),
      ]),
    ]) as Record<string, string>;
    const site: Site = {
      service,
      address,
      addresses,
      paths: { ...foldersAbove(definition, paths, own), ...paths },
    };
    const images = image.own?.(definition) ?? { env: {}, command: undefined };
    const variables = { ...images.env, ...definition.environment, ...override[service]?.environment };
    const env = {
      PATH: `${join(folder, 'bin')}:/usr/bin:/bin`,
      HOME: join(folder, 'home'),
      ...Object.fromEntries(
        Object.entries(variables).map(([key, value]) => [key, translateVariable(key, String(value), site)]),
      ),
    };
    const translated = (words: readonly string[] | undefined): string[] | undefined =>
      words?.map((word) => translateArgument(word, site));
    const program = await image.program(parts, {
      address,
      folder: own,
      env,
      entrypoint: translated(definition.entrypoint),
      command: translated(definition.command ?? images.command),
      path: (inContainer) => translateVariable('HOME', inContainer, site),
    });
    const container = createContainer({
      name,
      address,
      program,
      restart: definition.restart,
      graceMs: durationMs(definition.stop_grace_period),
      logFile: join(folder, 'logs', `${name}.log`),
    });
    made.set(name, { container, program, site, service: definition, folder: own });
  };
  for (const [name, { deploy }] of Object.entries(services))
    for (let replica = 1; replica <= (deploy?.replicas ?? 1); replica += 1) await make(name, replica);

  const of = (service: string, replica = 1): Made => {
    const found = made.get(`${service}-${replica}`);
    if (found === undefined) throw new Error(`there is no container ${service}-${replica}`);
    return found;
  };
  const replicasOf = (service: string): Made[] =>
    [...made].filter(([name]) => name.replace(/-\d+$/, '') === service).map(([, one]) => one);

  const waitHealthy = async (one: Made): Promise<void> => {
    const { healthcheck } = one.service;
    if (healthcheck === undefined) throw new Error(`${one.container.name} has no healthcheck`);
    const { interval, retries = 3, start_period = '0s', timeout = '30s' } = healthcheck;
    const patience = durationMs(start_period) + retries * durationMs(interval);
    for (const end = Date.now() + patience; Date.now() < end; await sleep(LOOK_MS)) {
      if (one.container.running() && (await passes(healthcheck.test, one, durationMs(timeout)))) return;
    }
    throw new Error(
      `${one.container.name} is not healthy after ${patience / 1000} s: ${one.container.log().slice(-2_000)}`,
    );
  };

  const begun = new Map<string, Promise<void>>();
  const begin = (service: string): Promise<void> => {
    const known = begun.get(service) ?? startAfterOthers(service);
    begun.set(service, known);
    return known;
  };
  async function startAfterOthers(service: string): Promise<void> {
    const needs = Object.entries(services[service]?.depends_on ?? {}).filter(([name]) => name in services);
    await Promise.all(
      needs.map(async ([name, { condition }]) => {
        await begin(name);
        if (condition === 'service_healthy') await Promise.all(replicasOf(name).map(waitHealthy));
        if (condition === 'service_completed_successfully')
          await Promise.all(replicasOf(name).map(completed));
      }),
    );
    for (const { container } of replicasOf(service)) container.start();
  }

  return {
    notRun,
    container: (service, replica) => of(service, replica).container,
    healthy: (service, replica) => waitHealthy(of(service, replica)),
    path: (service, inContainer) => translateVariable('HOME', inContainer, of(service).site),
    database: () => {
      const { folder: own, site } = of('postgresql');
      return dataFolderOf(parts, own, Object.values(site.paths)[0] ?? '');
    },
    freeAddress: addressOf(250),
    async up(only = names) {
      await Promise.all(only.map(begin));
      await Promise.all(
        only.flatMap(replicasOf).map(async (one) => {
          if (one.service.healthcheck !== undefined) await waitHealthy(one);
          else if (isJob(one.service)) await completed(one);
        }),
      );
    },
    async exec(service, argv, { replica = 1, env = {}, timeoutMs = EXEC_MS } = {}) {
      const { program, site } = of(service, replica);
      const [file = '', ...args] = argv.map((word) => translateArgument(word, site));
      return execute({ ...program, argv: [file, ...args], env: { ...program.env, ...env } }, timeoutMs);
    },
    logs: () => Object.fromEntries([...made].map(([name, { container }]) => [name, container.log()])),
    async down() {
      const all = [...made.values()].map(({ container }) => container);
      // The database last: the others say goodbye to it.
      for (const isDatabase of [false, true]) {
        await Promise.all(
          all
            .filter(({ name }) => name.startsWith('postgresql-') === isDatabase)
            .map(async (container) => {
              const patience = sleep(GRACE_MS, undefined, { ref: false });
              await Promise.race([container.stop(), patience]);
              await container.kill();
            }),
        );
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One that ends by itself: Compose restarts it on failure, or not at all. */
const isJob = ({ restart }: ComposeService): boolean => restart === 'no' || restart.startsWith('on-failure');

async function completed({ container }: Made): Promise<void> {
  const code = await container.ended;
  if (code !== 0) throw new Error(`${container.name} ended with ${code}: ${container.log().slice(-2_000)}`);
}

/** The services that Compose would start, those of other profiles left out. */
function servicesOf(
  { services }: ComposeFile,
  { profiles, override }: Required<Pick<ClusterOptions, 'profiles' | 'override'>>,
): Record<string, ComposeService> {
  for (const name of Object.keys(override))
    if (!(name in services)) throw new Error(`${name} is no service of ${COMPOSE_FILE}`);
  return Object.fromEntries(
    Object.entries(services).filter(
      ([, service]) =>
        service.profiles.length === 0 || service.profiles.some((profile) => profiles.includes(profile)),
    ),
  );
}

/**
 * Folders that a command names and in which others are mounted: their own content is nothing but these, copied, since
 * whoever looks through a folder may pass over links.
 */
function foldersAbove(
  { command = [] }: ComposeService,
  paths: Readonly<Record<string, string>>,
  own: string,
): Record<string, string> {
  const named = command.map((word) => word.replace(/^-[\w-]+=/, ''));
  const above = Object.keys(paths).filter((path) => named.includes(dirname(path)));
  return Object.fromEntries(
    above.map((path) => {
      const copy = join(own, 'above', path);
      cpSync(paths[path] ?? '', copy, { recursive: true });
      return [dirname(path), dirname(copy)];
    }),
  );
}

function folderAt(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}
