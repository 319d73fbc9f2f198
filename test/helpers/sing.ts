import { resolve } from 'node:path';
import { Context } from '@temporalio/activity';
import { type Client, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, type DataConverter } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import { workflowMetadataQuery } from '@temporalio/workflow';
import { expect } from 'vitest';
import type { Canaries, CanaryActivities, singEverywhere } from './codec-workflow.ts';
import { until } from './until.ts';

export const CANARIES = {
  memo: 'canary-memo',
  details: 'canary-details',
  summary: 'canary-summary',
  timer: 'canary-timer',
  heartbeat: 'canary-heartbeat',
  message: 'canary-message',
  cause: 'canary-cause',
  result: 'canary-result',
  answer: 'canary-answer',
} satisfies Canaries;
export const FROM_CLIENT = {
  memo: 'canary-startmemo',
  summary: 'canary-startsummary',
  details: 'canary-startdetails',
  signal: 'canary-signal',
  query: 'canary-query',
  update: 'canary-update',
};
/** What of them the server ever keeps: current details and queries are told, and kept nowhere. */
export const KEPT = [...Object.values(CANARIES), ...Object.values(FROM_CLIENT)].filter(
  (canary) => ![CANARIES.details, FROM_CLIENT.query].includes(canary),
);

/** What was told, and what was heard of it. */
export interface Sung {
  handle: WorkflowHandle<typeof singEverywhere>;
  /** What a client without keys was told of the activity while it ran. */
  pending: string;
  details: unknown;
  answers: string[];
  heartbeats: unknown[];
}

/** The canaries at every place, by a worker and a client with the same converter; `without`: a client that has none. */
export async function sing(
  server: { address: string; namespace: string },
  { dataConverter, client, without }: { dataConverter: DataConverter; client: Client; without: Client },
): Promise<Sung> {
  const native = await NativeConnection.connect({ address: server.address });
  let goOn = false;
  const heartbeats: unknown[] = [];
  const activities: CanaryActivities = {
    async sing(canaries) {
      const { info } = Context.current();
      heartbeats.push(info.heartbeatDetails);
      Context.current().heartbeat(canaries.heartbeat);
      if (info.attempt > 1) return { sung: canaries.result, heartbeat: info.heartbeatDetails };
      await until(async () => goOn);
      throw new ApplicationFailure(
        canaries.message,
        'Sung',
        false,
        [canaries.result],
        new Error(canaries.cause),
      );
    },
  };
  const worker = await Worker.create({
    connection: native,
    namespace: server.namespace,
    taskQueue: 'codec',
    workflowsPath: resolve('test/helpers/codec-workflow.ts'),
    activities,
    dataConverter,
    maxHeartbeatThrottleInterval: 100,
    defaultHeartbeatThrottleInterval: 100,
  });
  const ended = worker.run();
  try {
    const handle = await client.workflow.start<typeof singEverywhere>('singEverywhere', {
      taskQueue: 'codec',
      workflowId: 'clear-as-ids-are',
      args: [CANARIES],
      memo: { started: FROM_CLIENT.memo },
      staticSummary: FROM_CLIENT.summary,
      staticDetails: FROM_CLIENT.details,
    });
    let pending = '';
    await until(async () => {
      const { pendingActivities } = await without.workflowService.describeWorkflowExecution({
        namespace: server.namespace,
        execution: { workflowId: handle.workflowId },
      });
      const [activity] = pendingActivities ?? [];
      pending = Buffer.from(activity?.heartbeatDetails?.payloads?.[0]?.data ?? []).toString('latin1');
      return pending !== '';
    });
    goOn = true;
    const { currentDetails } = await handle.query(workflowMetadataQuery);
    const answers = [
      await handle.query<string, [string]>('said', FROM_CLIENT.query),
      await handle.executeUpdate<string, [string]>('ask', { args: [FROM_CLIENT.update] }),
    ];
    await handle.signal('told', FROM_CLIENT.signal);
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    return { handle, pending, details: currentDetails, answers, heartbeats };
  } finally {
    worker.shutdown();
    await ended;
    await native.close();
  }
}
