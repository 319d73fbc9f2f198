/**
 * The glossary: every JSON-safe type that crosses a boundary (workflow to activity, history, results files, queries).
 * One term, one meaning.
 *
 * - **Run**: one analysis of one source, named by time (`20251126_025312`).
 * - **Page**: up to 1,000 pictures of the source, listed together and written once as `images/000000.json`.
 * - **Batch**: the pictures of one child workflow, cut from one page.
 * - **Image**: one picture, with its identity.
 * - **Prompt**: one question.
 * - **Answer**: what the model said to one prompt about one image, or why it said nothing.
 * - **Try**: one request that the API answered or that timed out at our side. A request lost to a killed worker is none.
 */

/** How finely the model looks at a picture. */
export type Detail = 'low' | 'high' | 'auto';

/** How a picture travels to the model. */
export type Route = 'url' | 'base64';

/** One question, asked of every picture. */
export interface Prompt {
  /** Short, stable name: lower-case letters, digits and dashes, at most 64 characters. */
  id: string;
  /** The name people know, at most 100 characters. */
  name: string;
  text: string;
}

/** The questions of a run and the instructions that all of them share. */
export interface PromptSet {
  instructions: string;
  prompts: Prompt[];
}

/** Requests and tokens that may be sent to the model in a minute. */
export interface Limits {
  requestsPerMinute: number;
  tokensPerMinute: number;
}

/** What a person told of an account's limits. `auto`: what the provider's headers say. */
export interface LimitSettings {
  requestsPerMinute: number | 'auto';
  tokensPerMinute: number | 'auto';
}

/** Input of the workflow `accountLimits`, which holds what a person told of an account's limits. */
export interface AccountLimitsInput {
  /** Task queue of the account's model calls. */
  modelQueue: string;
  limits: LimitSettings;
  /** When they were set, ISO 8601, UTC; given by an earlier execution that continued as new. */
  since?: string;
}

/** What a provider's refusal says of one of the limits. */
export interface SaidLimit {
  name: keyof Limits;
  perMinute: number;
  used: number;
}

/** The limits that hold now, and who said so. */
export interface AccountLimits extends Limits {
  /** `told`: a person, of both; `headers`: the provider; `start`: nobody yet, these are the values to begin with. */
  from: 'told' | 'headers' | 'start';
  /** Tokens of the provider's allowance that were unspent at the start and may be used at once; 0 afterwards. */
  spareTokens: number;
}

/**
 * Whose limits and money a call uses. Together the name of one model queue.
 * Never holds the key, which may be changed while a blocked run waits.
 */
export interface Account {
  label: string;
  provider: 'openai';
  /** Host (and port) of the API, or `simulator`. */
  endpoint: string;
  /** A simulated account's answers are never mixed with real ones. */
  simulated: boolean;
}

/** Which answers that failed are asked again. */
export interface Retry {
  /** Also those that the model declined to give (`Refused`). */
  refused?: boolean;
  /** Of these pictures only, by identity or by name; at most 1,000. */
  only?: string[];
}

/** Input of the workflow `analyzeImages` for a run that has ended and goes on: the same plan, and only what is missing. */
export interface ResumeInput extends Retry {
  /** Name of the run below `results`. */
  resumeOf: string;
  /** Place that holds the run's folder; the worker's own by default. */
  results?: string;
  /** Go on here, though the run's record says that another server has not ended it: that one is gone for good. */
  serverIsGone?: boolean;
}

/** Input of the workflow `analyzeImages`: what a person gives. Only `source` is required. */
export interface RunInput {
  /** `gs://bucket/prefix/`, or the absolute path of a folder. */
  source: string;
  /** Recalls no answer that another run has paid for. */
  fresh?: boolean;
  /** Is told once when the run ends, fails or blocks: `https://…`, without a password in it. */
  notify?: string;
  /** Name of the run; by default its start in UTC, `20251126_025312`. */
  name?: string;
  /** Questions in place of the worker's own `prompts.yaml`. */
  prompts?: PromptSet;
  model?: string;
  detail?: Detail;
  /** Pictures side by side in one child workflow; 4 by default. */
  batchSize?: number;
  /** Calls in flight; by default as many as the limits need. */
  concurrency?: number;
  /** Globs on the picture's name below the source. */
  include?: string[];
  exclude?: string[];
  /** Take the first N pictures only. */
  limit?: number;
  /** Folder (absolute) or `gs://` place that holds results; the run gets a folder of its own below it. */
  results?: string;
}

/** Everything that decides what a run asks, frozen at its start and written to `run.json`. */
export interface Plan {
  schemaVersion: 1;
  run: string;
  workflowId: string;
  /** ISO 8601, UTC. */
  createdAt: string;
  source: string;
  include: string[];
  exclude: string[];
  /** `null`: all pictures. */
  limit: number | null;
  /** The run's own folder: an absolute path or `gs://bucket/…`, without a slash at the end. */
  results: string;
  account: Account;
  /** Task queue of the account's model calls. */
  modelQueue: string;
  model: string;
  api: 'responses' | 'chat';
  detail: Detail;
  /** `base64`: pictures never go as URLs (a folder, or a server that cannot fetch). */
  route: Route;
  /** Why the run goes by base64 from the start; `null` where it goes by URL. */
  routeReason: string | null;
  /** Cap on a call's output in tokens; it is reserved against the limit. */
  maxOutputTokens: number;
  instructions: string;
  prompts: Prompt[];
  batchSize: number;
  /** `null`: follows from the limits. */
  concurrency: number | null;
  /** Whether it recalls no answer that another run has paid for. */
  fresh: boolean;
  /** URL that is told when the run ends, fails or blocks; `null`: nobody is. */
  notify: string | null;
  limits: Limits;
  /** Tokens of a picture of the first picture's size: what is assumed where a picture's size is not known. */
  imageTokens: number;
  /** Tokens that one call is expected to be charged, from the first picture's size and the longest question. */
  tokensPerCall: number;
  /** The team that started it can tell one program version from another. */
  program: string;
  /** How often pictures were purged from it: whoever keeps its files in memory reads them anew. Absent: never. */
  purges?: number;
}

/** What the parent workflow keeps of its plan. Bounded: it carries no prompt text and no picture. */
export interface PlanSummary {
  run: string;
  /** The run's own folder. */
  results: string;
  /** Content hash of the plan, 32 hexadecimal digits. */
  plan: string;
  source: string;
  modelQueue: string;
  simulated: boolean;
  model: string;
  prompts: { id: string; name: string }[];
  batchSize: number;
  concurrency: number | null;
  /** Those that held when it was made. */
  limits: AccountLimits;
  tokensPerCall: number;
  /** Search attributes that the namespace has; others are not upserted, which would fail the workflow task. */
  searchAttributes: string[];
  /** URL that is told when the run ends, fails or blocks; `null`: nobody is. */
  notify: string | null;
  /** Address of the page on which the run is seen, for the Web UI; absent where it has none. */
  page?: string;
  /** Of a run that goes on after it had ended: when it started at first, and how long it had worked; else `null`. */
  earlier: { startedAt: string; activeMs: number } | null;
  /** Shown to a person at the start (route by base64 and why, an estimate near the limit). */
  warnings: string[];
}

/** One picture. */
export interface ImageRef {
  /** Path below the source, `/` between its parts, exactly as the source spells it. */
  name: string;
  /** `gs://bucket/object`, or the file's absolute path. */
  uri: string;
  /** Content that the run is about: `gs://bucket/object#generation`, or `sha256:…`. */
  identity: string;
  bytes: number;
}

/** An object of the source that is no picture for us. */
export interface SkippedObject {
  name: string;
  reason: string;
}

/** One listed page as it is written to `images/000000.json`: immutable, an image is named by page and index. */
export interface ImagePage {
  page: number;
  images: ImageRef[];
  skipped: SkippedObject[];
  /** Cursor of the next page; `null` on the last one. */
  next: string | null;
}

/** What the parent keeps of a listed page. */
export interface PageSummary {
  images: number;
  skipped: number;
  /** Cursor of the next page; `null` after the last one. */
  next: string | null;
}

/** What is recorded of a page's batches. */
export interface RecordedPage {
  /** Sums of everything. */
  counts: Counts;
  /** Batches that have something left to ask, in order. */
  todo: { batch: number; images: BatchRetry['images'] }[];
}

/** What the model says to one prompt about one picture. */
export interface ModelAnswer {
  match: boolean;
  /** 0 or more. */
  count: number;
  description: string;
}

/** Tokens as billed. `null` where the server does not say. */
export interface Usage {
  inputTokens: number;
  cachedTokens: number;
  outputTokens: number;
  totalTokens: number;
}

/** One request that the API answered, or that timed out at our side. */
export interface Try {
  /** ISO 8601, UTC, when it was sent. */
  at: string;
  ms: number;
  route: Route;
  /** HTTP status; `null` when nothing came back. */
  status: number | null;
  /** `ok`, or the kind of failure. */
  outcome: 'ok' | FailureKind;
  /** Tokens reserved against the limit for it. */
  charged: number;
  /** Wait before the next try, in milliseconds; absent when there was none. */
  waitMs?: number;
  /** Tokens billed, where the answer was paid for though it does not count. */
  billed?: number;
  requestId?: string;
}

/** Where the time of an answered question went, in milliseconds. */
export interface Timings {
  /** Making the signed URL; 0 when it was still at hand. */
  signMs: number;
  /** Reading the picture; 0 by URL, and when it was still in memory from its last question. */
  downloadMs: number;
  encodeMs: number;
  /** Waiting inside the activity, for the limiter or for room in memory. */
  waitMs: number;
  /** The model call that gave the answer. */
  modelMs: number;
}

/** Result of the activity `askModel`. */
export interface AskResult extends ModelAnswer {
  /** Name of the run that paid for it, when it was another one: here it cost nothing. */
  recalledFrom?: string;
  /** ISO 8601, UTC: when the request that was answered left. */
  sentAt: string;
  /** From the start of the activity's first try to the answer, in milliseconds. */
  ms: number;
  route: Route;
  /** Why it went by base64 after a URL was tried. */
  fallback?: string;
  usage: Usage | null;
  /** Tokens counted against the limit, over all tries. */
  charged: number;
  requestId?: string;
  /** Model name as the server spells it. */
  model: string;
  timings: Timings;
  tries: Try[];
}

/** Why a question has no answer. */
export interface AskFailure {
  kind: FailureKind;
  /** For a person; redacted: no key, no signed URL. */
  message: string;
  status?: number;
  code?: string;
  requestId?: string;
  /** The call was given up while it was open: nobody knows whether it was paid. */
  possiblyPaid?: true;
  tries: Try[];
}

/** One question's outcome in results and shards. */
export type PromptResult = { ok: true; result: AskResult } | { ok: false; failure: AskFailure };

/** One picture's outcome: an entry for each prompt, in the plan's order of prompts. */
export interface ImageResult {
  page: number;
  index: number;
  /** ISO 8601, UTC. */
  startedAt: string;
  endedAt: string;
  /** Some of it was recorded before the last execution of its batch began: the time between says nothing. */
  resumed?: true;
  prompts: Record<string, PromptResult>;
}

/**
 * One batch's results as written to `shards/000033.json`. Of a batch that was cut short it holds what was answered;
 * what comes later is added to it, and an answer is never replaced.
 */
export interface Shard {
  batch: number;
  startedAt: string;
  endedAt: string;
  images: ImageResult[];
}

/** Kinds of failure, as in the error table of `activities/failure.ts`. Also the `type` of Temporal's failures. */
export type FailureKind =
  // tried again
  | 'RateLimited'
  | 'SlowDown'
  | 'ProviderError'
  | 'Timeout'
  | 'UrlUnreachable'
  | 'OutputTruncated'
  | 'InvalidAnswer'
  | 'PictureNotSeen'
  | 'PictureUnreadable'
  // the whole run waits
  | 'Blocked'
  // recorded, and the run goes on
  | 'RequestTooLarge'
  | 'InvalidImage'
  | 'NoVision'
  | 'Refused'
  | 'ContextTooLong'
  | 'PictureGone'
  | 'PictureChanged'
  | 'Unclassified'
  | 'Lost'
  // removed at a person's wish
  | 'Purged';

/** What a block is about, as the metrics count it: who looks after a key seldom looks after a disk. */
export type BlockCause = 'key' | 'quota' | 'permission' | 'place' | 'disk';

/** Why a run waits, and what a person can do. */
export interface Block {
  reason: string;
  remedy: string;
  /** ISO 8601, UTC. */
  since: string;
  /** When the next probe is sent, ISO 8601, UTC. */
  nextProbeAt?: string;
  /** Do not probe before (a limit a day that resets), ISO 8601, UTC. */
  until?: string;
}

/** Sums that only grow; the sum over batches is the run's. */
export interface Counts {
  images: number;
  /** Pictures with every prompt answered. */
  imagesComplete: number;
  answered: number;
  failed: number;
  /** Matches by prompt id. */
  matches: Record<string, number>;
  /** Failed questions by kind. Those that were `Purged` are told here and nowhere else: they have not failed. */
  failures: Record<string, number>;
  tries: number;
  rateLimited: number;
  fallbacks: number;
  urlAnswers: number;
  base64Answers: number;
  inputTokens: number;
  cachedTokens: number;
  outputTokens: number;
  /** Tokens counted against the limit. */
  charged: number;
  /** Tokens billed for answers that do not count (cut off, of the wrong shape, given without the picture). */
  discardedTokens: number;
  /** Milliseconds that the calls took whose answers count; divided by `answered` without `recalled`, the mean call. */
  modelMs: number;
  /** Of the answered, those that another run had paid for. Their tries, tokens and times are not in these sums. */
  recalled: number;
  /** Calls that were given up while they were open, by a cancel: nobody knows whether they were paid. */
  possiblyPaid: number;
}

/** Input of the child workflow `analyzeBatch`. */
export interface BatchInput {
  run: string;
  results: string;
  plan: string;
  modelQueue: string;
  simulated: boolean;
  prompts: { id: string; name: string }[];
  /** From 0. */
  batch: number;
  /** Number of batches, when the listing is complete. */
  batches: number | null;
  page: number;
  /** Index of the first image in the page, and how many follow. */
  first: number;
  images: number;
  /** Pictures side by side. */
  sideBySide: number;
  /** Tell the parent of each picture; large runs hear of batches only. */
  reportImages: boolean;
  /**
   * The batch is asked again: which of its recorded failures with it. `null`: what is recorded stands. Absent: the batch
   * was started by a version that knew no batch which is asked again.
   */
  retry?: BatchRetry | null;
  /** It may have been begun before, by an execution that the run has lost sight of. */
  begunBefore?: boolean;
  /** The run's sums hold what is recorded of this batch already: its counts are what it adds to that. */
  counted?: boolean;
}

/** {@link Retry} as a batch needs it. */
export interface BatchRetry {
  refused: boolean;
  /** Pictures to ask about, by their indexes in the page; `null`: all of the batch's. */
  images: number[] | null;
}

/** Result of the child workflow `analyzeBatch`. */
export interface BatchResult {
  batch: number;
  counts: Counts;
}

/** Answer of the child's query `progress`. */
export interface BatchProgress {
  batch: number;
  counts: Counts;
  /** Questions given to the model queue and not yet answered. */
  open: number;
  paused: boolean;
  /** Requests of the last two minutes, oldest first. */
  sends: { at: string; charged: number }[];
  failures: FailureLine[];
}

/** A failed question, for a person to read. */
export interface FailureLine {
  at: string;
  image: string;
  prompt: string;
  kind: FailureKind;
  message: string;
}

export type RunState =
  'planning' | 'running' | 'paused' | 'blocked' | 'complete' | 'incomplete' | 'cancelled' | 'failed';

/** Answer of the parent's query `progress`, and the body of `progress.json`. */
export interface Progress {
  run: string;
  workflowId: string;
  state: RunState;
  source: string;
  simulated: boolean;
  model: string;
  /** Those that hold now. */
  limits: AccountLimits;
  startedAt: string;
  updatedAt: string;
  /** Pictures found so far, and whether more may come. */
  images: number;
  listed: boolean;
  skipped: number;
  batches: number;
  batchesDone: number;
  /** Only the first so many batches can have a shard or a workflow. */
  begun: number;
  promptsPerImage: number;
  prompts: { id: string; name: string }[];
  tokensPerCall: number;
  /** Of the batches that have ended, and of the running ones as far as they have reported. */
  counts: Counts;
  /** Of the batches that have ended alone: with what the running ones say themselves, the exact counts of the moment. */
  ended: Counts;
  /** Child workflows that run now. */
  running: { batch: number; workflowId: string }[];
  block: Block | null;
  /** For a person, from the plan: that URLs cannot be signed, say. */
  warnings: string[];
  recentFailures: FailureLine[];
  /** Where the run is worked at: filled in by the worker that writes the record, unknown to the workflow. */
  server?: ServerIdentity;
  /** Time in which calls could be made (neither paused nor blocked), in milliseconds. */
  activeMs: number;
  /** Estimated time to the end, in milliseconds; `null` while unknown. */
  remainingMs: number | null;
  /** One line a minute. */
  minutes: MinuteLine[];
}

/** A Temporal server with a namespace, told from every other one. */
export interface ServerIdentity {
  /** The same however the server is reached, and for the embedded one also after its database was lost. */
  id: string;
  /** For a person. */
  label: string;
}

/** What happened in one minute of a run. */
export interface MinuteLine {
  /** ISO 8601, UTC, start of the minute. */
  at: string;
  sent: number;
  charged: number;
  rateLimited: number;
  waitMs: number;
}

/** Result of the workflow `analyzeImages`. */
export interface RunResult {
  run: string;
  results: string;
  state: 'complete' | 'incomplete';
  simulated: boolean;
  images: number;
  skipped: number;
  counts: Counts;
}

/** One picture's line in an index segment: what lists, filters and sums need, without descriptions. */
export interface IndexLine {
  name: string;
  identity: string;
  /** Number of the batch whose shard holds the answers. */
  batch: number;
  /** By prompt id: the count where it matched, 0 where it did not, the kind of failure where there is no answer. */
  answers: Record<string, number | FailureKind>;
}

/** The shards of one page summed up, as written to `index/000000.json` when the page's last batch has ended. */
export interface Segment {
  page: number;
  counts: Counts;
  minutes: MinuteLine[];
  images: IndexLine[];
}
