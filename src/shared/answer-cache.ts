/**
 * The store of paid answers as whoever looks after it sees it. What it holds is nobody's only copy: a run's answers
 * stand in its shards too, and what is removed here is asked, and paid, again by later runs only.
 * Both throw a `StoreError`.
 */
export interface AnswerCache {
  /** Absolute path or `gs://bucket/…`, without a slash at the end. */
  readonly place: string;
  /** What is there, by the look of it: no entry is opened. */
  stats(): Promise<AnswerStats>;
  /** Opens every entry and removes those that no run could use, and those last written longer ago than that. */
  prune(options: { now: number; olderThanMs: number | null }): Promise<PrunedAnswers>;
  /** What `prune` would remove for its age alone, by the look of it. */
  old(options: { now: number; olderThanMs: number }): Promise<Pick<AnswerStats, 'entries' | 'bytes'>>;
  /**
   * Keys under which answers about the picture with that address were kept; none of answers that a version kept which
   * recorded no addresses, or that were kept for a picture of the same content with another address.
   */
  keysOf(picture: string): Promise<string[]>;
  /**
   * Removes these answers, and then the record of which ones are the picture's: what is interrupted can be repeated.
   * Says how many there were.
   */
  forget(picture: string, keys: readonly string[]): Promise<number>;
}

export interface AnswerStats {
  entries: number;
  /** On a disk what the files take up of it, in a bucket what is charged for. */
  bytes: number;
  /** When the entries were written, ISO 8601, UTC; `null` when there is none. */
  oldest: string | null;
  newest: string | null;
}

export interface PrunedAnswers {
  /** Entries that were torn, altered, or of another version of this program. */
  damaged: number;
  old: number;
  /** Bytes that the removed ones took. */
  bytes: number;
  kept: number;
}

/** Throws a `StoreError` of kind `invalid` when the place cannot be one. */
export type OpenAnswerCache = (place: string) => AnswerCache;

/** Sums up entries as they are looked at. */
export function createAnswerTally(): {
  add(entry: { bytes: number; writtenMs: number }): void;
  stats(): AnswerStats;
} {
  let [entries, bytes, oldest, newest] = [0, 0, Infinity, -Infinity];
  const time = (ms: number): string | null => (Number.isFinite(ms) ? new Date(ms).toISOString() : null);
  return {
    add(entry) {
      entries += 1;
      bytes += entry.bytes;
      oldest = Math.min(oldest, entry.writtenMs);
      newest = Math.max(newest, entry.writtenMs);
    },
    stats: () => ({ entries, bytes, oldest: time(oldest), newest: time(newest) }),
  };
}
