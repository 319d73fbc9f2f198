import { activityInfo, log } from '@temporalio/activity';
import { isMeant, stands } from '../shared/recorded.ts';
import { redact } from '../shared/redact.ts';
import type { AskResult, BatchRetry, ImageRef, ImageResult, Plan } from '../shared/types.ts';
import { answerKey } from './answer-key.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { AnswerStore, StoredAnswer } from './ports.ts';
import { imageKey, recallOutcome } from './recall.ts';
import type { RunFiles, RunPlace } from './run-files.ts';
import { runFailure } from './run-failure.ts';
import type { ShardReader } from './shards.ts';

export interface OpenBatchInput extends RunPlace {
  batch: number;
  page: number;
  first: number;
  images: number;
  retry: BatchRetry | null;
  /** The batch's workflow may have run before under the same ID: what it had answered then is looked up. */
  begunBefore: boolean;
}

/** A picture as the batch sees it: its index in the page, a name for people, and what is known of it already. */
export interface BatchImage {
  index: number;
  name: string;
  /** From the batch's shard, when it was asked about before. */
  recorded?: ImageResult;
  /** By prompt id: answers that are in the answer store, or only in the history of an earlier execution of the batch. */
  recalled?: Record<string, AskResult>;
}

/** Long names are shortened in summaries and logs; a picture's identity is its place in the page. */
const NAME_SHOWN = 200;

/**
 * Of what the batch is told, in bytes of JSON: Temporal takes 2 MB. Its own shard is smaller by itself; what the answer
 * store has more than fits is left for `askModel`, which looks there first.
 */
const BYTES_TOLD = 2_000_000;

/** So often earlier executions are asked before the batch begins without them; of most answers the store knows anyway. */
const ASKED_AT_MOST = 5;

export interface OpenBatchDeps {
  files: RunFiles;
  shards: ShardReader;
  answers: AnswerStore;
  /** Pictures as the earlier executions of the workflow that calls the activity have answered them. */
  earlierAnswers: () => Promise<ImageResult[]>;
}

/**
 * Looks up which pictures the batch is about, and everything that was paid for already: what its shard holds, for the
 * rest what the answer store has, and for what is left what earlier executions of the batch had answered. A store that
 * cannot be read is no reason to wait: `askModel` looks again.
 */
export function createOpenBatch(deps: OpenBatchDeps) {
  return async function openBatch(input: OpenBatchInput): Promise<BatchImage[]> {
    try {
      return await withHeartbeat(async () => {
        const plan = await deps.files.plan(input);
        const page = await deps.files.page(input, input.page);
        const shard = await deps.shards.read(input, input.batch);
        const images = page.images.slice(input.first, input.first + input.images).map((image, i) => {
          const index = input.first + i;
          return { image, index, recorded: shard?.images.find((known) => known.index === index) };
        });
        const wanted = images.flatMap(({ image, index, recorded }) =>
          isMeant(index, input.retry)
            ? plan.prompts
                .filter(({ id }) => !stands(recorded?.prompts[id], input.retry))
                .map((prompt) => ({ index, prompt: prompt.id, key: answerKey(plan, image, prompt) }))
            : [],
        );
        const stored = await storedUnder(
          deps.answers,
          wanted.map(({ key }) => key),
        );
        const isMissing = wanted.some(({ key }) => !stored.has(key));
        const earlier = input.begunBefore && isMissing ? await earlierAnswers(deps) : [];
        const told = images.map(({ image, index, recorded }) => {
          const mine = wanted.filter((question) => question.index === index);
          const before = earlier.filter((known) => known.index === index);
          return batchImage({
            plan,
            page: input.page,
            image,
            index,
            recorded,
            questions: mine,
            stored,
            before,
          });
        });
        const inStore = new Set(
          wanted.filter(({ key }) => stored.has(key)).map(({ index, prompt }) => `${index} ${prompt}`),
        );
        return withinBytes(told, BYTES_TOLD, (index, prompt) => inStore.has(`${index} ${prompt}`));
      });
    } catch (err) {
      throw runFailure(err);
    }
  };
}

async function storedUnder(answers: AnswerStore, keys: string[]): Promise<Map<string, StoredAnswer>> {
  if (keys.length === 0) return new Map();
  try {
    return await answers.read(keys);
  } catch (err) {
    log.warn('the answer store cannot be read', { error: redact(String(err)) });
    return new Map();
  }
}

async function earlierAnswers(deps: OpenBatchDeps): Promise<ImageResult[]> {
  try {
    return await deps.earlierAnswers();
  } catch (err) {
    if (activityInfo().attempt < ASKED_AT_MOST) throw err;
    log.warn('earlier executions of the batch do not say what they had answered', {
      error: redact(String(err)),
    });
    return [];
  }
}

function batchImage(about: {
  plan: Plan;
  page: number;
  image: ImageRef;
  index: number;
  recorded: ImageResult | undefined;
  questions: { prompt: string; key: string }[];
  stored: Map<string, StoredAnswer>;
  before: ImageResult[];
}): BatchImage {
  const { plan, page, image, index, recorded, before } = about;
  const recalled: Record<string, AskResult> = {};
  for (const { prompt, key } of about.questions) {
    const entry = about.stored.get(key);
    const answer = entry === undefined ? null : recallOutcome(plan, imageKey(page, index), entry);
    if (answer !== null) recalled[prompt] = answer;
    else {
      const known = before.map(({ prompts }) => prompts[prompt]).find((outcome) => outcome?.ok === true);
      if (known?.ok === true) recalled[prompt] = known.result;
    }
  }
  return {
    index,
    name: image.name.slice(-NAME_SHOWN),
    ...(recorded === undefined ? {} : { recorded }),
    ...(Object.keys(recalled).length === 0 ? {} : { recalled }),
  };
}

/**
 * Without the recalled answers that make it larger than `max` bytes, the last ones first: of those that are found in the
 * store again, and only then of those that would be asked again.
 */
function withinBytes(
  images: BatchImage[],
  max: number,
  inStore: (index: number, prompt: string) => boolean,
): BatchImage[] {
  let left = max - bytesOf(images);
  for (const fromStore of [true, false]) {
    for (const { index, recalled = {} } of images.toReversed()) {
      for (const [prompt, answer] of Object.entries(recalled).reverse()) {
        if (left >= 0) return images;
        if (inStore(index, prompt) !== fromStore) continue;
        left += bytesOf({ [prompt]: answer });
        delete recalled[prompt];
      }
    }
  }
  return images;
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
