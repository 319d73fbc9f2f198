import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder } from '../make-folder.ts';
import { isIdentity, type ProcessIdentity } from './processes.ts';

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

/** The engine's small files. Reading a missing or broken one, or one with something else in it, gives `null`. */
export function engineFiles(dataDir: string) {
  return {
    engine: jsonFile<EngineFile>(join(dataDir, 'engine.json'), isEngineFile),
    ports: jsonFile<Ports>(join(dataDir, 'ports.json'), isPorts),
    processes: jsonFile<EngineProcesses>(join(dataDir, 'processes.json'), isProcesses),
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isPort = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536;

const isEngineFile = (value: unknown): boolean =>
  isRecord(value) &&
  isIdentity(value.supervisor) &&
  isPort(value.controlPort) &&
  typeof value.token === 'string';

const isPorts = (value: unknown): boolean =>
  isRecord(value) && [value.server, value.ui, value.simulator].every(isPort);

const isProcesses = (value: unknown): boolean =>
  isRecord(value) &&
  [value.server, value.worker, value.simulator].every((one) => one === undefined || isIdentity(one));

/** A small JSON file, written atomically. */
export interface JsonFile<T> {
  readonly path: string;
  read(): T | null;
  /** Throws the system's error. */
  write(value: T): void;
  remove(): void;
}

/** A JSON file that only its owner may read, in a folder that only its owner may enter. */
function jsonFile<T>(path: string, is: (value: unknown) => boolean): JsonFile<T> {
  return {
    path,
    read() {
      try {
        const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
        return is(value) ? (value as T) : null;
      } catch {
        return null;
      }
    },
    write(value) {
      const draft = `${path}.${String(process.pid)}`;
      makeFolder(dirname(path), 0o700);
      try {
        writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
        chmodSync(draft, 0o600);
        renameSync(draft, path);
      } finally {
        rmSync(draft, { force: true });
      }
    },
    remove: () => rmSync(path, { force: true }),
  };
}
