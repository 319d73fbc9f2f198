import { PassThrough } from 'node:stream';
import type { Deps } from '../../src/client/deps.ts';
import { runProgram } from '../../src/client/program.ts';
import { readConfig } from '../../src/config.ts';
import { createLogger } from '../../src/logger.ts';
import { openFolderAnswers } from '../../src/worker/adapters/folder-answers.ts';
import { listFolderRuns, openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { loadPrompts } from '../../src/worker/prompts-file.ts';
import { createPurge } from '../../src/worker/purge.ts';

export interface Outcome {
  status: number;
  out: string;
  err: string;
}

/** The program without a terminal, in this process; what it must not need fails when it is called. */
export async function runHere(
  folder: string,
  args: string[],
  env: Record<string, string> = {},
  can: Partial<Deps> = {},
): Promise<Outcome> {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const notHere = (): never => {
    throw new Error('is not needed here');
  };
  const deps = (): Deps => ({
    config: readConfig(env, folder),
    env,
    cwd: folder,
    terminal: { out, err, interactive: false, colors: false, columns: () => 100 },
    logger: createLogger({ level: 'error', destination: err, pretty: false }),
    now: Date.now,
    self: [],
    calledAs: 'image-analysis',
    samples: folder,
    openStore: openFolderStore,
    listRuns: listFolderRuns,
    openAnswerCache: async (place) => openFolderAnswers(place),
    loadPrompts,
    estimateRun: notHere,
    askPicture: notHere,
    rebuildResults: notHere,
    openPurge: async (config) => ({ ...createPurge(config), clearThumbnails: async () => 0 }),
    servePage: notHere,
    openProbes: notHere,
    runWorker: notHere,
    startSimulator: notHere,
    findTemporal: notHere,
    ...can,
  });
  const status = await runProgram(args, deps, { stdout: out, stderr: err });
  return { status, out: String(out.read() ?? ''), err: String(err.read() ?? '') };
}
