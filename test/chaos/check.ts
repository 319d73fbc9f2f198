import type { FailureKind, ModelAnswer } from '../../src/shared/types.ts';

/** One prompt of one picture, by the prompt's id and the SHA-256 of the picture's bytes. */
export interface Question {
  picture: string;
  prompt: string;
}

/** An answer by which it can be told from every other one: the provider's number of the request, and what it said. */
export interface Said extends ModelAnswer {
  requestId: string;
}

/** One call as the simulator saw it. Times are milliseconds since 1970. */
export interface Asked extends Question {
  at: number;
  /** When its answer was ready. */
  answeredAt: number;
  requestId: string;
  /** `null`: it got an error, nothing, or what is no answer to the question. */
  answer: ModelAnswer | null;
}

/** An answer in a history or in the answer store. */
export interface Recorded extends Said, Question {
  at: number;
  where: 'history' | 'store';
}

/** A failure of a question in a history. */
export interface FailedInHistory extends Question {
  kind: string;
}

/** What `results.json` says of one question. */
export type Outcome = Question & ({ answer: Said } | { error: FailureKind });

/** Something was killed or taken away, and was back at `until`. */
export interface Outage {
  what: string;
  from: number;
  until: number;
}

/** What a campaign leaves behind, from three sources that know nothing of each other. */
export interface Evidence {
  /** All that the run had to ask. */
  questions: readonly Question[];
  asked: readonly Asked[];
  recorded: readonly Recorded[];
  failed: readonly FailedInHistory[];
  outcomes: readonly Outcome[];
  outages: readonly Outage[];
  /** IDs of workflows that have not ended. */
  leftOpen: readonly string[];
}

export interface Verdict {
  /** In words, one line each; empty when the promise was kept. */
  violations: string[];
  /** Calls for a question that had a recorded answer. */
  recordedAskedAgain: number;
  /** Answers that were given, destroyed before they were recorded, and asked for again. */
  othersAskedAgain: number;
  /** Answers that were on their way at some outage: the most that may be asked for again. */
  openAtOutages: number;
  /** Answers that were found in a history, and in the store. */
  inHistories: number;
  inStore: number;
  answers: number;
  errors: Record<string, number>;
}

/** Kinds of failure that say why a question has no answer. The others say that nobody knows, or that it is not over. */
const CLASSIFIED: ReadonlySet<FailureKind> = new Set<FailureKind>([
  ...(['RateLimited', 'SlowDown', 'ProviderError', 'Timeout', 'UrlUnreachable', 'OutputTruncated'] as const),
  ...(['InvalidAnswer', 'PictureNotSeen', 'PictureUnreadable', 'RequestTooLarge', 'InvalidImage'] as const),
  ...(['NoVision', 'Refused', 'ContextTooLong', 'PictureGone', 'PictureChanged'] as const),
]);

/**
 * An answer needs so long from the provider into store or history, and on a machine that has much else to do as long as
 * the slowest of this campaign took with no outage in between; a kill in that time may destroy it.
 */
export const RECORDING_MS = 2_000;

/** Clocks of two processes, and the moment between an entry's time and its being there for others. */
const BLUR_MS = 250;

/** Judges what a campaign left behind. Pure; the times in it are compared, never read off a clock. */
export function check(evidence: Evidence): Verdict {
  const { questions, outages } = evidence;
  const violations: string[] = evidence.leftOpen.map((id) => `left open: workflow ${id}`);
  const asked = groupBy(evidence.asked, keyOf);
  const recorded = groupBy(evidence.recorded, keyOf);
  const outcomes = groupBy(evidence.outcomes, keyOf);
  const failed = groupBy(evidence.failed, ({ picture }) => picture);
  const wanted = new Set(questions.map(keyOf));
  const verdict: Verdict = {
    violations,
    recordedAskedAgain: 0,
    othersAskedAgain: 0,
    openAtOutages: 0,
    inHistories: answersIn(evidence, 'history'),
    inStore: answersIn(evidence, 'store'),
    answers: 0,
    errors: {},
  };

  for (const key of new Set([...asked.keys(), ...recorded.keys(), ...outcomes.keys()])) {
    if (!wanted.has(key)) violations.push(`not asked for: ${key}`);
  }
  const recordingMs = Math.max(RECORDING_MS, ...undisturbed(evidence));
  for (const question of questions) {
    const key = keyOf(question);
    const calls = (asked.get(key) ?? []).toSorted((a, b) => a.at - b.at);
    const records = recorded.get(key) ?? [];
    violations.push(...disagreements(key, calls, records, outcomes.get(key) ?? []));
    violations.push(...unexplained(key, outcomes.get(key) ?? [], failed.get(question.picture) ?? []));
    const [outcome] = outcomes.get(key) ?? [];
    if (outcome !== undefined && 'answer' in outcome) verdict.answers += 1;
    if (outcome !== undefined && 'error' in outcome) {
      verdict.errors[outcome.error] = (verdict.errors[outcome.error] ?? 0) + 1;
    }

    const hadAnswer = (call: Asked): Recorded | undefined =>
      records.find(({ at, requestId }) => requestId !== call.requestId && at + BLUR_MS < call.at);
    for (const call of calls) {
      const before = hadAnswer(call);
      if (before === undefined) continue;
      verdict.recordedAskedAgain += 1;
      violations.push(
        `recorded answer asked again: ${key}: ${before.requestId} was in the ${before.where} ` +
          `${call.at - before.at} ms before ${call.requestId} was asked`,
      );
    }
    const answers = calls.filter(({ answer }) => answer !== null);
    for (const [i, call] of answers.entries()) {
      const recordedAt = earliest(records.filter(({ requestId }) => requestId === call.requestId));
      const over = recordedAt ?? call.answeredAt + recordingMs;
      const open = outages.some(({ from, until }) => call.at <= until && from <= over);
      if (open) verdict.openAtOutages += 1;
      const next = answers[i + 1];
      const again = next !== undefined && hadAnswer(next) === undefined;
      if (again) verdict.othersAskedAgain += 1;
      if (!open && (again || recordedAt === null))
        violations.push(`lost without cause: ${key}: ${call.requestId} was open at no outage`);
    }
  }
  return verdict;
}

/** How long each answer took to be recorded that met no outage on its way, in milliseconds. */
function undisturbed({ asked, recorded, outages }: Evidence): number[] {
  const records = groupBy(recorded, ({ requestId }) => requestId);
  return asked.flatMap(({ answer, answeredAt, requestId }) => {
    const at = earliest(records.get(requestId) ?? []);
    if (answer === null || at === null) return [];
    return outages.some(({ from, until }) => answeredAt <= until && from <= at) ? [] : [at - answeredAt];
  });
}

/** Whether results, ledger and records say the same of a question. */
function disagreements(
  key: string,
  calls: readonly Asked[],
  records: readonly Recorded[],
  outcomes: readonly Outcome[],
): string[] {
  const found: string[] = [];
  const given = new Map(calls.map((call) => [call.requestId, call.answer]));
  for (const record of records) {
    if (!same(given.get(record.requestId), record))
      found.push(`ledger and ${record.where} disagree: ${key}: ${record.requestId}`);
  }
  const [outcome, ...more] = outcomes;
  if (outcome === undefined) return [...found, `no outcome: ${key}`];
  if (more.length > 0) found.push(`${outcomes.length} outcomes: ${key}`);
  if ('error' in outcome) {
    const [record] = records;
    if (record !== undefined)
      found.push(
        `lost: ${key}: ${record.requestId} is in the ${record.where}, the results say ${outcome.error}`,
      );
    return found;
  }
  const { answer } = outcome;
  if (!same(given.get(answer.requestId), answer))
    found.push(`ledger and results disagree: ${key}: ${answer.requestId}`);
  if (!records.some(({ requestId }) => requestId === answer.requestId))
    found.push(`in the results, but in neither history nor store: ${key}: ${answer.requestId}`);
  return found;
}

/** Errors that are not classified, or of which the history of the picture's questions knows nothing. */
function unexplained(
  key: string,
  outcomes: readonly Outcome[],
  failed: readonly FailedInHistory[],
): string[] {
  return outcomes.flatMap((outcome) => {
    if (!('error' in outcome)) return [];
    const { error } = outcome;
    if (!CLASSIFIED.has(error)) return [`not classified: ${key}: ${error}`];
    return failed.some(({ kind }) => kind === error)
      ? []
      : [`history knows no such failure: ${key}: ${error}`];
  });
}

const same = (a: ModelAnswer | null | undefined, b: ModelAnswer): boolean =>
  a != null && a.match === b.match && a.count === b.count && a.description === b.description;

const keyOf = ({ picture, prompt }: Question): string => `${picture.slice(0, 12)} ${prompt}`;

const answersIn = ({ recorded }: Evidence, place: Recorded['where']): number =>
  new Set(recorded.filter(({ where }) => where === place).map(({ requestId }) => requestId)).size;

const earliest = (records: readonly Recorded[]): number | null =>
  records.length === 0 ? null : Math.min(...records.map(({ at }) => at));

function groupBy<T>(items: readonly T[], keyFor: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyFor(item));
    if (group === undefined) groups.set(keyFor(item), [item]);
    else group.push(item);
  }
  return groups;
}
