import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { AskInput } from '../../src/activities/ask-model.ts';
import type { StoredAnswer } from '../../src/activities/ports.ts';
import type { ResultsFile } from '../../src/shared/results.ts';
import { files } from '../../src/shared/names.ts';
import type { AskResult, ImagePage, ModelAnswer } from '../../src/shared/types.ts';
import type { LedgerEntry } from '../../src/simulator/ledger.ts';
import { within } from './within.ts';
import type { Asked, Evidence, FailedInHistory, Outcome, Question, Recorded } from './check.ts';

/** Pictures by their names below the source, and the SHA-256 of their bytes. */
export type Pictures = ReadonlyMap<string, string>;

/** A batch of an execution before a reset, whose run has ended meanwhile, ends soon after it. */
const LAST_TO_END_MS = 30_000;

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The simulator's calls that were about one of its six questions and a picture that it had seen. */
export function askedIn(ledger: readonly LedgerEntry[]): Asked[] {
  return ledger.flatMap(({ at, ms, sha256, question, requestId, fault, usage, answer }) => {
    if (sha256 === null || question === null) return [];
    const good = fault === null && usage !== null && answer !== null;
    return [
      {
        picture: sha256,
        prompt: question,
        at,
        answeredAt: at + (ms ?? 0),
        requestId,
        answer: good ? (JSON.parse(answer) as ModelAnswer) : null,
      },
    ];
  });
}

/** The run's outcomes as `results.json` has them. */
export function outcomesIn(results: ResultsFile, pictures: Pictures): Outcome[] {
  return results.images.flatMap(({ name, answers }) =>
    Object.entries(answers).map(([prompt, entry]): Outcome => {
      const question = { picture: pictures.get(name) ?? `no picture ${name}`, prompt };
      if ('error' in entry) return { ...question, error: entry.error.kind };
      const { match, count, description, requestId = 'none' } = entry;
      return { ...question, answer: { match, count, description, requestId } };
    }),
  );
}

/** Questions without an answer that are still to be asked: lost with a worker time after time, or with a cancel. */
export const unfinishedIn = (results: ResultsFile): number =>
  results.images
    .flatMap(({ answers }) => Object.values(answers))
    .filter((entry) => 'error' in entry && UNFINISHED.has(entry.error.kind)).length;

const UNFINISHED: ReadonlySet<string> = new Set(['Lost', 'Blocked']);

export const readResults = (place: string): ResultsFile =>
  JSON.parse(readFileSync(join(place, files.results), 'utf8')) as ResultsFile;

/**
 * What the histories of all runs and batches say, those that a reset or a new start left behind included. `which`: of
 * those only that a list filter finds.
 */
export async function historiesOf(
  client: Client,
  place: string,
  pictures: Pictures,
  which?: string,
): Promise<Pick<Evidence, 'recorded' | 'failed' | 'leftOpen'>> {
  const recorded: Recorded[] = [];
  const failed: FailedInHistory[] = [];
  const leftOpen: string[] = [];
  const pages = new Map<number, ImagePage>();
  const question = ({ page, image, prompt }: AskInput): Question => {
    const listed = pages.get(page) ?? readPage(place, page);
    pages.set(page, listed);
    return { picture: pictures.get(listed.images[image]?.name ?? '') ?? `no picture ${image}`, prompt };
  };
  const ofRuns = "WorkflowType IN ('analyzeImages', 'analyzeBatch')";
  const query = which === undefined ? ofRuns : `${ofRuns} AND ${which}`;
  for await (const { workflowId, runId, status } of client.workflow.list({ query })) {
    const handle = client.workflow.getHandle(workflowId, runId);
    if (status.name === 'RUNNING' && !(await hasEnded(handle))) leftOpen.push(workflowId);
    const { events } = await handle.fetchHistory();
    const asked = new Map<string, AskInput>();
    for (const event of events ?? []) {
      const scheduled = event.activityTaskScheduledEventAttributes;
      if (scheduled?.activityType?.name === 'askModel')
        asked.set(String(event.eventId), decoded<AskInput>(scheduled.input));
      const completed = event.activityTaskCompletedEventAttributes;
      const answered = asked.get(String(completed?.scheduledEventId));
      if (completed != null && answered !== undefined) {
        const { match, count, description, requestId = 'none' } = decoded<AskResult>(completed.result);
        const at = Number(event.eventTime?.seconds) * 1000 + Number(event.eventTime?.nanos) / 1e6;
        recorded.push({ ...question(answered), at, match, count, description, requestId, where: 'history' });
      }
      const failure = event.activityTaskFailedEventAttributes;
      const unanswered = asked.get(String(failure?.scheduledEventId));
      if (failure != null && unanswered !== undefined) {
        const kind = failure.failure?.applicationFailureInfo?.type ?? failure.failure?.message ?? '';
        failed.push({ ...question(unanswered), kind });
      }
    }
  }
  return { recorded, failed, leftOpen };
}

/** The list of workflows is a moment behind the workflows. */
const hasEnded = (handle: WorkflowHandle): Promise<boolean> =>
  within(LAST_TO_END_MS, async () => (await handle.describe()).status.name !== 'RUNNING');

const readPage = (place: string, page: number): ImagePage =>
  JSON.parse(readFileSync(join(place, files.page(page)), 'utf8')) as ImagePage;

/** The first payload of a list, as JSON. */
function decoded<T>(payloads: { payloads?: { data?: Uint8Array | null }[] | null } | null | undefined): T {
  return JSON.parse(Buffer.from(payloads?.payloads?.[0]?.data ?? []).toString('utf8')) as T;
}

/** One line of a store's file, as `cacache` appends it; what was torn is none. */
const LINE = /^[0-9a-f]{40}\t(\{.*\})$/gm;

/** What was ever written into a folder of answers: a file keeps each line that was appended to it, with its time. */
export function storedIn(folder: string, asked: readonly Asked[]): Recorded[] {
  if (!existsSync(folder)) return [];
  const questionOf = new Map(asked.map(({ requestId, picture, prompt }) => [requestId, { picture, prompt }]));
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => {
      const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
      return [...text.matchAll(LINE)].map(([, line = '']): Recorded => {
        const { time, metadata } = JSON.parse(line) as { time: number; metadata: StoredAnswer };
        const { match, count, description, requestId = 'none' } = metadata.answer;
        const question = questionOf.get(requestId) ?? { picture: 'never asked', prompt: requestId };
        return { ...question, at: time, match, count, description, requestId, where: 'store' };
      });
    });
}
