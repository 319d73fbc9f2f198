const WORDS: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of its path is a file',
  EISDIR: 'it is a folder',
  ELOOP: 'its links form a loop',
  ENAMETOOLONG: 'its name is too long',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EIO: 'the disk reports an error',
  EMFILE: 'too many files are open',
};

/** The system's code of an error of `node:fs`; empty when it has none. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** An error of `node:fs` in words, with its code, without the path (which the caller names). */
export function systemProblem(error: unknown): string {
  const code = systemCode(error);
  const words = WORDS[code];
  if (words !== undefined) return `${words} (${code})`;
  return code !== '' ? code : error instanceof Error ? error.message : String(error);
}
