import { cutToBytes } from '../shared/cut.ts';
import { lastTries } from '../shared/tries.ts';
import type { AskFailure, AskResult, Try } from '../shared/types.ts';

/**
 * What one question may take in history and in a query's answer, in bytes of JSON: a batch of 200 questions is then
 * below Temporal's 2 MB a payload, whatever the model, a server or an older version of this program wrote
 * (`test/unit/payload-bounds.test.ts` adds it up). A description of plain letters keeps its 2,000 characters.
 */
const DESCRIPTION = 3_000;
const FALLBACK = 600;
const MESSAGE = 1_500;
/** Of what is a short word by its nature: a request's ID, a model's name, a provider's code, a run's name. */
const WORD = 200;

/** The answer with its texts and its tries cut to their bounds. */
export function boundedAnswer(answer: AskResult): AskResult {
  return {
    ...answer,
    description: cutToBytes(answer.description, DESCRIPTION),
    model: cutToBytes(answer.model, WORD),
    tries: boundedTries(answer.tries),
    ...requestIdOf(answer),
    ...(answer.fallback === undefined ? {} : { fallback: cutToBytes(answer.fallback, FALLBACK) }),
    ...(answer.recalledFrom === undefined ? {} : { recalledFrom: cutToBytes(answer.recalledFrom, WORD) }),
  };
}

/** The failure likewise. */
export function boundedFailure(failure: AskFailure): AskFailure {
  return {
    ...failure,
    message: cutToBytes(failure.message, MESSAGE),
    tries: boundedTries(failure.tries),
    ...requestIdOf(failure),
    ...(failure.code === undefined ? {} : { code: cutToBytes(failure.code, WORD) }),
  };
}

/** The last tries of a question, as both carry them. */
export const boundedTries = (tries: readonly Try[]): Try[] =>
  lastTries(tries).map((one) => ({ ...one, ...requestIdOf(one) }));

const requestIdOf = ({ requestId }: { requestId?: string }): { requestId?: string } =>
  requestId === undefined ? {} : { requestId: cutToBytes(requestId, WORD) };
