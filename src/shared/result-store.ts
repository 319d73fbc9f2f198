/**
 * Where a run's files live: a folder or a place in a bucket. Paths are relative to the run's own folder, with `/`.
 *
 * Deliberately small: no append, no rename, no lock. Each write is atomic: a reader sees the old text or the new one.
 */
export interface ResultStore {
  /** Absolute path or `gs://bucket/…` of the run's folder, without a slash at the end. */
  readonly place: string;
  /** Text of a file; `null` where there is none. */
  read(path: string): Promise<string | null>;
  /** Whether there is such a file: cheaper than reading it. */
  has(path: string): Promise<boolean>;
  /** Writes a file that must not exist yet; `false` when it does (it is left as it was). */
  create(path: string, text: string): Promise<boolean>;
  /**
   * Writes a file whether or not it exists, never over a version that came in between
   * (then it throws a {@link StoreError} of kind `conflict`).
   *
   * @param earlier - The text that the new one was made from: another one there is a version that came in between.
   */
  replace(path: string, text: Iterable<string> | AsyncIterable<string>, earlier?: string): Promise<void>;
  /** Names of the files directly below a folder of the run (`shards`), sorted. */
  list(folder: string): Promise<string[]>;
}

/** Opens the folder of one run. Throws a {@link StoreError} of kind `invalid` when the place cannot be one. */
export type OpenStore = (place: string) => ResultStore;

/** Folders directly below a results place, newest name first. */
export type ListRuns = (resultsRoot: string) => Promise<string[]>;

export type StoreErrorKind = 'invalid' | 'forbidden' | 'missing' | 'full' | 'conflict' | 'unreachable';

/** A results place that does not do what is asked of it. The message names the place and the remedy. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}
