import { CancellationScope, condition, isCancellation, log } from '@temporalio/workflow';
import { watchLimits } from './policies.ts';
import type { RunBook } from './run-book.ts';

/** Keeps the run's book informed of the limits that hold, as the worker's limiter knows them. Ends when `over` says so. */
export async function followLimits(book: RunBook, over: () => boolean): Promise<void> {
  const scope = new CancellationScope();
  const watch = async (): Promise<void> => {
    for (;;) book.setLimits(await watchLimits({ known: book.limits }));
  };
  // A run whose watch has failed goes on with the limits that it knows: the worker keeps to the right ones anyway.
  void scope.run(watch).catch((err: unknown) => {
    if (!isCancellation(err)) log.warn('changes of the limits are not followed', { error: String(err) });
  });
  await condition(over);
  scope.cancel();
}
