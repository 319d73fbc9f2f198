import type { Client } from '@temporalio/client';
import { expect, test } from 'vitest';
import { liveView } from '../../src/client/live-view.ts';
import { createObserver } from '../../src/client/observe.ts';
import { noCounts } from '../../src/shared/counts.ts';
import type { ResultStore } from '../../src/shared/result-store.ts';
import type { BatchProgress, RunState } from '../../src/shared/types.ts';
import { progressOf } from './client-data.ts';

const NOW = Date.parse('2026-11-24T12:00:00.000Z');
const RUN = 'image-analysis-large';

/** A server that knows a run with so many batches, each with one answer, one call in hand and one that waits. */
function serverOf(batches: number, state: RunState) {
  const running = Array.from({ length: batches }, (_, batch) => ({ batch, workflowId: `batch-${batch}` }));
  const asked: string[] = [];
  const askModel = (started: boolean) => ({ activityType: { name: 'askModel' }, state: started ? 2 : 1 });
  const say = (id: string): unknown => {
    if (id === RUN) return progressOf({ state, images: batches, running });
    asked.push(id);
    return {
      batch: Number(id.slice('batch-'.length)),
      counts: { ...noCounts(), answered: 1 },
      open: 2,
      paused: state !== 'running',
      sends: [{ at: new Date(NOW - 1_000).toISOString(), charged: 100 }],
      failures: [],
    } satisfies BatchProgress;
  };
  const client = {
    connection: { withDeadline: (_: number, call: () => Promise<unknown>) => call() },
    workflow: { getHandle: (id: string) => ({ query: () => Promise.resolve(say(id)) }) },
    workflowService: {
      describeWorkflowExecution: () =>
        Promise.resolve({ pendingActivities: [askModel(true), askModel(false)] }),
    },
  };
  const observer = createObserver({
    client: client as unknown as Client,
    namespace: 'default',
    workflowId: RUN,
    store: {} as ResultStore,
    now: () => NOW,
  });
  return { asked, observer };
}

test('a run of a few batches is seen whole at every look', async () => {
  const { asked, observer } = serverOf(20, 'running');
  await observer.look();
  const seen = await observer.look();
  expect(asked).toHaveLength(40);
  expect(seen).toMatchObject({ underWay: 20, waiting: 20 });
  expect(seen?.share).toBeUndefined();
});

test('of hundreds of batches some are asked at each look, the others at the next ones, and all are estimated', async () => {
  const { asked, observer } = serverOf(320, 'running');
  const first = await observer.look();
  expect(asked).toHaveLength(32);
  expect(first).toMatchObject({ underWay: 320, waiting: 320, share: 0.1 });
  if (first === null) throw new Error('nothing was seen');
  expect(liveView(first, NOW).lastMinute).toEqual({ requests: 320, tokens: 32_000 });
  for (let look = 1; look < 10; look += 1) await observer.look();
  expect(new Set(asked).size).toBe(320);
  expect(asked).toHaveLength(320);
  const last = await observer.look();
  expect(last?.batches).toHaveLength(320);
  expect(last?.share).toBe(1);
});

test('of a run that stands still all batches are asked: whether their calls have ended is to be known', async () => {
  const { asked, observer } = serverOf(320, 'paused');
  expect((await observer.look())?.batches).toHaveLength(320);
  expect(asked).toHaveLength(320);
});
