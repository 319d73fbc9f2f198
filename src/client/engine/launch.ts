import { dirname, join } from 'node:path';
import { environmentOf, HEADER_PREFIX, NO_ACCESS, readConfig, type Config } from '../../config.ts';
import { DEMO_TASK_QUEUE } from '../../shared/names.ts';
import type { Deps } from '../deps.ts';
import { databaseOf } from './database.ts';
import { openEngine, type Engine } from './open-engine.ts';
import { serverArguments } from './server.ts';
import { workerSettings } from './settings.ts';
import type { EngineSpec } from './supervisor.ts';

/** The embedded server has one namespace. */
const NAMESPACE = 'default';

/** The simulated account of the demonstration: ten times the limits of the one that a first tier gives. */
export const DEMO_ACCOUNT = { tokensPerMinute: 300_000, requestsPerMinute: 5000, medianLatencyMs: 900 };

/**
 * The configuration that an embedded engine works with: its own server, whatever `TEMPORAL_ADDRESS` and the settings of
 * access say, and its one worker, which needs no versions (docs/deploys.md).
 */
export function engineConfig(config: Config): Config {
  return { ...config, address: null, namespace: NAMESPACE, access: NO_ACCESS, workerDeployment: null };
}

/**
 * The demonstration's configuration. It has its own data folder and queue, takes no key, no server, no model and no
 * bucket from the person's settings, and stays below the simulated account's limits as a real run stays below its own.
 */
export function demoConfig(config: Config, cwd: string): Config {
  const own = readConfig(
    {
      OPENAI_API_KEY: 'simulated',
      // Its worker is told the simulator's own address, whose port is chosen when the engine starts.
      OPENAI_BASE_URL: 'http://simulator.invalid/v1',
      SIMULATED: 'true',
      TASK_QUEUE: DEMO_TASK_QUEUE,
      LIMITS: '4800/280000',
      DATA_DIR: join(config.dataDir, 'demo'),
      CACHE_DIR: config.cacheDir,
      TEMPORAL_CLI_PATH: config.temporalCliPath ?? '',
      LOG_LEVEL: config.logLevel,
      RETENTION_DAYS: String(config.retentionDays),
      RESULTS: config.results.startsWith('gs://') ? '' : config.results,
    },
    cwd,
  );
  return engineConfig(own);
}

/** Opens the engine that works with a configuration, or starts it. */
export async function launchEngine(
  deps: Deps,
  config: Config,
  options: { worker: boolean; log: (line: string) => void },
): Promise<Engine> {
  return openEngine({
    dataDir: config.dataDir,
    worker: options.worker,
    log: options.log,
    stopCommand: `${deps.calledAs} stop`,
    settings: (token) => workerSettings(config, token),
    async supervisor() {
      const { path, origin } = await deps.findTemporal({
        cliPath: config.temporalCliPath,
        cacheDir: config.cacheDir,
        log: options.log,
      });
      options.log(`Starting the embedded Temporal server (${startedFrom(origin, path)}).`);
      const [file = process.execPath, ...args] = deps.self;
      return {
        file,
        args: [...args, 'engine', '--temporal', path],
        env: { ...withoutHeaders(deps.env), ...environmentOf(config) },
      };
    },
  });
}

/** Headers are meant for a cluster, and the list of settings does not name them all. */
const withoutHeaders = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith(HEADER_PREFIX)));

/** Where the server's program is from, for a person: it was downloaded once, or is one of theirs. */
const startedFrom = (origin: string, path: string): string =>
  origin === 'PATH' || origin === 'TEMPORAL_CLI_PATH'
    ? `${path}, from ${origin}`
    : `kept in ${dirname(path)}`;

/** What the supervisor runs, from the environment that {@link launchEngine} gave it. */
export function engineSpec(deps: Deps, temporal: string): EngineSpec {
  const { config } = deps;
  const demo = config.taskQueue === DEMO_TASK_QUEUE;
  const [file = process.execPath, ...self] = deps.self;
  return {
    dataDir: config.dataDir,
    namespace: NAMESPACE,
    demo,
    retentionDays: config.retentionDays,
    settings: (token) => workerSettings(config, token),
    commands(ports) {
      const env = { ...deps.env };
      const withoutSecrets = { ...env, OPENAI_API_KEY: '', NOTIFY_SECRET: '' };
      const simulatorUrl = `http://127.0.0.1:${String(ports.simulator)}/v1`;
      const simulator = [
        ...['simulator', '--with-parent', '--port', String(ports.simulator)],
        ...['--rpm', String(DEMO_ACCOUNT.requestsPerMinute), '--tpm', String(DEMO_ACCOUNT.tokensPerMinute)],
        ...['--latency', String(DEMO_ACCOUNT.medianLatencyMs)],
      ];
      return {
        server: {
          file: temporal,
          args: serverArguments(ports, databaseOf(config.dataDir)),
          env: withoutSecrets,
        },
        simulator: demo ? { file, args: [...self, ...simulator], env: withoutSecrets } : null,
        worker: {
          file,
          args: [...self, 'worker', '--with-parent'],
          env: {
            ...env,
            TEMPORAL_ADDRESS: `127.0.0.1:${String(ports.server)}`,
            ...(demo ? { OPENAI_BASE_URL: simulatorUrl } : {}),
          },
        },
      };
    },
  };
}
