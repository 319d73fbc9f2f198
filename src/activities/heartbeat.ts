import { asyncLocalStorage } from '@temporalio/activity';

/** The server gives an activity up after 30 seconds without a sign of life. */
const EVERY_MS = 5_000;

/**
 * Runs `work` with a heartbeat, so that a worker that dies is noticed soon and work that takes its time is left alone.
 * Outside an activity, in a command that does the same by hand, nobody waits for a sign of life.
 */
export async function withHeartbeat<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ctx = asyncLocalStorage.getStore();
  if (ctx === undefined) return work(new AbortController().signal);
  const timer = setInterval(() => {
    ctx.heartbeat();
  }, EVERY_MS);
  try {
    return await work(ctx.cancellationSignal);
  } finally {
    clearInterval(timer);
  }
}
