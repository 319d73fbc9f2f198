import { countRecorded, addCounts, isComplete, noCounts } from '../src/shared/counts.ts';
import { files, workflowIdOf } from '../src/shared/names.ts';
import type {
  Counts,
  ImagePage,
  ImageRef,
  ImageResult,
  MinuteLine,
  Plan,
  Progress,
  Prompt,
  PromptResult,
  Segment,
  Shard,
} from '../src/shared/types.ts';
import { minutesOf, triesOf } from '../src/activities/minutes.ts';

/** Pictures of a listed page, as `analyzeImages` lists them. */
const PAGE = 1_000;
const BATCH = 4;

/** A run as its folder would hold it, had it been worked at. */
export interface FixtureRun {
  run: string;
  /** The results place: an absolute path or `gs://…`. */
  root: string;
  /** Source of the pictures: an absolute path or `gs://…`. */
  source: string;
  /** Number of pictures. */
  pictures: number;
  prompts: Prompt[];
  /** ISO 8601, UTC. */
  startedAt: string;
  /** Milliseconds from one picture's start to the next one's. */
  msPerPicture: number;
  plan?: Partial<Plan>;
  image(n: number): Pick<ImageRef, 'name' | 'identity' | 'bytes'>;
  /** What came of one question; `null`: it was not asked yet. */
  outcome(n: number, prompt: Prompt, startedAt: number): PromptResult | null;
  /** What the last record says beside its sums. */
  progress?: (sums: { counts: Counts; minutes: MinuteLine[] }) => Partial<Progress>;
}

/** Writes a file of the run, by its path relative to the run's folder. */
export type WriteFile = (path: string, text: string) => Promise<void>;

/**
 * Writes a run's files in the formats of real ones: `run.json`, the listed pages, a shard for each batch of four
 * pictures, a segment for each page that was asked about to its end, the progress record. No `results.json`: it is a
 * view that the page does not read.
 */
export async function writeRun(run: FixtureRun, write: WriteFile): Promise<Progress> {
  const plan = planOf(run);
  await write(files.run, `${JSON.stringify(plan)}\n`);
  const pages = Math.ceil(run.pictures / PAGE);
  let counts = noCounts();
  let batches = 0;
  let batchesDone = 0;
  const open = new Map<string, MinuteLine>();
  for (let page = 0; page < pages; page += 1) {
    const first = page * PAGE;
    const size = Math.min(PAGE, run.pictures - first);
    const images = Array.from({ length: size }, (_, i): ImageRef => {
      const image = run.image(first + i);
      return { ...image, uri: `${run.source.replace(/\/$/, '')}/${image.name}` };
    });
    const listed: ImagePage = {
      page,
      images,
      skipped: [],
      next: page + 1 < pages ? (images.at(-1)?.name ?? null) : null,
    };
    await write(files.page(page), `${JSON.stringify(listed)}\n`);

    const shards = shardsOf(run, page, size, batches);
    await Promise.all(
      shards
        .filter(({ shard }) => shard.images.length > 0)
        .map(({ shard }) => write(files.shard(shard.batch), `${JSON.stringify(shard)}\n`)),
    );
    const results = shards.flatMap(({ shard }) =>
      shard.images.map((image) => ({ batch: shard.batch, image })),
    );
    const pageCounts = results.reduce(
      (sum, { image }) => addCounts(sum, countRecorded(image, run.prompts.length)),
      noCounts(),
    );
    const pageMinutes = minutesOf(results.flatMap(({ image }) => triesOf(image)));
    counts = addCounts(counts, pageCounts);
    batches += shards.length;
    batchesDone += shards.filter(({ done }) => done).length;
    if (shards.some(({ done }) => !done)) {
      for (const line of pageMinutes) open.set(line.at, addMinutes(open.get(line.at), line));
      continue;
    }
    const segment: Segment = {
      page,
      counts: pageCounts,
      minutes: pageMinutes,
      images: results.map(({ batch, image }) => ({
        name: images[image.index]?.name ?? '',
        identity: images[image.index]?.identity ?? '',
        batch,
        answers: Object.fromEntries(
          Object.entries(image.prompts).map(([id, outcome]) => [id, summed(outcome)]),
        ),
      })),
    };
    await write(files.segment(page), `${JSON.stringify(segment)}\n`);
  }
  // A segment has the minutes of its page; this file and the record have those of the other pages.
  await write(files.minutes, `${JSON.stringify([...open.values()])}\n`);
  const progress = progressOf(run, plan, { counts, minutes: [...open.values()] }, { batches, batchesDone });
  await write(files.progress, `${JSON.stringify(progress)}\n`);
  return progress;
}

const summed = (outcome: PromptResult): Segment['images'][number]['answers'][string] =>
  !outcome.ok ? outcome.failure.kind : outcome.result.match ? Math.max(1, outcome.result.count) : 0;

function addMinutes(a: MinuteLine | undefined, b: MinuteLine): MinuteLine {
  if (a === undefined) return b;
  return {
    at: b.at,
    sent: a.sent + b.sent,
    charged: a.charged + b.charged,
    rateLimited: a.rateLimited + b.rateLimited,
    waitMs: a.waitMs + b.waitMs,
  };
}

function shardsOf(
  run: FixtureRun,
  page: number,
  size: number,
  firstBatch: number,
): { shard: Shard; done: boolean }[] {
  return Array.from({ length: Math.ceil(size / BATCH) }, (_, b) => {
    const images: ImageResult[] = [];
    let done = true;
    for (let index = b * BATCH; index < Math.min(size, (b + 1) * BATCH); index += 1) {
      const image = imageResult(run, page, index);
      if (Object.keys(image.prompts).length < run.prompts.length) done = false;
      if (Object.keys(image.prompts).length > 0) images.push(image);
    }
    const at = run.startedAt;
    const startedAt = images[0]?.startedAt ?? at;
    return {
      shard: { batch: firstBatch + b, startedAt, endedAt: images.at(-1)?.endedAt ?? at, images },
      done,
    };
  });
}

function imageResult(run: FixtureRun, page: number, index: number): ImageResult {
  const n = page * PAGE + index;
  const startedAt = Date.parse(run.startedAt) + n * run.msPerPicture;
  const prompts: Record<string, PromptResult> = {};
  let at = startedAt;
  for (const prompt of run.prompts) {
    const outcome = run.outcome(n, prompt, at);
    if (outcome === null) continue;
    prompts[prompt.id] = outcome;
    at += (outcome.ok ? outcome.result.tries : outcome.failure.tries).reduce((sum, { ms }) => sum + ms, 20);
  }
  return { page, index, startedAt: iso(startedAt), endedAt: iso(at), prompts };
}

const iso = (at: number): string => new Date(at).toISOString();

function planOf(run: FixtureRun): Plan {
  return {
    schemaVersion: 1,
    run: run.run,
    workflowId: workflowIdOf(run.run),
    createdAt: run.startedAt,
    source: run.source,
    include: [],
    exclude: [],
    limit: null,
    results: `${run.root}/${run.run}`,
    account: { label: 'default', provider: 'openai', endpoint: 'simulator', simulated: true },
    modelQueue: 'image-analysis-model-simulated-default-simulator',
    model: 'gpt-4o',
    api: 'responses',
    detail: 'high',
    route: run.source.startsWith('gs://') ? 'url' : 'base64',
    routeReason: run.source.startsWith('gs://') ? null : 'the source is a folder',
    maxOutputTokens: 300,
    instructions: 'You look at one picture of a street camera and answer one question about it.',
    prompts: run.prompts,
    batchSize: BATCH,
    concurrency: null,
    fresh: false,
    notify: null,
    limits: { requestsPerMinute: 480, tokensPerMinute: 28_000 },
    imageTokens: 1_105,
    tokensPerCall: 1_500,
    program: 'image-analysis 0.1.0',
    ...run.plan,
  };
}

function progressOf(
  run: FixtureRun,
  plan: Plan,
  sums: { counts: Counts; minutes: MinuteLine[] },
  { batches, batchesDone }: { batches: number; batchesDone: number },
): Progress {
  const { counts, minutes } = sums;
  const askedAll = counts.answered + counts.failed === run.pictures * run.prompts.length;
  const activeMs = (counts.images || 1) * run.msPerPicture;
  return {
    run: run.run,
    workflowId: plan.workflowId,
    state: !askedAll ? 'running' : isComplete(counts, run.pictures) ? 'complete' : 'incomplete',
    source: run.source,
    simulated: plan.account.simulated,
    model: plan.model,
    limits: { ...plan.limits, from: 'told', spareTokens: 0 },
    startedAt: run.startedAt,
    updatedAt: iso(Date.parse(run.startedAt) + activeMs),
    images: run.pictures,
    listed: true,
    skipped: 0,
    batches,
    batchesDone,
    begun: Math.min(batches, batchesDone + 4),
    promptsPerImage: run.prompts.length,
    prompts: run.prompts.map(({ id, name }) => ({ id, name })),
    tokensPerCall: plan.tokensPerCall,
    counts,
    ended: counts,
    running: [],
    block: null,
    warnings: [],
    recentFailures: [],
    activeMs,
    remainingMs: askedAll ? 0 : (run.pictures - counts.images) * run.msPerPicture,
    minutes: minutes.slice(-30),
    ...run.progress?.(sums),
  };
}
