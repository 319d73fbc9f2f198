import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from './processes.ts';

/** `engine.json`: how a command finds the running engine of a data folder. Readable by its owner only. */
export interface EngineFile {
  supervisor: ProcessIdentity;
  controlPort: number;
  /** Proves to the control port that the other end may read this file. */
  token: string;
}

/** Ports of an engine, kept from one start to the next while they are free. */
export interface Ports {
  server: number;
  ui: number;
  simulator: number;
}

/** Processes of an engine, so that a successor can end what a killed supervisor left behind. */
export type EngineProcesses = Partial<Record<'server' | 'worker' | 'simulator', ProcessIdentity>>;

/** The engine's small files. Reading a missing or broken one gives `null`. */
export function engineFiles(dataDir: string) {
  return {
    engine: jsonFile<EngineFile>(join(dataDir, 'engine.json')),
    ports: jsonFile<Ports>(join(dataDir, 'ports.json')),
    processes: jsonFile<EngineProcesses>(join(dataDir, 'processes.json')),
  };
}

/** A small JSON file, written atomically. */
export interface JsonFile<T> {
  readonly path: string;
  read(): T | null;
  write(value: T): void;
  remove(): void;
}

/** A JSON file that only its owner may read, in a folder that only its owner may enter. */
function jsonFile<T>(path: string): JsonFile<T> {
  return {
    path,
    read() {
      try {
        return JSON.parse(readFileSync(path, 'utf8')) as T;
      } catch {
        return null;
      }
    },
    write(value) {
      const draft = `${path}.${String(process.pid)}`;
      mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
      writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
      chmodSync(draft, 0o600);
      renameSync(draft, path);
    },
    remove: () => rmSync(path, { force: true }),
  };
}
