import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../deps.ts';
import { onInterrupt } from '../interrupt.ts';

type Texts = Iterable<string> | AsyncIterable<string>;

/** Writes piece by piece, no faster than the other end reads. */
export async function writeOut(out: NodeJS.WritableStream, texts: Texts): Promise<void> {
  for await (const text of texts) if (!out.write(text)) await once(out, 'drain');
}

/**
 * Writes a file beside its place and puts it there when it is whole, over an older one; `false` when the person
 * interrupted, and then nothing has changed. Throws a {@link UsageError} where it cannot be written.
 */
export async function writeFileWhole(path: string, texts: Texts): Promise<boolean> {
  const interrupt = onInterrupt(() => undefined);
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.part`);
  try {
    const file = await open(temporary, 'wx').catch((error: unknown) => {
      throw cannotWrite(path, error);
    });
    try {
      for await (const text of texts) {
        if (interrupt.signal.aborted) return false;
        await file.writeFile(text).catch((error: unknown) => {
          throw cannotWrite(path, error);
        });
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path).catch((error: unknown) => {
      throw cannotWrite(path, error);
    });
    return true;
  } finally {
    await rm(temporary, { force: true });
    interrupt.dispose();
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such folder; make it, or name another one',
  ENOTDIR: 'a part of its path is a file; name another one',
  EISDIR: 'it is a folder; name a file in it',
  EACCES: 'permission denied; name a folder that you may write to',
  EROFS: 'its disk is read-only; name another one',
  ENOSPC: 'the disk is full; free some space, or name another one',
};

function cannotWrite(path: string, error: unknown): UsageError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
  return new UsageError(`--output: ${JSON.stringify(path)} cannot be written: ${reason}.`, { cause: error });
}
