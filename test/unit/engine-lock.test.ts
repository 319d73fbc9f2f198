import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockHolder, takeLock } from '../../src/client/engine/lock.ts';
import { identityOf, isRunning } from '../../src/client/engine/processes.ts';

const lockModule = new URL('../../src/client/engine/lock.ts', import.meta.url).href;
let folder: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A process that tries to take the lock, says `taken` or `busy`, and stays. */
function contender(startAt = 0): { child: ChildProcess; said: Promise<string> } {
  const program = `
    const { takeLock } = await import(${JSON.stringify(lockModule)});
    while (Date.now() < ${String(startAt)});
    console.log(takeLock(${JSON.stringify(folder)}) === null ? 'busy' : 'taken');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const said = once(child.stdout, 'data').then(([chunk]) => String(chunk).trim());
  return { child, said };
}

test('a lock is held once, and again after its release', () => {
  const lock = takeLock(folder);
  expect(lock).not.toBeNull();
  expect(lockHolder(folder)).toEqual(identityOf(process.pid));
  expect(takeLock(folder)).toBeNull();
  lock?.release();
  expect(lockHolder(folder)).toBeNull();
  expect(takeLock(folder)).not.toBeNull();
});

test('a lock of a killed process, and of one whose number another process has now, is stale', async () => {
  const { child, said } = contender();
  expect(await said).toBe('taken');
  expect(takeLock(folder)).toBeNull();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const lock = takeLock(folder);
  expect(lock).not.toBeNull();
  lock?.release();

  writeFileSync(
    join(folder, 'engine.lock.99'),
    JSON.stringify({ pid: process.pid, started: 'another time' }),
  );
  expect(lockHolder(folder)).toBeNull();
  expect(takeLock(folder)).not.toBeNull();
  expect(readdirSync(folder)).toContain('engine.lock.100');
});

test.each(['', ' ', '{}', '[]', 'null', '5', '"text"', '{"pid":', '{"pid":0,"started":"x"}', '\0\0\0\0'])(
  'a lock file that holds %j is held by nobody',
  (text) => {
    writeFileSync(join(folder, 'engine.lock.3'), text);
    expect(lockHolder(folder)).toBeNull();
    expect(takeLock(folder)).not.toBeNull();
    expect(lockHolder(folder)).toEqual(identityOf(process.pid));
  },
);

test('of several that find a stale lock at once, exactly one takes it', { timeout: 20_000 }, async () => {
  writeFileSync(join(folder, 'engine.lock.1'), JSON.stringify({ pid: 1, started: 'long ago' }));
  const startAt = Date.now() + 2500;
  const said = await Promise.all([1, 2, 3, 4].map(() => contender(startAt).said));
  expect(said.sort()).toEqual(['busy', 'busy', 'busy', 'taken']);
});

test('a process is told by its number and its start', () => {
  const me = identityOf(process.pid);
  expect(me).not.toBeNull();
  expect(me && isRunning(me)).toBe(true);
  expect(me && isRunning({ ...me, started: 'another time' })).toBe(false);
  expect(identityOf(2 ** 22 + 1)).toBeNull();
});
