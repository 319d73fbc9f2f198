import { AsyncResource } from 'node:async_hooks';
import type { Context } from '@temporalio/activity';

/** Whether a workflow execution has not ended; called in the activity's context. A rejection counts as "yes". */
export type WorkflowIsOpen = (workflowId: string, runId: string) => Promise<boolean>;

/** So often a call that was called off asks whether its workflow is still there. */
const LOOK_MS = 2_000;

/**
 * Makes a call whose answer is worth having for as long as somebody can record it. Called off by a pause or a cancel it
 * goes on, for it is paid; so it does when its attempt has timed out, for the answer store keeps what comes. It is
 * aborted when its workflow has ended, and when the worker ends, which asks it again elsewhere.
 */
export async function whileWanted<T>(
  ctx: Pick<Context, 'info' | 'cancellationSignal' | 'cancellationDetails'>,
  workflowIsOpen: WorkflowIsOpen,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const aborter = new AbortController();
  let over = false;
  let timer: NodeJS.Timeout | undefined;

  async function look(): Promise<void> {
    const { workflowExecution } = ctx.info;
    if (workflowExecution === undefined) return;
    const { workflowId, runId } = workflowExecution;
    const open = await workflowIsOpen(workflowId, runId).catch(() => true);
    if (over) return;
    if (open) timer = setTimeout(() => void look(), LOOK_MS);
    else aborter.abort();
  }
  // The event runs in the context of whoever cancels; who looks may ask for the activity's own.
  const onCancel = AsyncResource.bind((): void => {
    if (ctx.cancellationDetails?.workerShutdown === true) aborter.abort();
    else void look();
  });

  ctx.cancellationSignal.addEventListener('abort', onCancel, { once: true });
  try {
    return await call(aborter.signal);
  } finally {
    over = true;
    clearTimeout(timer);
    ctx.cancellationSignal.removeEventListener('abort', onCancel);
  }
}
