#!/usr/bin/env node
import { basename, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLogger, type Logger } from './logger.ts';
import { readConfig, type Config } from './config.ts';
import type { Deps, Terminal } from './client/deps.ts';
import { runProgram } from './client/program.ts';
import { colorsWanted } from './client/render/colors.ts';
import type { ReadPicture } from './web/pictures.ts';
import { createGcs } from './worker/adapters/gcs.ts';
import { createOpenSource } from './worker/adapters/open-source.ts';
import { createListRuns, createOpenStore } from './worker/adapters/open-store.ts';

/** Puts the program together: the only place that sees both the commands and what they command. */
function createDeps(own: NodeJS.ProcessEnv): Deps {
  // Google's library takes an empty text for an emulator's address, and asks the host `storage`.
  if (own['STORAGE_EMULATOR_HOST'] === '') delete own['STORAGE_EMULATOR_HOST'];
  const env = profiles?.withProfile(own) ?? own;
  const config = readConfig(env, process.cwd());
  const gcs = createGcs({ apiEndpoint: config.gcsEndpoint });
  const openSource = createOpenSource(gcs);
  let thumbnailOf: Deps['thumbnail'];
  const readPicture: ReadPicture = (source, image, signal) =>
    openSource(source, { include: [], exclude: [] }).read(image, signal);
  return {
    config,
    env,
    cwd: process.cwd(),
    terminal: terminalOf(env),
    logger: loggerOf(config),
    now: Date.now,
    self: [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)],
    calledAs: calledAs(env),
    samples: fileURLToPath(new URL('../samples', import.meta.url)),
    openStore: createOpenStore(gcs),
    listRuns: createListRuns(gcs),
    // Loaded when they are needed: the SDK's native part takes longer than `list` itself, and a shell that completes a
    // word waits for this program's start.
    openAnswerCache: async (...args) =>
      (await import('./worker/adapters/open-answers.ts')).createOpenAnswers(gcs)(...args),
    loadPrompts: async (...args) => (await import('./worker/prompts-file.ts')).loadPrompts(...args),
    estimateRun: async (...args) => (await import('./worker/estimate.ts')).estimateRun(...args),
    async *askPicture(...args) {
      yield* (await import('./worker/single.ts')).askPicture(...args);
    },
    rebuildResults: async (...args) => (await import('./worker/rebuild.ts')).rebuildResults(...args),
    async openPurge(purged) {
      const [{ createPurge }, { clearThumbnailsOf }] = await Promise.all([
        import('./worker/purge.ts'),
        import('./web/serve.ts'),
      ]);
      return { ...createPurge(purged), clearThumbnails: () => clearThumbnailsOf(purged.dataDir) };
    },
    ...(process.stdin.isTTY && process.stdout.isTTY ? { confirm } : {}),
    async servePage(settings) {
      // Built beside this file; from the sources the last build's is served.
      const appFolder = fileURLToPath(
        new URL(import.meta.url.endsWith('.ts') ? '../dist/page' : './page', import.meta.url),
      );
      return (await import('./web/serve.ts')).servePage(settings, { readPicture, appFolder });
    },
    async thumbnail(...args) {
      thumbnailOf ??= (await import('./web/serve.ts')).thumbnailsOf(readPicture, config.dataDir);
      return thumbnailOf(...args);
    },
    openProbes: async (config) => (await import('./worker/checks.ts')).createProbes(config),
    runWorker: async (...args) => (await import('./worker/main.ts')).runWorker(...args),
    async startSimulator({ latencyMs, competitor, faults, requestsPerMinute, tokensPerMinute, ...rest }) {
      const { startSimulator } = await import('./simulator/server.ts');
      const { rulesOf } = await import('./simulator/faults.ts');
      return startSimulator({
        ...rest,
        limits: { requestsPerMinute, tokensPerMinute },
        latency: { medianMs: latencyMs },
        faults: rulesOf(faults),
        ...(competitor > 0 ? { competitor: { share: competitor, tokensPerCall: 1_500 } } : {}),
      });
    },
    findTemporal: async (options) => (await import('./client/temporal-binary.ts')).findTemporal(options),
  };
}

function terminalOf(env: NodeJS.ProcessEnv): Terminal {
  const interactive = process.stdout.isTTY && env['TERM'] !== 'dumb';
  return {
    out: process.stdout,
    err: process.stderr,
    interactive,
    colors: colorsWanted(env, interactive),
    columns: () => (process.stdout.isTTY ? process.stdout.columns : 120),
  };
}

/** Anything but a yes is a no. */
async function confirm(question: string): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises');
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^\s*y(es)?\s*$/i.test(await reader.question(`${question} [y/N] `));
  } finally {
    reader.close();
  }
}

/** The words that start this program again for whoever started it now. */
function calledAs(env: NodeJS.ProcessEnv): string {
  if (env['npm_lifecycle_event'] === 'start') return 'npm start --';
  const script = process.argv[1] ?? '';
  if (basename(script) === 'image-analysis') return 'image-analysis';
  const path = relative(process.cwd(), script);
  return `node ${path.startsWith('..') ? script : path}`;
}

/** Readable on a terminal, JSON elsewhere. */
function loggerOf(config: Config): Logger {
  return createLogger({
    level: config.logLevel,
    destination: process.stdout,
    pretty: process.stdout.isTTY,
  });
}

// A reader that has seen enough (`results | head`) is no failure. Words that are lost otherwise (a terminal that was
// closed, a log on a full disk) do not cut off the work: a run is still paused, a worker still works.
let lost = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  lost = true;
});
process.stderr.on('error', () => (lost = true));
// Loaded for those who name a profile: everybody else waits for nothing.
const profiles = process.env['TEMPORAL_PROFILE'] ? await import('./connection/profile.ts') : null;
const status = await runProgram(process.argv.slice(2), () => createDeps(process.env), process);
// Whatever still listens or polls belongs to nobody now; what was written must be out first.
process.stdout.write('', () => process.exit(status === 0 && lost ? 1 : status));
