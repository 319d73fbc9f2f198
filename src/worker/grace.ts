/** What a call brings is recorded after it has ended: a tokens' count, an answer's file, a task's completion. */
const RECORDING_MS = 5_000;
/** Activities that are told to end then are done with at once. */
const ENDING_MS = 10_000;

/**
 * How long a worker that is told to end waits, in milliseconds: `calls`, for calls in flight, each of which ends with
 * its time-out at the latest; `all`, for whatever there is. What stops the process has to be more patient than `all`
 * (`stop_grace_period` of docker-compose.yml).
 */
export const graceOf = ({ modelTimeoutMs }: { modelTimeoutMs: number }): { calls: number; all: number } => ({
  calls: modelTimeoutMs + RECORDING_MS,
  all: modelTimeoutMs + RECORDING_MS + ENDING_MS,
});
