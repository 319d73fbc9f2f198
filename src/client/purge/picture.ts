import { isAbsolute, normalize } from 'node:path';
import type { AnswerCache } from '../../shared/answer-cache.ts';
import { batchWorkflowIdOf } from '../../shared/names.ts';
import type { FoundPicture } from '../../shared/purge.ts';
import type { Server } from '../connection.ts';
import { type Deps, UsageError } from '../deps.ts';
import { messageOf } from '../errors.ts';
import { runsOf } from '../find-run.ts';
import { configOf } from '../look-at-run.ts';
import { lineOf } from '../next-steps.ts';
import { recordedAnswers } from '../recorded-answers.ts';
import type { RecordedRun } from '../runs.ts';
import { deleteExecutions, executionsOf, historiesName } from './executions.ts';
import { type Servers, standingOfRun } from './servers.ts';

/** A run that holds the picture, and the server that keeps its histories. */
interface PictureRun {
  recorded: RecordedRun;
  found: FoundPicture[];
  server: Server | null;
  /** Why its histories are out of reach; `null` where they are not. */
  why: string | null;
}

/** What a purge of a picture is about to remove. */
export interface PicturePlan {
  uri: string;
  runs: PictureRun[];
  answers: { cache: AnswerCache; keys: string[] }[];
}

export interface PictureOutcome {
  /** Files that were written, with their place. */
  files: string[];
  answers: number;
  executions: number;
  thumbnails: number;
  /** What could not be done, and how it is done later. */
  unfinished: string[];
  /** Where the picture or its name still is, in a run's own files or histories. */
  remains: string[];
}

/** The address of a picture as results spell it. Throws a {@link UsageError} for what can be none. */
export function pictureUri(text: string): string {
  if (/^gs:\/\/[^/]+\/.*[^/]$/s.test(text)) return text;
  if (isAbsolute(text) && !/[\\/]$/.test(text)) return normalize(text);
  throw new UsageError(
    `--picture is ${JSON.stringify(text)}: give the picture's address as "uri" in results.json has it, ` +
      'gs://bucket/object or the absolute path of a file.',
  );
}

/**
 * Looks for the picture in every run of the results place and in the answer stores. Changes nothing.
 *
 * Throws a {@link UsageError} where nothing is known of the picture, and where a run that holds it is under way, or
 * nobody can say that it is not: it would write what is removed here once more.
 */
export async function planPicture(
  deps: Deps,
  servers: Servers,
  uri: string,
  results: string | undefined,
): Promise<PicturePlan> {
  const { runs, root } = runsOf(deps, results);
  const holding: { recorded: RecordedRun; found: FoundPicture[] }[] = [];
  for (const name of await runs.names()) {
    const recorded = await runs.read(name);
    if (recorded === null) continue;
    const purge = await deps.openPurge(configOf(deps, recorded));
    const found = await purge.find(recorded.place, uri);
    if (found.length > 0) holding.push({ recorded, found });
  }
  const answers = await answersAbout(deps, uri, holding);
  if (holding.length === 0 && answers.every(({ keys }) => keys.length === 0)) {
    throw new UsageError(
      `--picture is ${JSON.stringify(uri)}: no run below ${root} has a picture with that address, and no answer in ` +
        `${answers.map(({ cache }) => cache.place).join(' and ')} is known to be about it. Give the address as "uri" ` +
        'in results.json has it, or name the place of the runs with --results.',
    );
  }
  const planned: PictureRun[] = [];
  const refusals: string[] = [];
  for (const { recorded, found } of holding) {
    const standing = await standingOfRun(deps, servers, recorded);
    if (standing.is === 'live' || standing.is === 'unknown')
      refusals.push(refusal(deps, recorded, standing.is === 'live' ? null : standing.why));
    else if (standing.server !== null) planned.push({ recorded, found, server: standing.server, why: null });
    else planned.push({ recorded, found, server: null, why: standing.why });
  }
  if (refusals.length > 0) throw new UsageError(['Nothing was purged.', ...refusals].join('\n'));
  return { uri, runs: planned, answers };
}

function refusal(deps: Deps, recorded: RecordedRun, why: string | null): string {
  const { run, place } = recorded;
  const line = lineOf(deps, run, place);
  if (why === null)
    return (
      `Run ${run} holds the picture and is under way: it would write again what is removed. Let it end, or end it ` +
      `with \`${line('cancel')}\`, and purge then; it can go on afterwards, without the picture.`
    );
  return (
    `Run ${run} holds the picture, its record does not say that it has ended, and nobody can tell: ${why}. ` +
    `Name its server with --address, or end it with \`${line('cancel')}\`, and purge then.`
  );
}

/** The stores in which answers about the picture may be, and their keys: as recorded there, and as the runs asked. */
async function answersAbout(
  deps: Deps,
  uri: string,
  holding: readonly { recorded: RecordedRun; found: FoundPicture[] }[],
): Promise<PicturePlan['answers']> {
  const keys = new Map<string, Set<string>>([[deps.config.answers, new Set()]]);
  for (const { recorded, found } of holding) {
    const { answers } = configOf(deps, recorded);
    const there = keys.get(answers) ?? new Set();
    keys.set(answers, there);
    for (const place of found) for (const key of place.keys) there.add(key);
  }
  const stores: PicturePlan['answers'] = [];
  for (const [place, ofRuns] of keys) {
    const cache = await deps.openAnswerCache(place);
    stores.push({ cache, keys: [...new Set([...(await cache.keysOf(uri)), ...ofRuns])] });
  }
  return stores;
}

/**
 * Removes it: first the kept answers, whose keys the runs' files tell, then, a run at a time, what its files and the
 * histories of its batches hold. Each step can be repeated, and what is known of the picture goes last, so that the same
 * command finishes what was cut off. Throws a {@link UsageError} where a run has gone on meanwhile.
 */
export async function purgePicture(
  deps: Deps,
  servers: Servers,
  plan: PicturePlan,
  say: (line: string) => void,
): Promise<PictureOutcome> {
  const outcome: PictureOutcome = {
    files: [],
    answers: 0,
    executions: 0,
    thumbnails: 0,
    unfinished: [],
    remains: [],
  };
  for (const { cache, keys } of plan.answers) outcome.answers += await cache.forget(plan.uri, keys);
  const purge = await deps.openPurge(deps.config);
  outcome.thumbnails = await purge.clearThumbnails();
  for (const run of plan.runs) await purgeFromRun(deps, servers, plan.uri, run, { outcome, say });
  return outcome;
}

async function purgeFromRun(
  deps: Deps,
  servers: Servers,
  uri: string,
  { recorded, found, server, why }: PictureRun,
  { outcome, say }: { outcome: PictureOutcome; say: (line: string) => void },
): Promise<void> {
  const { run, place, plan } = recorded;
  const standing = await standingOfRun(deps, servers, recorded);
  if (standing.is !== 'ended') throw new UsageError(refusal(deps, recorded, null));
  const purge = await deps.openPurge(configOf(deps, recorded));
  const erased = await purge.erase(place, uri, found, {
    answersOf: async (workflowId) => (server === null ? [] : recordedAnswers(server.client, workflowId)),
    server: recorded.progress?.server,
  });
  outcome.files.push(...erased.wrote.map((path) => `${place}/${path}`));
  outcome.remains.push(
    ...erased.named.map(
      (path) => `${place}/${path} still names it, as a pattern or as where a listing ended`,
    ),
  );
  if (server === null) {
    outcome.unfinished.push(
      `The histories of run ${run} may still hold the picture's name and descriptions: ${why ?? ''}. ` +
        'Run the same command again where its server can be reached (--address).',
    );
    return;
  }
  try {
    for (const batch of new Set(found.map((one) => one.batch))) {
      const executions = await executionsOf(server.client, batchWorkflowIdOf(plan.workflowId, batch));
      await deleteExecutions(server, executions, say);
      outcome.executions += executions.length;
    }
    const names = [uri, ...found.map(({ name }) => name ?? nameBelow(plan.source, uri))];
    if (await historiesName(server.client, plan.workflowId, names)) {
      outcome.remains.push(
        `The run's own history names it, as a picture that failed or where a listing ended: ` +
          `temporal workflow delete --workflow-id ${plan.workflowId} deletes it and leaves the results`,
      );
    }
  } catch (error) {
    outcome.unfinished.push(
      `The histories of run ${run} may still hold the picture's name and descriptions: ${messageOf(error)}. ` +
        'Run the same command again.',
    );
  }
}

/** A picture's name below its source, as a run had it. */
const nameBelow = (source: string, uri: string): string =>
  uri.startsWith(source) ? uri.slice(source.length).replace(/^[\\/]+/, '') : uri;
