import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createExport, type ExportInput } from '../../src/client/export/export.ts';
import type { ExportFormat } from '../../src/client/export/formats.ts';
import type { Details } from '../../src/client/pictures/details.ts';
import { openPictures } from '../../src/client/pictures/readers.ts';
import { noCounts } from '../../src/shared/counts.ts';
import type { AskResult, FailureKind, Plan, Progress, PromptResult } from '../../src/shared/types.ts';
import { openFolderStore } from '../../src/worker/adapters/folder-store.ts';
import { planOf, progressOf } from './client-data.ts';

export const answered = (change: Partial<AskResult> = {}): PromptResult => ({
  ok: true,
  result: {
    match: true,
    count: 1,
    description: 'seen',
    sentAt: '2026-11-24T10:00:01.000Z',
    ms: 900,
    route: 'url',
    usage: { inputTokens: 1200, cachedTokens: 0, outputTokens: 40, totalTokens: 1240 },
    charged: 1400,
    requestId: 'req_1',
    model: 'gpt-4o-2024-08-06',
    timings: { signMs: 0, downloadMs: 0, encodeMs: 0, waitMs: 0, modelMs: 900 },
    tries: [],
    ...change,
  },
});

export const failed = (kind: FailureKind, message: string): PromptResult => ({
  ok: false,
  failure: {
    kind,
    message,
    requestId: 'req_2',
    tries: [
      ...[{ at: '2026-11-24T10:00:05.000Z', ms: 5, route: 'base64' as const, status: 400, charged: 9 }].map(
        (one) => ({ ...one, outcome: kind }),
      ),
    ],
  },
});

/** A picture and its answers; one that is `undefined` was not asked. */
export interface KitPicture {
  name: string;
  answers?: Record<string, PromptResult>;
}

/** Writes a run of two questions (`crowd`, `pothole`) and up to 1,000 pictures, in batches of four, as a worker does. */
export function writeRun(
  root: string,
  pictures: readonly KitPicture[],
  change: { plan?: Partial<Plan>; progress?: Partial<Progress> } = {},
): void {
  const plan = planOf({ results: join(root, '20261124_100000'), ...change.plan });
  const folder = join(root, plan.run);
  for (const part of ['images', 'shards']) mkdirSync(join(folder, part), { recursive: true });
  const write = (path: string, body: unknown): void =>
    writeFileSync(join(folder, path), JSON.stringify(body));
  const images = pictures.map(({ name }, n) => ({
    ...{ name, uri: `gs://city/${name}`, identity: `gs://city/${name}#${n}`, bytes: 9 },
  }));
  const outcomes = pictures.flatMap(({ answers }) => Object.values(answers ?? {}));
  const batches = Math.ceil(pictures.length / 4);
  const counts = {
    ...noCounts(),
    images: pictures.length,
    answered: outcomes.filter(({ ok }) => ok).length,
    failed: outcomes.filter(({ ok }) => !ok).length,
  };
  write('run.json', plan);
  write('images/000000.json', { page: 0, images, skipped: [], next: null });
  write('progress.json', {
    ...progressOf({ images: images.length, batches, begun: batches, state: 'incomplete' }),
    ...{ counts, ended: counts },
    ...change.progress,
  });
  for (let batch = 0; batch < batches; batch += 1) {
    const of = pictures.slice(batch * 4, batch * 4 + 4).flatMap(({ answers }, n) => {
      const times = { startedAt: '2026-11-24T10:00:00.000Z', endedAt: '2026-11-24T10:00:09.000Z' };
      return answers === undefined ? [] : [{ page: 0, index: batch * 4 + n, ...times, prompts: answers }];
    });
    const times = { startedAt: '2026-11-24T10:00:00.000Z', endedAt: '2026-11-24T10:00:09.000Z' };
    write(`shards/${String(batch).padStart(6, '0')}.json`, { batch, ...times, images: of });
  }
}

/** The whole export of the run that {@link writeRun} wrote. */
export async function exported(
  root: string,
  format: ExportFormat,
  change: Partial<ExportInput> = {},
  watched: (details: Details) => Details = (details) => details,
): Promise<string> {
  const place = join(root, '20261124_100000');
  const store = openFolderStore(place);
  const plan = JSON.parse((await store.read('run.json')) ?? '') as Plan;
  const progress = JSON.parse((await store.read('progress.json')) ?? '') as Progress;
  const run = { run: plan.run, root, place, plan, progress };
  const { index, details } = await openPictures(openFolderStore, run);
  const input = {
    run,
    index,
    details: watched(details),
    query: {},
    generated: new Date('2026-11-24T12:00:00Z'),
    ...change,
  };
  let text = '';
  for await (const piece of createExport(format, input)) text += piece;
  return text;
}
