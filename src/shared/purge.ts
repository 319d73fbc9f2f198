import type { RecordedAnswer } from './rebuilt.ts';
import type { ImagePage, ImageRef, ImageResult, PromptResult, ServerIdentity, Try } from './types.ts';

/**
 * What stands where a purged picture stood. Batches and pages name a picture by its place, so the place stays; what it
 * showed, how it was called and where it lay do not. A tombstone is never overwritten and its questions never asked.
 */
export const isPurged = (outcome: PromptResult | undefined): boolean =>
  outcome?.ok === false && outcome.failure.kind === 'Purged';

const MESSAGE = 'The picture was purged: nothing that was said of it is kept, and it is not asked again.';

/**
 * A picture's record without anything about the picture: what its questions cost, and nothing else. The provider's IDs
 * of the requests go too, for they lead to what was sent.
 */
export function purgedResult(
  known: ImageResult | null,
  place: { page: number; index: number },
  prompts: readonly string[],
  at: string,
): ImageResult {
  const ids = new Set([...prompts, ...Object.keys(known?.prompts ?? {})]);
  return {
    ...place,
    startedAt: known?.startedAt ?? at,
    endedAt: known?.endedAt ?? at,
    // Of a picture that was never asked about the times say nothing.
    ...(known === null || known.resumed === true ? { resumed: true as const } : {}),
    prompts: Object.fromEntries([...ids].map((id) => [id, purgedOutcome(known?.prompts[id])])),
  };
}

const purgedOutcome = (outcome: PromptResult | undefined): PromptResult => ({
  ok: false,
  failure: { kind: 'Purged', message: MESSAGE, tries: costOf(outcome) },
});

/** The tries, with what the answer was billed, so that a run's totals still hold what was paid. */
function costOf(outcome: PromptResult | undefined): Try[] {
  if (outcome === undefined || (outcome.ok && outcome.result.recalledFrom !== undefined)) return [];
  const { tries } = outcome.ok ? outcome.result : outcome.failure;
  const billed = outcome.ok ? (outcome.result.usage?.totalTokens ?? 0) : 0;
  return tries.map((one, n) => {
    const kept: Try = { ...one };
    delete kept.requestId;
    if (n === tries.length - 1 && billed > 0) kept.billed = (one.billed ?? 0) + billed;
    return kept;
  });
}

/** Identity of a purged picture: a later purge finds by its hash, which is no name, what an earlier one has left. */
export const purgedIdentity = (hash: string): string => `purged:${hash}`;

/** What stands in a listed page in a purged picture's place. Its name is another one for each place. */
const purgedRef = (page: number, index: number, hash: string): ImageRef => ({
  name: `purged picture ${page}-${index}`,
  uri: '',
  identity: purgedIdentity(hash),
  bytes: 0,
});

/**
 * A listed page with purged pictures in these places. Its cursor is the last picture's name: that goes too where the
 * next page is listed already, since nobody needs it then.
 */
export function purgedPage(
  page: ImagePage,
  indexes: readonly number[],
  hash: string,
  nextIsListed: boolean,
): ImagePage {
  const gone = new Set(indexes);
  const names = new Set(page.images.filter((_, index) => gone.has(index)).map(({ name }) => name));
  return {
    ...page,
    images: page.images.map((image, index) => (gone.has(index) ? purgedRef(page.page, index, hash) : image)),
    next: page.next !== null && names.has(page.next) && nextIsListed ? 'purged' : page.next,
  };
}

/** Where a run holds a picture. */
export interface FoundPicture {
  page: number;
  /** Index of the picture in its page. */
  index: number;
  /** Number of the batch that it is in. */
  batch: number;
  /** `null`: an earlier purge has removed it. */
  name: string | null;
  /** Keys under which the run's answers about it may lie in the answer store; none once it was purged. */
  keys: string[];
}

export interface ErasedPicture {
  /** Files that were written, relative to the run's folder. */
  wrote: string[];
  /** Those among a run's files that still hold the picture's name: as a pattern that a person gave, or as a cursor. */
  named: string[];
}

/** What a purge does to files; Temporal is the caller's to look after. */
export interface Purge {
  /** Where the run in this folder holds the picture with that address; also where an earlier purge removed it. */
  find(place: string, uri: string): Promise<FoundPicture[]>;
  /**
   * Puts tombstones in the picture's place: in its shards, in the index segments, in the views and, last of all, in the
   * listed pages. May be repeated after it was interrupted. The run must not be under way.
   */
  erase(
    place: string,
    uri: string,
    found: readonly FoundPicture[],
    options: {
      /** What a batch's histories hold: other pictures' answers that no file has are kept. */
      answersOf: (workflowId: string) => Promise<RecordedAnswer[]>;
      server: ServerIdentity | undefined;
    },
  ): Promise<ErasedPicture>;
  /** Removes a run's folder with all that is in it; its plan goes last, so that what is left of it is found again. */
  removeRun(place: string): Promise<void>;
  /** Removes the small pictures that this machine keeps, of all runs; says how many there were. */
  clearThumbnails(): Promise<number>;
}
