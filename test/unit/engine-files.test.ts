import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { databaseOf, keepDatabase, prepareDatabase } from '../../src/client/engine/database.ts';
import { takeLock } from '../../src/client/engine/lock.ts';
import { endProcess, identityOf, isRunning, processesWith } from '../../src/client/engine/processes.ts';
import { roomProblem } from '../../src/client/engine/room.ts';
import { engineFiles } from '../../src/client/engine/state.ts';
import { makeFolder } from '../../src/client/make-folder.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'engine-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The system makes no folder there, and says that there is none above. */
const NOWHERE = '/proc/image-analysis/data';
const noSuchSystem = process.platform !== 'linux';

describe('a folder', () => {
  test('is made with those above it, for its owner alone', () => {
    const deep = join(folder, 'a', 'b', 'c');
    makeFolder(deep, 0o700);
    makeFolder(deep, 0o700);
    expect(statSync(deep).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'a')).mode & 0o777).toBe(0o700);
  });

  test('is not made where a file stands', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => makeFolder(join(folder, 'file'))).toThrow('EEXIST');
    expect(() => makeFolder(join(folder, 'file', 'below'))).toThrow('ENOTDIR');
  });

  test.skipIf(noSuchSystem)('that the system does not make is an error, at once (Linux only)', () => {
    expect(() => makeFolder(NOWHERE)).toThrow('ENOENT');
    expect(() => takeLock(NOWHERE)).toThrow(`cannot write to ${NOWHERE}: there is no such folder`);
    expect(() => engineFiles(NOWHERE).ports.write({ server: 1, ui: 2, simulator: 3 })).toThrow('ENOENT');
    expect(roomProblem(NOWHERE)).toContain(`cannot write to ${NOWHERE}: there is no such folder`);
    expect(roomProblem(NOWHERE)).toContain('DATA_DIR');
  });
});

test('room is looked for without leaving anything behind', () => {
  expect(roomProblem(join(folder, 'data'))).toBeNull();
  expect(readdirSync(join(folder, 'data'))).toEqual([]);
  writeFileSync(join(folder, 'file'), '');
  expect(roomProblem(join(folder, 'file', 'data'))).toMatch(
    /a file stands where a folder is needed.*DATA_DIR/,
  );
});

test.each(['', '{}', '[]', 'null', '5', '{"supervisor":', '\0\0\0\0'])(
  'a small file that holds %j is none',
  (text) => {
    const files = engineFiles(folder);
    for (const file of [files.engine, files.ports]) {
      writeFileSync(file.path, text);
      expect(file.read()).toBeNull();
    }
    writeFileSync(files.processes.path, text);
    expect(files.processes.read() ?? {}).toEqual({});
  },
);

test('a small file that cannot be put in place leaves no draft', () => {
  const { ports } = engineFiles(folder);
  mkdirSync(ports.path);
  expect(() => ports.write({ server: 1, ui: 2, simulator: 3 })).toThrow();
  expect(readdirSync(folder)).toEqual(['ports.json']);
});

test('a database is removed while it has never served, and never afterwards', () => {
  const database = databaseOf(folder);
  prepareDatabase(database);
  writeFileSync(database, 'half of it');
  writeFileSync(`${database}-journal`, 'of that');
  prepareDatabase(database);
  expect(existsSync(database)).toBe(false);
  expect(existsSync(`${database}-journal`)).toBe(false);
  writeFileSync(database, 'all of it');
  keepDatabase(database);
  prepareDatabase(database);
  truncateSync(database);
  prepareDatabase(database);
  expect(existsSync(database)).toBe(true);
});

test('the mark of a database is made and removed on the disk, not only in memory', () => {
  const database = databaseOf(folder);
  const synced: boolean[] = [];
  const spy = vi.spyOn(fs, 'fsyncSync').mockImplementation(() => {
    synced.push(existsSync(`${database}.unfinished`));
  });
  syncBuiltinESMExports();
  try {
    prepareDatabase(database);
    keepDatabase(database);
    keepDatabase(database);
  } finally {
    spy.mockRestore();
    syncBuiltinESMExports();
  }
  expect(synced).toEqual([true, false]);
});

test('a process is found by its command line, and ended though it does not listen', async () => {
  const program = "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)";
  const child = spawn(process.execPath, ['-e', program, '--', '--db-filename', databaseOf(folder)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const over = once(child, 'exit');
  await once(child.stdout, 'data');
  const identity = identityOf(child.pid ?? 0);
  expect(processesWith(['--db-filename', databaseOf(folder)]).map(({ pid }) => pid)).toEqual([child.pid]);
  expect(processesWith(['--db-filename', folder])).toEqual([]);
  if (identity === null) throw new Error('the process has no identity');
  await endProcess({ ...identity, started: 'another time' }, 100);
  expect(isRunning(identity)).toBe(true);
  await endProcess(identity, 100);
  expect(isRunning(identity)).toBe(false);
  expect(await over).toEqual([null, 'SIGKILL']);
});
