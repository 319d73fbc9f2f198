import { ContinueAsNew, isCancellation, proxySinks, type WorkflowInterceptors } from '@temporalio/workflow';
import type { TracingSinks, WorkflowOutcome } from '../shared/tracing.ts';

/**
 * Interceptor module of the bundle that a worker with traces loads. It tells the worker when an execution ends, and that
 * is all: the span's IDs follow from the execution's run ID, so that nothing is carried in headers, and an activity
 * knows its parent by itself.
 *
 * It awaits nothing and hands the workflow's own promise on. An interceptor that wraps it (as
 * `@temporalio/interceptors-opentelemetry` 1.24 does) makes each activity's result arrive some microtasks later than in a
 * worker without it: a history that was made without might then be replayed in another order, so that no run under way
 * could be given traces, or lose them.
 */
export const interceptors = (): WorkflowInterceptors => {
  const { tracing } = proxySinks<TracingSinks>();
  return {
    inbound: [
      {
        execute(input, next) {
          const result = next(input);
          void result.then(
            () => tracing.ended('completed'),
            (err: unknown) => tracing.ended(outcomeOf(err)),
          );
          return result;
        },
      },
    ],
  };
};

function outcomeOf(err: unknown): WorkflowOutcome {
  if (err instanceof ContinueAsNew) return 'continued';
  return isCancellation(err) ? 'cancelled' : 'failed';
}
