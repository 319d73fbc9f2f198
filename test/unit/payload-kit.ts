import { boundedAnswer } from '../../src/activities/answer-bounds.ts';
import { readAnswer } from '../../src/activities/answer.ts';
import { NOT_ASKED, toFailure } from '../../src/activities/failure.ts';
import { noCounts } from '../../src/shared/counts.ts';
import { redact } from '../../src/shared/redact.ts';
import { MAX_BATCH_SIZE, MAX_LIMIT, MAX_ONLY, MAX_QUESTIONS_IN_BATCH } from '../../src/shared/run-input.ts';
import type {
  AskFailure,
  AskResult,
  Block,
  Counts,
  FailureLine,
  ImageResult,
  PlanSummary,
  Progress,
  Prompt,
  PromptResult,
  ResumeInput,
  RunInput,
  Shard,
  Try,
} from '../../src/shared/types.ts';
import type { CarriedState } from '../../src/workflows/run-book.ts';
import { windowOf } from '../../src/workflows/window.ts';

/** The largest of everything that a payload is made of, as the rules and the code let it be. */

/** A letter of three bytes, and a character that JSON writes in six. */
export const WIDE = 'త';
export const ESCAPED = '\u0001';
export const NUMBER = Number.MAX_SAFE_INTEGER;
export const AT = '2026-11-24T00:00:00.000Z';

/** The largest of what a run is made of: by the rules of its input, and by the bounds of the file systems. */
export const LONGEST_PATH = 4_096;
export const RESULTS = `/${'"'.repeat(299)}`;
export const WORKFLOW_ID = '"'.repeat(200);
export const PLACE = { results: RESULTS, plan: 'f'.repeat(32) };
/** Of a provider's header, whose letters have two bytes at most. */
const REQUEST_ID = 'é'.repeat(100);

export const PROMPTS: Prompt[] = Array.from({ length: 100 }, (_, n) => ({
  id: String(n).padEnd(64, 'x'),
  name: WIDE.repeat(100),
  text: WIDE.repeat(4_000),
}));
export const NAMES = PROMPTS.map(({ id, name }) => ({ id, name }));
const BYTES_LEFT_OF_ONLY = 'x'.repeat(396);

export const RUN_INPUT: RunInput = {
  source: `/${ESCAPED.repeat(LONGEST_PATH - 1)}`,
  results: `/${ESCAPED.repeat(LONGEST_PATH - 1)}`,
  fresh: false,
  notify: `https://${WIDE.repeat(992)}`,
  name: 'r'.repeat(64),
  prompts: { instructions: WIDE.repeat(4_000), prompts: PROMPTS },
  model: '~'.repeat(100),
  detail: 'auto',
  batchSize: MAX_BATCH_SIZE,
  concurrency: 10_000,
  include: Array.from({ length: 100 }, () => ESCAPED.repeat(166)),
  exclude: Array.from({ length: 100 }, () => ESCAPED.repeat(166)),
  limit: MAX_LIMIT,
};
export const RESUME_INPUT: ResumeInput = {
  resumeOf: 'r'.repeat(64),
  results: `/${ESCAPED.repeat(LONGEST_PATH - 1)}`,
  refused: false,
  only: Array.from({ length: MAX_ONLY }, () => BYTES_LEFT_OF_ONLY),
};

export const TRY: Try = {
  at: AT,
  ms: NUMBER,
  route: 'base64',
  status: 599,
  outcome: 'PictureUnreadable',
  charged: NUMBER,
  waitMs: NUMBER,
  billed: NUMBER,
  requestId: REQUEST_ID,
};
export const TRIES = Array.from({ length: 40 }, () => TRY);

/** A model that writes without end, of a picture whose URL failed for a reason without end. */
export function largestAnswer(letter: string): AskResult {
  const reply = readAnswer(
    JSON.stringify({ match: false, count: 1_000_000, description: letter.repeat(50_000) }),
  );
  if (!reply.ok) throw new Error(reply.problem);
  return boundedAnswer({
    ...reply.answer,
    recalledFrom: letter.repeat(10_000),
    sentAt: AT,
    ms: NUMBER,
    route: 'base64',
    fallback: redact(letter.repeat(50_000)),
    usage: { inputTokens: NUMBER, cachedTokens: NUMBER, outputTokens: NUMBER, totalTokens: NUMBER },
    charged: NUMBER,
    requestId: REQUEST_ID,
    model: redact(letter.repeat(50_000), [], 100),
    timings: { signMs: NUMBER, downloadMs: NUMBER, encodeMs: NUMBER, waitMs: NUMBER, modelMs: NUMBER },
    tries: TRIES,
  });
}

/** As the activity fails with it. */
export const FAILURE = toFailure(
  {
    ...{ ...NOT_ASKED, action: 'record', scope: 'picture', kind: 'PictureUnreadable', status: 599 },
    message: WIDE.repeat(50_000),
    code: WIDE.repeat(1_000),
    requestId: REQUEST_ID,
  },
  TRIES,
);
export const FAILED = FAILURE.details?.[0] as AskFailure;

const imageWith = (index: number, outcome: PromptResult, prompts: readonly Prompt[]): ImageResult => ({
  page: MAX_LIMIT,
  index,
  startedAt: AT,
  endedAt: AT,
  resumed: true,
  prompts: Object.fromEntries(prompts.map(({ id }) => [id, outcome])),
});

/** Every shape of a batch that holds as many questions as one may. */
export const SHAPES = Array.from({ length: MAX_BATCH_SIZE }, (_, i) => i + 1).map((images) => ({
  images,
  prompts: PROMPTS.slice(0, Math.floor(MAX_QUESTIONS_IN_BATCH / images)),
}));

export const shardOf = (outcome: PromptResult, shape: (typeof SHAPES)[number]): Shard => ({
  batch: MAX_LIMIT,
  startedAt: AT,
  endedAt: AT,
  images: Array.from({ length: shape.images }, (_, i) => imageWith(i, outcome, shape.prompts)),
});

const KINDS =
  'RateLimited SlowDown ProviderError Timeout UrlUnreachable OutputTruncated InvalidAnswer PictureNotSeen PictureUnreadable Blocked RequestTooLarge InvalidImage NoVision Refused ContextTooLong PictureGone PictureChanged Unclassified Lost'.split(
    ' ',
  );
export const COUNTS: Counts = {
  ...(Object.fromEntries(Object.keys(noCounts()).map((key) => [key, NUMBER])) as unknown as Counts),
  matches: Object.fromEntries(PROMPTS.map(({ id }) => [id, NUMBER])),
  failures: Object.fromEntries(KINDS.map((kind) => [kind, NUMBER])),
};
export const LINE: FailureLine = {
  at: AT,
  // As `openBatch` shortens it.
  image: ESCAPED.repeat(200),
  prompt: 'x'.repeat(64),
  kind: 'PictureUnreadable',
  message: FAILED.message,
};
export const BLOCK: Block = {
  reason: redact(WIDE.repeat(5_000)),
  remedy: redact(WIDE.repeat(5_000)),
  since: AT,
  nextProbeAt: AT,
  until: AT,
};
const LIMITS = {
  requestsPerMinute: NUMBER,
  tokensPerMinute: NUMBER,
  from: 'headers',
  spareTokens: NUMBER,
} as const;
export const PLAN: PlanSummary = {
  run: 'r'.repeat(64),
  ...PLACE,
  source: RUN_INPUT.source,
  modelQueue: 'q'.repeat(1_000),
  simulated: false,
  model: '~'.repeat(100),
  prompts: NAMES,
  batchSize: MAX_BATCH_SIZE,
  concurrency: 10_000,
  limits: LIMITS,
  tokensPerCall: NUMBER,
  searchAttributes: ['ImageAnalysisRun', 'ImageAnalysisState', 'ImageAnalysisSimulated'],
  notify: RUN_INPUT.notify ?? null,
  earlier: { startedAt: AT, activeMs: NUMBER },
  warnings: [redact(WIDE.repeat(5_000)) + WIDE.repeat(200)],
};
/** A page holds 1,000 pictures. */
export const PAGES = Array.from({ length: MAX_LIMIT / 1_000 }, () => 1_000);

/** The last batches of a run begin together, beside a full window. */
const RUNNING = 2 * windowOf({ batchSize: 1, concurrency: null, needed: 1e9 }).children;
export const PROGRESS: Progress = {
  run: PLAN.run,
  workflowId: WORKFLOW_ID,
  state: 'incomplete',
  source: PLAN.source,
  simulated: false,
  model: PLAN.model,
  limits: LIMITS,
  startedAt: AT,
  updatedAt: AT,
  images: MAX_LIMIT,
  listed: false,
  skipped: NUMBER,
  batches: MAX_LIMIT,
  batchesDone: MAX_LIMIT,
  begun: MAX_LIMIT,
  promptsPerImage: 100,
  prompts: NAMES,
  tokensPerCall: NUMBER,
  counts: COUNTS,
  ended: COUNTS,
  running: Array.from({ length: RUNNING }, () => ({
    batch: MAX_LIMIT,
    workflowId: `${WORKFLOW_ID}-batch-${MAX_LIMIT}`,
  })),
  block: BLOCK,
  warnings: PLAN.warnings,
  recentFailures: Array.from({ length: 5 }, () => LINE),
  activeMs: NUMBER,
  remainingMs: NUMBER,
  minutes: [],
};

/** Looked up ahead until there are 5,000, with one page more, and the batches of a whole window that were lost. */
const againOf = (pictures: number): CarriedState['again'] =>
  Array.from({ length: 4_999 + Math.ceil(1_000 / pictures) + RUNNING }, () => ({
    batch: MAX_LIMIT,
    retry: { refused: false, images: Array.from({ length: pictures }, () => 999) },
    counted: false,
    losses: 3,
  }));
export const carriedWith = (pictures: number): CarriedState => ({
  plan: PLAN,
  limits: LIMITS,
  startedAt: AT,
  pages: PAGES,
  cursor: ESCAPED.repeat(LONGEST_PATH),
  listed: false,
  skipped: NUMBER,
  nextBatch: MAX_LIMIT,
  again: againOf(pictures),
  left: Object.fromEntries(PAGES.map((images, page) => [page, images])),
  batchesDone: MAX_LIMIT,
  counts: COUNTS,
  failures: Array.from({ length: 50 }, () => LINE),
  activeMs: NUMBER,
  savedImages: MAX_LIMIT,
  savedFullAt: MAX_LIMIT,
  savedKinds: KINDS.length,
  paused: false,
  block: BLOCK,
});
