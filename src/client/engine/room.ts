import { randomBytes } from 'node:crypto';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../make-folder.ts';

/**
 * Room at which an engine stops asking, so that there is still some for what calls in flight bring. A server that
 * finds none refuses every write and reads on; it works again by itself once there is some (measured).
 */
const LEAST_BYTES = 8_000_000;
/** Room at which one that had stopped begins again; more, so that it does not stop and begin for ever. */
export const ENOUGH_BYTES = 16_000_000;

/** A quota counts where no figure of the file system tells of it. Removed at once: mostly it never reaches the disk. */
const PROBE = randomBytes(64_000);

const PROBLEMS: Record<string, string> = {
  ENOSPC: 'no space is left',
  EDQUOT: 'the quota is used up',
  EROFS: 'it is mounted read-only',
  EACCES: 'it may not be written',
  EPERM: 'it may not be written',
  ENOENT: 'there is no such folder, and the system makes none',
  ENOTDIR: 'a file stands where a folder is needed',
  EEXIST: 'a file stands where a folder is needed',
  EIO: 'the disk does not work',
};

/**
 * Why an engine cannot keep its data in a folder, and what to do about it, for a person; `null` when it can. Makes the
 * folder. `stopped`: it could not until now, and needs a little more room to begin again.
 */
export function roomProblem(folder: string, stopped = false): string | null {
  try {
    makeFolder(folder, 0o700);
    return tooLittle(folder, stopped ? ENOUGH_BYTES : LEAST_BYTES) ?? probe(folder);
  } catch (error) {
    return cannotWrite(folder, error);
  }
}

function tooLittle(folder: string, least: number): string | null {
  const { bavail, blocks, bsize } = statfsSync(folder);
  // Some file systems do not tell.
  if (blocks === 0 || bavail * bsize >= least) return null;
  return (
    `The disk of ${folder} is full: ${megabytes(bavail * bsize)} are left, and the engine needs ` +
    `${megabytes(ENOUGH_BYTES)} to go on. Make room on that disk.`
  );
}

function probe(folder: string): null {
  const file = join(folder, `.room.${String(process.pid)}`);
  try {
    writeFileSync(file, PROBE, { mode: 0o600 });
    return null;
  } finally {
    rmSync(file, { force: true });
  }
}

/** The system's refusal in words, with the folder's name and what to do. */
export function cannotWrite(folder: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const why = PROBLEMS[code] ?? (error instanceof Error ? error.message : String(error));
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  const remedy = full ? 'Make room on its disk.' : 'Mend that, or name another folder with DATA_DIR.';
  return `The engine cannot write to ${folder}: ${why}. ${remedy}`;
}

const megabytes = (bytes: number): string => `${Math.floor(bytes / 1e6)} MB`;
