import { answerKey } from '../../src/activities/answer-key.ts';
import type { StoredAnswer } from '../../src/activities/ports.ts';
import { createRunFiles, planHash } from '../../src/activities/run-files.ts';
import { createSaveResults } from '../../src/activities/save-results.ts';
import { createSaveSegment } from '../../src/activities/save-segment.ts';
import { createShardReader } from '../../src/activities/shards.ts';
import { files } from '../../src/shared/names.ts';
import type { OpenStore } from '../../src/shared/result-store.ts';
import type { ImagePage, Plan, Progress, PromptResult, Shard } from '../../src/shared/types.ts';
import { answered, aTry } from '../helpers/outcomes.ts';
import { planOf, progressOf } from './client-data.ts';

/** Two pages of three and of two pictures, in batches of two: batches 0 to 2, of which the last one has asked nothing. */
const SIZES = [3, 2];
const BATCH_SIZE = 2;
const PROMPTS = [
  { id: 'crowd', name: 'Crowd Detection', text: 'How many people?' },
  { id: 'pothole', name: 'Pothole Detection', text: 'How many holes?' },
];

/** Directory and name tell a person, as a careless camera's do. */
export const nameOf = (n: number): string => `kerb/jane-doe-${n}.jpg`;
export const uriOf = (n: number): string => `/pictures/${nameOf(n)}`;
export const saidOf = (n: number): string => `A woman with red umbrella number ${n}.`;

const refused = (n: number): PromptResult => ({
  ok: false,
  failure: {
    kind: 'Refused',
    message: `Nothing was said about ${nameOf(n)}.`,
    tries: [aTry({ outcome: 'Refused' })],
  },
});

const outcomeOf = (n: number, prompt: string): PromptResult =>
  n === 1 && prompt === 'pothole'
    ? refused(n)
    : answered({ description: saidOf(n), requestId: `req_${n}`, tries: [aTry({ requestId: `req_${n}` })] });

const pages: ImagePage[] = SIZES.map((size, page) => ({
  page,
  images: Array.from({ length: size }, (_, index) => {
    const n = page * 3 + index;
    return { name: nameOf(n), uri: uriOf(n), identity: `sha256:content-${n}`, bytes: 10 };
  }),
  skipped: [],
  next: page === 0 ? nameOf(2) : null,
}));

const at = (second: number): string => `2026-11-24T10:00:${String(second).padStart(2, '0')}.000Z`;

/** A run as its worker leaves it when it is cancelled in its last batch. Returns its plan. */
export async function makeRun(
  openStore: OpenStore,
  results: string,
  change: Partial<Plan> = {},
  record: Partial<Progress> = {},
): Promise<Plan> {
  const run = results.split('/').at(-1) ?? '';
  const workflowId = `image-analysis-${run}`;
  const plan = planOf({ run, workflowId, results, batchSize: BATCH_SIZE, prompts: PROMPTS, ...change });
  const store = openStore(results);
  const runJson = `${JSON.stringify(plan, null, 2)}\n`;
  await store.create(files.run, runJson);
  for (const page of pages) await store.create(files.page(page.page), `${JSON.stringify(page)}\n`);
  for (const [batch, page, indexes] of [
    [0, 0, [0, 1]],
    [1, 0, [2]],
  ] as const) {
    const shard: Shard = {
      ...{ batch, startedAt: at(batch * 10), endedAt: at(batch * 10 + 9) },
      images: indexes.map((index) => ({
        ...{ page, index, startedAt: at(index), endedAt: at(index + 9) },
        prompts: { crowd: outcomeOf(index, 'crowd'), pothole: outcomeOf(index, 'pothole') },
      })),
    };
    await store.create(files.shard(batch), `${JSON.stringify(shard)}\n`);
  }
  const runFiles = createRunFiles(openStore);
  const shards = createShardReader(runFiles);
  const place = { results, plan: planHash(runJson) };
  await createSaveSegment({ files: runFiles, shards })({ ...place, page: 0, firstBatch: 0, batches: 2 });
  const progress = progressOf({
    ...{ run, workflowId, state: 'cancelled', images: 5, batches: 3, batchesDone: 2, begun: 3 },
    recentFailures: [
      { at: at(5), image: nameOf(1), prompt: 'pothole', kind: 'Refused', message: 'declined' },
      { at: at(6), image: nameOf(0), prompt: 'pothole', kind: 'Refused', message: 'declined' },
    ],
    ...record,
  });
  const save = createSaveResults({
    ...{ files: runFiles, shards, answersOf: () => Promise.resolve([]) },
    ...(progress.server === undefined ? {} : { server: progress.server }),
  });
  await save({ ...place, progress, pages: SIZES, full: true, final: true });
  return plan;
}

/** The answers that the run has paid for, as its worker keeps them. */
export function keptAnswers(plan: Plan): { key: string; entry: StoredAnswer; picture: string }[] {
  return [0, 1, 2].flatMap((n) =>
    plan.prompts.flatMap((prompt) => {
      const image = pages[0]?.images[n];
      const outcome = outcomeOf(n, prompt.id);
      if (image === undefined || !outcome.ok) return [];
      const entry = { answer: outcome.result, run: plan.results, image: `0/${n}` };
      return [{ key: answerKey(plan, image, prompt), entry, picture: image.uri }];
    }),
  );
}
