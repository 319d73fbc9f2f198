import { redact } from '../shared/redact.ts';
import { type AskContext, backoffMs, BLOCK_GATE_MS, classify, MAX_TRIES, type Verdict } from './failure.ts';
import { ModelError, SourceError } from './ports.ts';

/** Asks a place something that costs nothing. Rejects with a `ModelError` or a `SourceError` when it does not answer. */
export type Probe = (signal: AbortSignal) => Promise<unknown>;

/** Where a picture comes from and where it goes. */
export interface Places {
  model: Probe;
  source: Probe;
}

/** A place that takes longer to say that it is there is not. */
const PROBE_MS = 10_000;

const MODEL_BACK = 'The run goes on by itself when the server answers again.';
const SOURCE_BACK =
  'Check the network and the disk of the worker; the run goes on by itself when the source can be read again.';

/**
 * Before a question is given up because its server or its picture gave nothing: is it this question, or is the whole
 * place gone? One more thing is asked of the place, which costs nothing (the model's name, the first name of the
 * source's list). When that has no answer either the run is blocked, so that an outage costs no answers. When it has
 * one, the question is given up as the verdict says; a place that could not be reached may have come back only just
 * now, so that one more try comes before.
 *
 * A block therefore ends: as soon as the place answers the free question, a picture that breaks every connection is
 * recorded after its sixth try, also when it is the only one left. Errors that the server itself gives (5xx) and
 * time-outs of ours never block: a picture may cause them.
 */
export async function unlessOutage(
  problem: ModelError | SourceError,
  verdict: Verdict,
  context: AskContext,
  places: Places,
): Promise<Verdict> {
  const place = verdict.action === 'record' ? placeOf(problem) : null;
  if (place === null) return verdict;
  const missing = await problemOf(places[place]);
  if (missing === null)
    return mayBeBack(problem) && context.tries <= MAX_TRIES ? again(verdict, context) : verdict;
  // The place itself may say what is wrong: a bucket that is gone, a folder that may no longer be read.
  const said = missing instanceof SourceError ? classify(missing, context) : null;
  if (said?.action === 'block') return said;
  return {
    ...verdict,
    kind: 'Blocked',
    action: 'block',
    cause: 'place',
    reason:
      place === 'model'
        ? `The model's server cannot be reached. ${verdict.message}`
        : redact(missing.message),
    remedy: place === 'model' ? MODEL_BACK : SOURCE_BACK,
    until: null,
    closeGateMs: place === 'model' ? BLOCK_GATE_MS : 0,
  };
}

/** The place whose outage the failure may be; `null` where it is none. */
function placeOf(problem: ModelError | SourceError): keyof Places | null {
  if (problem instanceof ModelError) return problem.origin === 'connection' ? 'model' : null;
  return ['unreachable', 'unreadable', 'gone'].includes(problem.kind) ? 'source' : null;
}

const mayBeBack = (problem: ModelError | SourceError): boolean =>
  problem instanceof ModelError || problem.kind === 'unreachable';

const again = (verdict: Verdict, context: AskContext): Verdict => ({
  ...verdict,
  action: 'retry',
  waitMs: backoffMs(context),
});

/** Why the place does not answer; `null` when it does, be it with an error of its own. */
async function problemOf(probe: Probe): Promise<Error | null> {
  const late = AbortSignal.timeout(PROBE_MS);
  try {
    await probe(late);
    return null;
  } catch (err) {
    if (late.aborted) return new Error(`There was no answer within ${PROBE_MS / 1_000} s.`);
    if (err instanceof ModelError) return err.origin === 'api' ? null : err;
    return err instanceof SourceError ? err : null;
  }
}
