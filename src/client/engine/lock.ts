import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../make-folder.ts';
import { identityOf, isIdentity, isRunning, type ProcessIdentity } from './processes.ts';
import { cannotWrite } from './room.ts';

/** A lock that this process holds. */
export interface Lock {
  release(): void;
}

/**
 * Takes the folder's lock, or returns `null` when a running process holds it.
 *
 * A lock is a numbered file that names its holder; the highest number counts. A dead holder's lock is never removed to
 * make room (two that both saw it dead could then each remove the other's fresh one): the successor is the one that
 * manages to create the next number. Files that are far behind are swept later. A file that names nobody (empty, torn,
 * edited) is a lock that nobody holds. Throws an Error that names the folder where it cannot be written.
 *
 * Deliberately blind beyond this machine and, in containers, beyond this one: a holder there counts as dead.
 */
export function takeLock(folder: string): Lock | null {
  const me = identityOf(process.pid);
  if (me === null) throw new Error('this process cannot tell when it was started');
  try {
    makeFolder(folder, 0o700);
    return takeNext(folder, me);
  } catch (error) {
    throw new Error(cannotWrite(folder, error), { cause: error });
  }
}

function takeNext(folder: string, me: ProcessIdentity): Lock | null {
  for (;;) {
    const last = highest(folder);
    if (last > 0 && holderOf(folder, last) !== null) return null;
    const mine = last + 1;
    if (!createWhole(folder, mine, me)) continue;
    // Someone may have swept our number after we looked: only the highest counts.
    if (highest(folder) !== mine) {
      rmSync(fileOf(folder, mine), { force: true });
      continue;
    }
    for (const number of numbers(folder)) {
      if (number < mine - 2) rmSync(fileOf(folder, number), { force: true });
    }
    return { release: () => writeFileSync(fileOf(folder, mine), '') };
  }
}

/** The running process that holds the folder's lock; `null` when there is none. */
export function lockHolder(folder: string): ProcessIdentity | null {
  const last = highest(folder);
  return last === 0 ? null : holderOf(folder, last);
}

const fileOf = (folder: string, number: number): string => join(folder, `engine.lock.${String(number)}`);

function numbers(folder: string): number[] {
  try {
    return readdirSync(folder).flatMap((name) => {
      const number = /^engine\.lock\.(\d{1,15})$/.exec(name)?.[1];
      return number === undefined ? [] : [Number(number)];
    });
  } catch {
    return [];
  }
}

const highest = (folder: string): number => Math.max(0, ...numbers(folder));

function holderOf(folder: string, number: number): ProcessIdentity | null {
  try {
    const holder: unknown = JSON.parse(readFileSync(fileOf(folder, number), 'utf8'));
    return isIdentity(holder) && isRunning(holder) ? holder : null;
  } catch {
    return null;
  }
}

/** Creates the lock file with its whole text at once (a link to a finished file); false when the number is taken. */
function createWhole(folder: string, number: number, holder: ProcessIdentity): boolean {
  const draft = join(folder, `engine.lock.draft.${String(process.pid)}`);
  writeFileSync(draft, JSON.stringify(holder));
  try {
    linkSync(draft, fileOf(folder, number));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
