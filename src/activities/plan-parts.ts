import { ApplicationFailure } from '@temporalio/common';
import { modelQueueOf } from '../shared/names.ts';
import type { AccountLimits, Plan, PlanSummary } from '../shared/types.ts';
import { aloneBy, classify, toFailure } from './failure.ts';
import type { PlanDeps } from './plan-run.ts';
import { type Model, ModelError } from './ports.ts';

/** What the workflow keeps of the plan. */
export async function summaryOf(
  deps: Pick<PlanDeps, 'taskQueue' | 'account' | 'searchAttributes' | 'pageUrl'>,
  about: {
    plan: Plan;
    hash: string;
    limits: AccountLimits;
    earlier: PlanSummary['earlier'];
    warning: string | null;
  },
): Promise<PlanSummary> {
  const { plan } = about;
  return {
    run: plan.run,
    results: plan.results,
    plan: about.hash,
    source: plan.source,
    // The name of the task queue may be another one than when the run was planned.
    modelQueue: modelQueueOf(deps.taskQueue, plan.account),
    simulated: plan.account.simulated,
    model: plan.model,
    prompts: plan.prompts.map(({ id, name }) => ({ id, name })),
    batchSize: plan.batchSize,
    concurrency: plan.concurrency,
    limits: about.limits,
    tokensPerCall: plan.tokensPerCall,
    searchAttributes: await deps.searchAttributes(),
    notify: plan.notify ?? null,
    ...(deps.pageUrl === null ? {} : { page: `${deps.pageUrl}/runs/${plan.run}` }),
    earlier: about.earlier,
    warnings: about.warning === null ? [] : [about.warning],
  };
}

/** Asks whether the model answers to this key. Throws a failure that a person must mend, or one that is tried again. */
export async function checkModel(model: Model, name: string): Promise<void> {
  try {
    await model.check(name);
  } catch (err) {
    if (!(err instanceof ModelError)) throw err;
    const verdict = classify(err, aloneBy('base64'));
    if (verdict.action === 'block') {
      throw ApplicationFailure.create({
        message: `${verdict.reason} ${verdict.remedy}`,
        type: 'ModelUnavailable',
        nonRetryable: true,
      });
    }
    throw verdict.action === 'retry' || verdict.action === 'record' ? toFailure(verdict, []) : err;
  }
}
