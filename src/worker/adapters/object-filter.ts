import picomatch from 'picomatch';
import { SourceError } from '../../activities/ports.ts';

/**
 * What becomes of an object, judged by its name alone: `take` it as a picture, `skip` it and count it with a reason,
 * or leave it out in silence because the person asked for that.
 */
type Verdict = { act: 'take' } | { act: 'skip'; reason: string } | { act: 'omit' };

export type ObjectFilter = (name: string) => Verdict;

const PICTURE = /\.(?:jpe?g|png|webp)$/i;
const GIF = /\.gif$/i;

/**
 * Sorts objects by the globs (picomatch's syntax, on the whole name below the source, so a name in a sub-folder
 * needs `**\/`) and by their extensions. Does not look inside: a renamed file is found when it is read.
 *
 * Names of folders end in `/`. Throws a {@link SourceError} `invalid` for a glob that cannot be read.
 */
export function createObjectFilter(globs: { include: string[]; exclude: string[] }): ObjectFilter {
  const included = matcher('--include', globs.include);
  const excluded = matcher('--exclude', globs.exclude);
  return (name) => {
    if ((included !== null && !included(name)) || excluded?.(name)) return { act: 'omit' };
    if (isHidden(name)) return { act: 'skip', reason: 'hidden' };
    if (PICTURE.test(name)) return { act: 'take' };
    if (GIF.test(name)) return { act: 'skip', reason: 'a GIF; only JPEG, PNG and WebP are analysed' };
    return { act: 'skip', reason: 'not a picture' };
  };
}

const isHidden = (name: string): boolean => name.startsWith('.') || name.includes('/.');

function matcher(flag: string, globs: string[]): ((name: string) => boolean) | null {
  if (globs.length === 0) return null;
  const matches = globs.map((glob) => {
    try {
      // Flag s: a file's name may hold a newline. strictBrackets and debug: throw instead of matching nothing.
      return picomatch(glob, { dot: true, strictBrackets: true, debug: true, flags: 's' });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new SourceError(
        'invalid',
        `${flag} ${JSON.stringify(glob)} is not a glob: ${why}. Write it like "cam-7/**/*.jpg".`,
      );
    }
  });
  return (name) => matches.some((match) => match(name));
}
