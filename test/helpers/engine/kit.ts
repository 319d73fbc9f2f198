import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { databaseOf } from '../../../src/client/engine/database.ts';
import type { EngineOptions } from '../../../src/client/engine/open-engine.ts';
import { processesWith } from '../../../src/client/engine/processes.ts';
import { until } from '../until.ts';

/** How a test opens an engine whose supervisor is `supervisor.ts`, with a stub in the worker's place. */
export function stubEngine(
  dataDir: string,
  temporal: string,
  options: { settings?: Record<string, string>; worker?: boolean; log?: (line: string) => void } = {},
): EngineOptions {
  const { settings = { OPENAI_API_KEY: 'a' }, worker = true, log = () => undefined } = options;
  return {
    dataDir,
    worker,
    settings: () => settings,
    stopCommand: 'image-analysis stop',
    log,
    supervisor: () =>
      Promise.resolve({
        file: process.execPath,
        args: [
          ...tsx('test/helpers/engine/supervisor.ts'),
          ...[dataDir, temporal, ...Object.entries(settings).map(([name, value]) => `${name}=${value}`)],
        ],
        env: process.env,
      }),
  };
}

const tsx = (file: string): string[] => [
  '--import',
  resolve('node_modules/tsx/dist/esm/index.mjs'),
  resolve(file),
];

/** What the stubs of a data folder have written: `start PID`, `end PID`. */
export function stubLines(dataDir: string): string[] {
  const file = join(dataDir, 'stub.txt');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

/** Waits until no engine runs on the data folder. */
export const engineHasEnded = (dataDir: string): Promise<boolean> =>
  until(() => Promise.resolve(!existsSync(join(dataDir, 'engine.json'))), 30_000);

/** Numbers of the servers that work on the data folder's database. */
export const serversOn = (dataDir: string): number[] =>
  processesWith(['--db-filename', databaseOf(dataDir)]).map(({ pid }) => pid);

/** Another process that opens the engine and holds it until its `release`. */
export interface OtherCommand {
  child: ChildProcess;
  /** What it printed first: the server's address, or why there is none. */
  said: Promise<string>;
  release(): void;
}

/** `at`: the moment at which it begins, so that several begin at once. */
export function otherCommand(dataDir: string, temporal: string, at: number): OtherCommand {
  const args = [...tsx('test/helpers/engine/command.ts'), dataDir, temporal, String(at)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const said = new Promise<string>((done) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) done(text.trim());
    });
    child.once('exit', () => done(text.trim()));
  });
  return { child, said, release: () => void child.stdin.end() };
}

/**
 * SQLite's own check of a database that nobody uses: `ok`, or what is wrong. `null` where this machine has nothing to
 * check with (neither `sqlite3` nor Python).
 */
export function integrityOf(dataDir: string): string | null {
  const database = databaseOf(dataDir);
  const program = `import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('pragma integrity_check').fetchone()[0])`;
  for (const [file, ...args] of [
    ['sqlite3', database, 'pragma integrity_check'],
    ['python3', '-c', program, database],
  ] as const) {
    try {
      return execFileSync(file, args, { encoding: 'utf8' }).trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return null;
}
