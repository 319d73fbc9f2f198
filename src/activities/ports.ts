import type { AskResult, Detail, ImageRef, Limits, SkippedObject, Usage } from '../shared/types.ts';

/** What the activities need of a place that holds pictures. */
export interface ImageSource {
  /** As the person named it: `gs://bucket/prefix/` or an absolute folder. */
  readonly uri: string;
  /**
   * Up to `max` pictures after `cursor` (`null`: from the first), in the order of their names' bytes, with the
   * objects that are passed over and why. Identity is filled in: generation, or hash of the content.
   * Throws a {@link SourceError}.
   */
  list(cursor: string | null, max: number, signal?: AbortSignal): Promise<ListedImages>;
  /**
   * A URL that the provider can fetch, good for an hour and more, the same text for all prompts of a picture.
   * Kept in memory only. `null`: this source has none to give (a folder).
   */
  signedUrl: ((image: ImageRef) => Promise<string>) | null;
  /** Why URLs cannot be signed although the source has them; `null` when they can. Asked once, at the plan. */
  signingProblem(): Promise<string | null>;
  /** The picture's bytes. Throws a {@link SourceError} `gone` or `changed` when it is no longer what was listed. */
  read(image: ImageRef, signal?: AbortSignal): Promise<Uint8Array>;
}

export interface ListedImages {
  images: ImageRef[];
  skipped: SkippedObject[];
  /** Cursor for the next call; `null` when this was the last. */
  next: string | null;
}

/** Opens a source. Throws a {@link SourceError} `invalid` for an address that can be none. */
export type OpenSource = (uri: string, filter: { include: string[]; exclude: string[] }) => ImageSource;

export type SourceErrorKind =
  'invalid' | 'missing' | 'forbidden' | 'unreadable' | 'unreachable' | 'gone' | 'changed';

/** A source that does not give what is asked of it. The message names the place and the remedy, and holds no URL signature. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  readonly kind: SourceErrorKind;

  constructor(kind: SourceErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

/** One call to the model: one picture, one question. */
export interface ModelRequest {
  model: string;
  api: 'responses' | 'chat';
  /** Shared instructions; the same for every call of a run. */
  instructions: string;
  question: string;
  /** JSON schema of the answer, strict. */
  schema: { name: string; schema: Record<string, unknown> };
  /** A fetchable URL, or `data:image/jpeg;base64,…`. */
  imageUrl: string;
  detail: Detail;
  maxOutputTokens: number;
  /** Stable for one picture, so that the provider's prompt cache can serve its later questions. */
  cacheKey: string;
}

/** What came back with HTTP 200 and is a complete or truncated message. */
export interface ModelReply {
  /** The message's text; empty when there was none. */
  text: string;
  /** The provider's own words when the model declined; `null` otherwise. */
  refusal: string | null;
  /** `length`: the output cap ended it. `filter`: the content filter did. */
  finish: 'stop' | 'length' | 'filter';
  usage: Usage | null;
  /** As the server spells it. */
  model: string;
  requestId: string | null;
  /** The answer's own id (`resp_…`, `chatcmpl-…`), where the server gives one. */
  responseId?: string;
  rate: RateHeaders;
}

/** The provider's own account of the limits, where it sends one. */
export interface RateHeaders {
  limits: Partial<Limits>;
  remainingRequests?: number;
  remainingTokens?: number;
  /** Time until the allowance is full again, in milliseconds. */
  resetRequestsMs?: number;
  resetTokensMs?: number;
}

/**
 * A call that gave no answer, in words that no vendor's class is needed to read. The adapter makes it and judges
 * nothing: what to do about it is `failure.ts`'s to say. Messages are redacted.
 */
export class ModelError extends Error {
  override readonly name = 'ModelError';
  /** `api`: the server answered (also an error inside HTTP 200). `timeout`, `aborted`: ours. `connection`: no answer. */
  readonly origin: 'api' | 'connection' | 'timeout' | 'aborted';
  readonly status: number | null;
  readonly code: string | null;
  readonly type: string | null;
  readonly param: string | null;
  /** Lower-case names. Only `retry-after*`, `x-ratelimit-*`, `x-request-id` and `date` are kept. */
  readonly headers: Readonly<Record<string, string>>;
  readonly requestId: string | null;
  readonly rate: RateHeaders;

  constructor(
    message: string,
    about: {
      origin: 'api' | 'connection' | 'timeout' | 'aborted';
      status?: number | null;
      code?: string | null;
      type?: string | null;
      param?: string | null;
      headers?: Record<string, string>;
      requestId?: string | null;
      rate?: RateHeaders;
    },
  ) {
    super(message);
    this.origin = about.origin;
    this.status = about.status ?? null;
    this.code = about.code ?? null;
    this.type = about.type ?? null;
    this.param = about.param ?? null;
    this.headers = about.headers ?? {};
    this.requestId = about.requestId ?? null;
    this.rate = about.rate ?? { limits: {} };
  }
}

/** What the activities need of a model. */
export interface Model {
  /** Throws a {@link ModelError}; when `signal` aborts, one of origin `aborted`. Never retries by itself. */
  ask(request: ModelRequest, signal: AbortSignal): Promise<ModelReply>;
  /** Asks, at no cost, whether the key works and the model is served. Throws a {@link ModelError}. */
  check(model: string, signal?: AbortSignal): Promise<void>;
}

/** An answer that was paid for, as it is kept for whoever asks the same again. */
export interface StoredAnswer {
  answer: AskResult;
  /** Results place of the run that paid for it. */
  run: string;
  /** Which of the run's pictures it was asked about (`0/17`: page and index): another one of the same content did not pay. */
  image: string;
}

/**
 * Where answers are kept, by the hash of what was asked (`answer-key.ts`). Safe for several processes. Both throw a
 * `StoreError`.
 */
export interface AnswerStore {
  /** What is there under these keys, at once for a whole batch. An entry that is torn or damaged is not there. */
  read(keys: readonly string[]): Promise<Map<string, StoredAnswer>>;
  /**
   * Keeps an answer; of two writes under one key either is good.
   *
   * @param picture - Address of the picture that it is about, so that its answers are found when it is to be purged; the
   *   store keeps its hash.
   */
  write(key: string, entry: StoredAnswer, picture?: string): Promise<void>;
}
