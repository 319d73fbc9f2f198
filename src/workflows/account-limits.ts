import {
  ApplicationFailure,
  condition,
  log,
  makeContinueAsNewFunc,
  setCurrentDetails,
  setHandler,
  upsertMemo,
  workflowInfo,
} from '@temporalio/workflow';
import { isLimitSettings, limitsInWords, sameLimits } from '../shared/limits.ts';
import type { AccountLimitsInput } from '../shared/types.ts';
import { setLimitsSignal } from './messages.ts';

/**
 * Holds what a person told of an account's limits, one workflow a model queue. It acts on nothing: workers read the
 * memo, which the server shows at any time, also while none of them runs. Waits for ever; ended by hand, it leaves the
 * workers to their own settings. Fails at once on an input that is none; a signal that is none changes nothing.
 */
export async function accountLimits(input: AccountLimitsInput): Promise<void> {
  if (typeof input?.modelQueue !== 'string' || !isLimitSettings(input.limits)) {
    throw ApplicationFailure.nonRetryable(
      'give { modelQueue, limits: { requestsPerMinute, tokensPerMinute } }, each limit a whole number or "auto"',
      'InvalidInput',
    );
  }
  const { modelQueue } = input;
  let { limits } = input;
  let since = input.since ?? new Date().toISOString();

  const publish = (): void => {
    upsertMemo({ limits });
    setCurrentDetails(
      `**${limitsInWords(limits)}** (auto: what the provider says)\n\n` +
        `Holds since ${since} for every worker of \`${modelQueue}\`. ` +
        'End this workflow, and each worker goes by its own setting again.',
    );
  };
  // Before the handler: a signal that came with the start is newer than the input.
  publish();
  setHandler(setLimitsSignal, (told: unknown) => {
    if (!isLimitSettings(told)) {
      log.warn('limits that are none are ignored', { modelQueue });
      return;
    }
    if (sameLimits(told, limits)) return;
    limits = { requestsPerMinute: told.requestsPerMinute, tokensPerMinute: told.tokensPerMinute };
    since = new Date().toISOString();
    publish();
  });

  await condition(() => workflowInfo().continueAsNewSuggested);
  await makeContinueAsNewFunc<typeof accountLimits>({ memo: { limits } })({ modelQueue, limits, since });
}
