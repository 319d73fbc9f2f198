import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { environmentOf } from '../../src/config.ts';
import { batchWorkflowIdOf } from '../../src/shared/names.ts';
import type { ResultsFile } from '../../src/shared/results.ts';
import type { RunInput, RunResult } from '../../src/shared/types.ts';
import { rebuildResults } from '../../src/worker/rebuild.ts';
import { distinctPicture } from '../helpers/cli.ts';
import { decodedHistory } from '../helpers/history.ts';
import { type Outcome, runHere } from '../helpers/program.ts';
import { createHarness, type Harness } from '../helpers/run-harness.ts';
import { until } from '../helpers/until.ts';

const PICTURES = 6;
const QUESTIONS = 6 * PICTURES;
const DAY = 86_400_000;
/** A server deletes what has just ended after a minute or so. */
const DELETED_MS = 200_000;

let harness: Harness;
beforeEach(async () => {
  harness = await createHarness(inject('temporal'), { simulator: { latency: { medianMs: 250 } } });
});
afterEach(() => harness.close());

const cli = (args: string[], now = Date.now): Promise<Outcome> =>
  runHere(harness.folder, args, environmentOf(harness.config), { rebuildResults, now });
const begin = async (input: Partial<RunInput> = {}): Promise<WorkflowHandle<() => Promise<RunResult>>> =>
  harness.start({
    ...{ source: await harness.pictures(PICTURES, distinctPicture), name: 'first', batchSize: 2 },
    ...input,
  });
const calls = (): number => harness.simulator.ledger.length;
const purge = (uri: string): Promise<Outcome> => cli(['purge', '--picture', uri, '--yes']);

/** All that lies in the results place, the kept answers below it included. */
async function onDisk(): Promise<string> {
  const entries = await readdir(harness.config.results, { recursive: true, withFileTypes: true });
  const texts = entries
    .filter((entry) => entry.isFile())
    .map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8'));
  return (await Promise.all(texts)).join('\n');
}

/** What is said of one picture and of no other. */
function saidOf({ images }: ResultsFile, name: string): string[] {
  const said = (of: ResultsFile['images'][number]): string[] =>
    Object.values(of.answers).flatMap((entry) => ('description' in entry ? [entry.description] : []));
  const others = new Set(images.filter((image) => image.name !== name).flatMap(said));
  return images
    .filter((image) => image.name === name)
    .flatMap(said)
    .filter((text) => !others.has(text));
}

const isKnown = (workflowId: string): Promise<boolean> =>
  harness.client.workflow
    .getHandle(workflowId)
    .describe()
    .then(
      () => true,
      () => false,
    );

test(
  'a purged picture is gone from the disk and from its batch’s history, and nothing brings it back',
  async () => {
    const run = await begin({ concurrency: 8 });
    await until(async () => calls() > 0);
    const live = await purge(join(harness.folder, 'pictures', 'camera-002.jpg'));
    expect(live.err).toMatch(/^Nothing was purged\.\nRun first holds the picture and is under way/);
    expect(live.err).toContain('image-analysis cancel first');
    expect(live.status).toBe(2);
    await run.result();

    const before = await harness.results('first');
    // One of which something is said that is said of no other.
    const at = before.images.findIndex(({ name }) => saidOf(before, name).length > 0);
    const { uri = '', name = '', identity = '' } = before.images[at] ?? {};
    const said = saidOf(before, name);
    const batches = [0, 1, 2].map((batch) => batchWorkflowIdOf(run.workflowId, batch));
    const holding = Math.floor(at / 2);
    const events = await decodedHistory(harness.client, batches[holding] ?? '');
    const history = events.map(({ all }) => all).join('\n');
    for (const text of [name, ...said]) expect(history).toContain(text);
    expect(await onDisk()).toContain(name);

    const purged = await purge(uri);
    expect(purged.out).toContain('6 kept answers removed, 1 execution deleted in Temporal');
    expect(purged.status).toBe(0);
    const expectGone = async (): Promise<void> => {
      const disk = await onDisk();
      for (const secret of [name, identity, ...said]) expect(disk).not.toContain(secret);
      expect(disk).toContain(before.images[at ^ 1]?.name);
    };
    await expectGone();
    expect(await Promise.all(batches.map(isKnown))).toEqual([0, 1, 2].map((batch) => batch !== holding));
    expect(await isKnown(run.workflowId)).toBe(true);

    // The same again finds what it left, and has nothing to do.
    const again = await purge(uri);
    expect(again.out).toContain('they were purged before');
    expect(again.out).toContain('0 kept answers removed, 0 executions deleted in Temporal');
    expect(again.status).toBe(0);

    expect((await cli(['results', 'rebuild', 'first'])).status).toBe(0);
    await expectGone();
    const resumed = await cli(['resume', 'first', '--refused']);
    expect(resumed.out).toContain('every question is answered. Nothing was asked.');
    expect(calls()).toBe(QUESTIONS);
    const after = await harness.results('first');
    expect(after.state).toBe('complete');
    expect(after.totals).toMatchObject({ answered: QUESTIONS - 6, failed: 0, failures: { Purged: 6 } });
    const others = ({ images }: ResultsFile) => images.filter((_, n) => n !== at);
    expect(others(after)).toEqual(others(before));
  },
  DELETED_MS,
);

test(
  'a run that was cut short goes on without the pictures that were purged from it meanwhile',
  async () => {
    const run = await begin({ concurrency: 1 });
    await until(async () => ((await harness.progress(run).catch(() => null))?.batchesDone ?? 0) > 0);
    expect((await cli(['cancel', 'first'])).status).toBe(0);
    // Of the first batch, which the worker has in its memory, and of the last one, which has asked nothing.
    for (const n of [1, 5]) {
      const { status, out } = await purge(join(harness.folder, 'pictures', `camera-00${n}.jpg`));
      expect(out).not.toContain('NOT finished');
      expect(status).toBe(0);
    }
    const asked = calls();
    const resumed = await cli(['resume', 'first']);
    expect(resumed.out).toContain('Run first is complete.');
    expect(calls() - asked).toBeLessThanOrEqual(QUESTIONS - 12);
    const { images, totals } = await harness.results('first');
    expect(images.map(({ name }) => name)).toEqual([
      ...['camera-000.jpg', 'purged picture 0-1', 'camera-002.jpg', 'camera-003.jpg', 'camera-004.jpg'],
      'purged picture 0-5',
    ]);
    expect(totals).toMatchObject({ answered: QUESTIONS - 12, failures: { Purged: 12 } });
    const disk = await onDisk();
    for (const n of [1, 5]) expect(disk).not.toContain(`camera-00${n}.jpg`);
  },
  DELETED_MS,
);

test(
  'the run’s own history is named where it holds the picture’s name, and by what command it goes',
  async () => {
    harness.simulator.setFaults([{ kind: 'refusal', share: 1 }]);
    // One picture a batch: the few failures that a batch reports are its own.
    const run = await begin({ batchSize: 1 });
    await run.result();
    const { out } = await purge(join(harness.folder, 'pictures', 'camera-000.jpg'));
    expect(out).toContain(`temporal workflow delete --workflow-id ${run.workflowId}`);
    expect(await onDisk()).not.toContain('camera-000.jpg');
  },
  DELETED_MS,
);

test(
  'by age: what has ended goes, a run that is under way stays with its ended batches',
  async () => {
    const ended = await begin();
    await ended.result();
    harness.simulator.setFaults([]);
    const live = await begin({ name: 'second', fresh: true, concurrency: 1, batchSize: 1 });
    await until(async () => ((await harness.progress(live).catch(() => null))?.batchesDone ?? 0) > 0);
    await live.executeUpdate('pause');
    const batch = batchWorkflowIdOf(live.workflowId, 0);
    // Lists of the server are a moment old.
    await until(async () => {
      const query = `WorkflowId = '${batch}' AND ExecutionStatus != 'Running'`;
      return (await harness.client.workflow.count(query)).count > 0;
    });
    const later = (): number => Date.now() + 31 * DAY;
    const told = await cli(['purge', '--older-than', '30d'], later);
    expect(told.out).toMatch(/^- run first, with all of/m);
    expect(told.out).toContain('Run second is under way: end it with `image-analysis cancel second` first.');
    expect(told.status).toBe(2);
    expect(await isKnown(ended.workflowId)).toBe(true);

    const done = await cli(['purge', '--older-than', '30d', '--yes'], later);
    expect(done.out).toMatch(/^Purged 1 run, \d+ kept answers and 4 ended executions/m);
    expect(done.status).toBe(0);
    expect((await readdir(harness.config.results)).filter((name) => !name.startsWith('.'))).toEqual([
      'second',
    ]);
    expect([await isKnown(ended.workflowId), await isKnown(batchWorkflowIdOf(ended.workflowId, 2))]).toEqual([
      ...[false, false],
    ]);
    expect([await isKnown(live.workflowId), await isKnown(batch)]).toEqual([true, true]);
    await live.executeUpdate('resume');
    expect((await live.result()).state).toBe('complete');
  },
  DELETED_MS,
);
