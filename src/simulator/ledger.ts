import type { Route, Usage } from '../shared/types.ts';
import type { AccountState } from './account.ts';
import type { FaultKind } from './faults.ts';
import type { QuestionId } from './questions.ts';

/** One model call, as the simulator saw and answered it. Holds no key and no signature. */
export interface LedgerEntry {
  /** The first call is 1; in the order of arrival. */
  n: number;
  /** Arrival, in milliseconds since 1970. */
  at: number;
  /** From its arrival until its answer was ready, in milliseconds; `null` until then. */
  ms: number | null;
  api: 'responses' | 'chat';
  /** `null` when the request was too malformed to tell, as the next ones. */
  model: string | null;
  route: Route | null;
  /** Origin and path of the picture's URL, without its query. `null` by base64. */
  picture: string | null;
  /** SHA-256 of the picture's bytes; `null` when they were not fetched. */
  sha256: string | null;
  /** Which of the six questions it was; `null` when it is none of them. */
  question: QuestionId | null;
  /** SHA-256 of the question's text. */
  questionSha256: string | null;
  /** Tokens charged against the limit; 0 when it was refused. */
  admitted: number;
  /** The account right after it admitted or refused the call; `null` when the call never came so far. */
  account: AccountState | null;
  /** HTTP status; `null` when none was sent (yet). */
  status: number | null;
  /** Code, or else type, of the error that was sent. */
  error: string | null;
  fault: FaultKind | null;
  /** What was billed; `null` when nothing was. */
  usage: Usage | null;
  /** The text that the model answered. */
  answer: string | null;
  requestId: string;
  /** Whether the whole response reached the client; `null` while it is open. */
  delivered: boolean | null;
  /** The answer contradicts the picture, by plan. */
  wrong: boolean;
}

/** A request that costs nothing: the list of models, one model, a count of input tokens. */
export interface Probe {
  at: number;
  method: string;
  path: string;
  status: number;
}
