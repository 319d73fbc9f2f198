import { costOf } from './cost.ts';
import type { ResultEntry, ResultImage, ResultsFile, Spread } from '../shared/results.ts';
import type {
  ImagePage,
  ImageResult,
  Limits,
  Plan,
  Progress,
  PromptResult,
  SkippedObject,
} from '../shared/types.ts';

/** Answers that a run has so far, batch by batch in the order of the pictures. Read twice when results are composed. */
export interface AnsweredBatch {
  /** `null` while the batch is under way. */
  ms: number | null;
  images: ImageResult[];
}

/** Everything of `results.json` but its pictures. Rebuilt from the plan, the listing and the answers alone. */
export function composeHead(parts: {
  plan: Plan;
  progress: Progress;
  performance: ResultsFile['performance'];
  skipped: SkippedObject[];
}): Omit<ResultsFile, 'images'> {
  const { plan, progress } = parts;
  return {
    schemaVersion: 1,
    ...(plan.account.simulated ? { label: 'SIMULATED: no model looked at these pictures' } : {}),
    run: plan.run,
    workflowId: plan.workflowId,
    state: progress.state,
    startedAt: progress.startedAt,
    updatedAt: progress.updatedAt,
    settings: {
      source: plan.source,
      include: plan.include,
      exclude: plan.exclude,
      limit: plan.limit,
      model: plan.model,
      api: plan.api,
      detail: plan.detail,
      route: plan.route,
      routeReason: plan.routeReason,
      batchSize: plan.batchSize,
      concurrency: plan.concurrency,
      limits: {
        requestsPerMinute: progress.limits.requestsPerMinute,
        tokensPerMinute: progress.limits.tokensPerMinute,
        from: progress.limits.from,
      },
      maxOutputTokens: plan.maxOutputTokens,
      prompts: plan.prompts.map(({ id, name }) => ({ id, name })),
      account: `${plan.account.label} at ${plan.account.endpoint}`,
    },
    totals: {
      ...progress.counts,
      found: progress.images,
      skipped: progress.skipped,
      cost: costOf(plan, progress.counts),
    },
    performance: parts.performance,
    skipped: parts.skipped,
  };
}

/** One picture's entry. */
export function composeImage(page: ImagePage, result: ImageResult): ResultImage {
  const image = page.images[result.index];
  if (image === undefined) throw new Error(`page ${page.page} has no picture ${result.index}`);
  return {
    name: image.name,
    uri: image.uri,
    identity: image.identity,
    bytes: image.bytes,
    startedAt: result.startedAt,
    endedAt: result.endedAt,
    answers: Object.fromEntries(
      Object.entries(result.prompts).map(([id, outcome]) => [id, composeEntry(outcome)]),
    ),
  };
}

function composeEntry(outcome: PromptResult): ResultEntry {
  if (!outcome.ok) return { error: outcome.failure };
  const {
    match,
    count,
    description,
    route,
    fallback,
    usage,
    charged,
    sentAt,
    ms,
    timings,
    requestId,
    recalledFrom,
    tries,
  } = outcome.result;
  return {
    match,
    count,
    description,
    route,
    ...(fallback === undefined ? {} : { fallback }),
    usage,
    charged,
    sentAt,
    ms,
    timings,
    ...(requestId === undefined ? {} : { requestId }),
    ...(recalledFrom === undefined ? {} : { recalledFrom }),
    tries,
  };
}

/** Collects what the performance part needs, answer by answer, in numbers only. */
export function createPerformance(limits: Limits): {
  add(batch: AnsweredBatch): void;
  summary(activeMs: number): ResultsFile['performance'];
} {
  const times = {
    image: [] as number[],
    prompt: [] as number[],
    batch: [] as number[],
    signing: [] as number[],
    download: [] as number[],
    model: [] as number[],
    waiting: [] as number[],
  };
  let charged = 0;
  let requests = 0;
  return {
    add(batch) {
      if (batch.ms !== null) times.batch.push(batch.ms);
      for (const image of batch.images) {
        if (image.resumed !== true) times.image.push(Date.parse(image.endedAt) - Date.parse(image.startedAt));
        for (const outcome of Object.values(image.prompts)) {
          if (outcome.ok && outcome.result.recalledFrom !== undefined) continue;
          const tries = outcome.ok ? outcome.result.tries : outcome.failure.tries;
          requests += tries.length;
          charged += tries.reduce((sum, t) => sum + t.charged, 0);
          if (!outcome.ok) continue;
          const { timings, ms, route } = outcome.result;
          times.prompt.push(ms);
          times.model.push(timings.modelMs);
          times.waiting.push(timings.waitMs);
          if (route === 'url') times.signing.push(timings.signMs);
          else if (timings.downloadMs > 0) times.download.push(timings.downloadMs);
        }
      }
    },
    summary(activeMs) {
      const minutes = Math.max(activeMs, 1) / 60_000;
      const shares = {
        'tokens a minute': charged / minutes / limits.tokensPerMinute,
        'requests a minute': requests / minutes / limits.requestsPerMinute,
      };
      const most = Math.max(...Object.values(shares));
      const [limit] = Object.entries(shares).find(([, share]) => share === most) ?? ['tokens a minute'];
      return {
        image: spread(times.image),
        prompt: spread(times.prompt),
        batch: spread(times.batch),
        signing: spread(times.signing),
        download: spread(times.download),
        model: spread(times.model),
        waiting: spread(times.waiting),
        // Two thirds of a limit used over the whole run, starts and ends included, is a run that the limit held back.
        bottleneck: most >= 2 / 3 ? `the limit of ${limit}` : "the model's response time",
      };
    },
  };
}

/** Median and 95th percentile (nearest rank), or `null` for no samples. */
export function spread(samples: number[]): Spread | null {
  if (samples.length === 0) return null;
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { median: at(0.5), p95: at(0.95), samples: sorted.length };
}
