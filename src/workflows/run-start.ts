import {
  ApplicationFailure,
  isCancellation,
  log,
  rootCause,
  setCurrentDetails,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { noCounts } from '../shared/counts.ts';
import { runNameOf } from '../shared/names.ts';
import { checkRunInput } from '../shared/run-input.ts';
import type { PlanSummary, ResumeInput, RunInput, RunState } from '../shared/types.ts';
import { planRun } from './policies.ts';
import { tellPerson } from './tell-person.ts';

/**
 * Checks what a person gave and freezes the plan. Throws a non-retryable `InvalidInput` that names the field, or the
 * plan activity's failure: whatever must be mended before the first paid answer.
 */
export async function planTheRun(input: RunInput | ResumeInput): Promise<PlanSummary> {
  const problems = checkRunInput(input);
  if (problems.length > 0) {
    throw ApplicationFailure.create({
      type: 'InvalidInput',
      nonRetryable: true,
      message: problems.map(({ field, problem }) => `${field}: ${problem}`).join('; '),
    });
  }
  setCurrentDetails('Planning: checking the source, the results place and the model.');
  const { workflowId, startTime } = workflowInfo();
  const run = runNameOf(startTime);
  const plan = await planRun({ input, workflowId, startedAt: startTime.toISOString(), run }).catch(
    async (err: unknown) => {
      if ('notify' in input && !isCancellation(err)) {
        const { name = run, results = '', notify = null } = input;
        const nothing = { counts: noCounts(), block: null };
        await tellPerson({ notify, run: name, results, simulated: false }, nothing, 'failed', rootCause(err));
      }
      throw err;
    },
  );
  for (const warning of plan.warnings) log.warn(warning, { run: plan.run });
  upsertMemo({ run: plan.run, source: plan.source, results: plan.results, simulated: plan.simulated });
  publishState(plan, 'running');
  return plan;
}

/** Makes the run findable by name, state and kind, as far as the namespace has the attributes. */
export function publishState(plan: PlanSummary, state: RunState): void {
  const all = [
    { key: defineSearchAttributeKey('ImageAnalysisRun', SearchAttributeType.KEYWORD), value: plan.run },
    { key: defineSearchAttributeKey('ImageAnalysisState', SearchAttributeType.KEYWORD), value: state },
    {
      key: defineSearchAttributeKey('ImageAnalysisSimulated', SearchAttributeType.BOOL),
      value: plan.simulated,
    },
  ];
  const known = all.filter(({ key }) => plan.searchAttributes.includes(key.name));
  if (known.length > 0) upsertSearchAttributes(known);
  // Where the namespace has none, the memo says it: to be read, not to be searched.
  if (known.length < all.length) upsertMemo({ state });
}
