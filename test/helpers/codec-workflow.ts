import {
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertMemo,
} from '@temporalio/workflow';

/** Words for every place at which a workflow tells some. */
export interface Canaries {
  memo: string;
  details: string;
  summary: string;
  timer: string;
  heartbeat: string;
  message: string;
  cause: string;
  result: string;
  answer: string;
}

export interface CanaryActivities {
  /** Reports a heartbeat and fails with message and cause; the second attempt gives the result. */
  sing(canaries: Canaries): Promise<{ sung: string; heartbeat: unknown }>;
}

export const told = defineSignal<[string]>('told');
export const said = defineQuery<string, [string]>('said');
export const ask = defineUpdate<string, [string]>('ask');

/** Tells its canaries everywhere, waits for a signal, and ends by a failure with the message and the cause. */
export async function singEverywhere(canaries: Canaries): Promise<void> {
  let heard = '';
  setHandler(told, (text) => {
    heard = text;
  });
  setHandler(said, (text) => `${canaries.answer} ${text}`);
  setHandler(ask, async (text) => `${canaries.answer} ${text}`);
  upsertMemo({ upserted: canaries.memo });
  setCurrentDetails(canaries.details);
  const { sing } = proxyActivities<CanaryActivities>({
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: 100, maximumAttempts: 2 },
    summary: canaries.summary,
  });
  await sing(canaries);
  await sleep(10, { summary: canaries.timer });
  await condition(() => heard !== '');
  throw ApplicationFailure.create({
    message: canaries.message,
    type: 'Planned',
    nonRetryable: true,
    details: [canaries.result, heard],
    cause: new Error(canaries.cause),
  });
}
