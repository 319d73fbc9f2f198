import { CancellationScope, log } from '@temporalio/workflow';
import type { PlanSummary, Progress, RunState } from '../shared/types.ts';
import { notify } from './policies.ts';

/** Tells whom the run was given, if anybody, that it has ended or blocked. Never rejects. */
export async function tellPerson(
  plan: Pick<PlanSummary, 'notify' | 'run' | 'results' | 'simulated'>,
  { counts, block }: Pick<Progress, 'counts' | 'block'>,
  event: Extract<RunState, 'complete' | 'incomplete' | 'cancelled' | 'failed' | 'blocked'>,
  reason?: string,
): Promise<void> {
  const { notify: to, run, results, simulated } = plan;
  // Absent in the plan of a run that an older version started.
  if (to == null) return;
  const why = reason ?? block?.reason;
  const notification = {
    ...{ to, run, results, simulated, event, counts },
    at: new Date().toISOString(),
    ...(why === undefined ? {} : { reason: why }),
    ...(block === null ? {} : { remedy: block.remedy }),
  };
  try {
    await CancellationScope.nonCancellable(() => notify(notification));
  } catch (err) {
    log.warn('nobody could be told', { run, event, error: String(err) });
  }
}
