import { redact } from '../../shared/redact.ts';
import type { FailureKind, PromptResult } from '../../shared/types.ts';
import type { PictureRecord } from '../pictures/types.ts';
import type { RecordedRun } from '../runs.ts';

/**
 * One question about one picture, as JSON, NDJSON and CSV give it. The names stand in `docs/exports.md` and stay: a new
 * column is added at the end. `null`: there is none.
 */
export interface ExportRow {
  run: string;
  picture: string;
  camera: string | null;
  day: string | null;
  time: string | null;
  uri: string;
  question_id: string;
  question: string;
  match: boolean | null;
  count: number | null;
  description: string | null;
  error: FailureKind | 'unasked' | null;
  route: string | null;
  model: string | null;
  input_tokens: number | null;
  output_tokens: number | null;
  ms: number | null;
  sent_at: string | null;
  request_id: string | null;
  recalled_from: string | null;
  error_message: string | null;
  simulated: boolean;
}

/** In the order in which CSV has them. */
export const COLUMNS = Object.keys({
  run: true,
  picture: true,
  camera: true,
  day: true,
  time: true,
  uri: true,
  question_id: true,
  question: true,
  match: true,
  count: true,
  description: true,
  error: true,
  route: true,
  model: true,
  input_tokens: true,
  output_tokens: true,
  ms: true,
  sent_at: true,
  request_id: true,
  recalled_from: true,
  error_message: true,
  simulated: true,
} satisfies Record<keyof ExportRow, true>) as (keyof ExportRow)[];

/** Longest description or message: more than any answer's cap on tokens allows. */
const LONGEST_TEXT = 8_000;

/**
 * Pure: a picture's rows, one a question, or that of the `prompt` alone. Texts of a model or a server are on one line,
 * without control characters, and once more without what looks like a key or a signed URL.
 */
export function rowsOf(
  { run, plan }: Pick<RecordedRun, 'run' | 'plan'>,
  picture: PictureRecord,
  prompt?: string,
): ExportRow[] {
  const asked = picture.answers.filter((answer) => prompt === undefined || answer.prompt.id === prompt);
  return asked.map(({ prompt: { id, name }, outcome }) => ({
    run,
    picture: picture.name,
    camera: picture.camera,
    day: picture.time?.slice(0, 10) ?? null,
    time: picture.time?.slice(11) ?? null,
    uri: picture.uri,
    question_id: id,
    question: name,
    ...outcomeOf(outcome),
    simulated: plan.account.simulated,
  }));
}

type OutcomeColumns = Omit<
  ExportRow,
  'run' | 'picture' | 'camera' | 'day' | 'time' | 'uri' | 'question_id' | 'question' | 'simulated'
>;

const NO_OUTCOME: OutcomeColumns = {
  match: null,
  count: null,
  description: null,
  error: 'unasked',
  route: null,
  model: null,
  input_tokens: null,
  output_tokens: null,
  ms: null,
  sent_at: null,
  request_id: null,
  recalled_from: null,
  error_message: null,
};

function outcomeOf(outcome: PromptResult | null): OutcomeColumns {
  if (outcome === null) return NO_OUTCOME;
  if (!outcome.ok) {
    const { kind, message, requestId, tries } = outcome.failure;
    const last = tries.at(-1);
    return {
      ...NO_OUTCOME,
      error: kind,
      route: last?.route ?? null,
      sent_at: last?.at ?? null,
      request_id: requestId ?? null,
      error_message: redact(message, [], LONGEST_TEXT),
    };
  }
  const { result } = outcome;
  return {
    match: result.match,
    count: result.count,
    description: redact(result.description, [], LONGEST_TEXT),
    error: null,
    route: result.route,
    model: result.model,
    input_tokens: result.usage?.inputTokens ?? null,
    output_tokens: result.usage?.outputTokens ?? null,
    ms: result.ms,
    sent_at: result.sentAt,
    request_id: result.requestId ?? null,
    recalled_from: result.recalledFrom ?? null,
    error_message: null,
  };
}
