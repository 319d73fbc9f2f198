import { createContext, Script } from 'node:vm';
import picomatch from 'picomatch';
import { SourceError } from '../../activities/ports.ts';

/**
 * What becomes of an object, judged by its name alone: `take` it as a picture, `skip` it and count it with a reason,
 * or leave it out in silence because the person asked for that.
 */
type Verdict = { act: 'take' } | { act: 'skip'; reason: string } | { act: 'omit' };

export type ObjectFilter = (name: string) => Verdict;

/** Far longer than a name takes to be matched, which is microseconds. */
const MATCH_MS = 300;

/** Names that are passed over because they take so long; with more of them a listing would hold up the worker. */
const MOST_SLOW = 10;

const REMEDY = 'use fewer stars in --include and --exclude';

const PICTURE = /\.(?:jpe?g|png|webp)$/i;
const GIF = /\.gif$/i;

/**
 * Sorts objects by the globs (picomatch's syntax, on the whole name below the source, so a name in a sub-folder
 * needs `**\/`) and by their extensions. Does not look inside: a renamed file is found when it is read.
 *
 * Names of folders end in `/`. Throws a {@link SourceError} `invalid` for a glob that cannot be read, and the filter
 * itself throws one where the globs take too long on many names.
 */
export function createObjectFilter(globs: { include: string[]; exclude: string[] }): ObjectFilter {
  const included = matcher('--include', globs.include);
  const excluded = matcher('--exclude', globs.exclude);
  const isWanted = (name: string): boolean => (included === null || included(name)) && !excluded?.(name);
  const isPlain = included === null && excluded === null;
  let slow = 0;
  return (name) => {
    // A second time, since the first may have ended because the machine slept.
    const wanted = isPlain || (inTime(() => isWanted(name)) ?? inTime(() => isWanted(name)));
    if (wanted === null) {
      slow += 1;
      if (slow <= MOST_SLOW) return { act: 'skip', reason: `the globs take too long on its name; ${REMEDY}` };
      throw new SourceError('invalid', `The globs take too long on ${slow} names here; ${REMEDY}.`);
    }
    if (!wanted) return { act: 'omit' };
    if (isHidden(name)) return { act: 'skip', reason: 'hidden' };
    if (PICTURE.test(name)) return { act: 'take' };
    if (GIF.test(name)) return { act: 'skip', reason: 'a GIF; only JPEG, PNG and WebP are analysed' };
    return { act: 'skip', reason: 'not a picture' };
  };
}

/**
 * The time grows with the name's length to the power of the glob's stars, and names are often others': `*_*_*_*.jpg`
 * on a name of 250 underscores would hold the process for hours. `null`: there was no answer in time.
 */
function inTime(match: () => boolean): boolean | null {
  CONTEXT['match'] = match;
  try {
    return MATCH.runInContext(CONTEXT, { timeout: MATCH_MS }) as boolean;
  } catch (error) {
    // An error of the other context, and so no `instanceof Error`.
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return null;
    throw error;
  }
}

/** The only way in Node to end a search by a regular expression. It isolates nothing, and need not. */
const CONTEXT = createContext({}) as Record<string, unknown>;
const MATCH = new Script('match()');

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
