import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger, Runtime, type WorkflowBundle } from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import { replay, WITH_TRACES, WORKFLOWS } from '../helpers/replay.ts';

const FOLDER = 'test/histories';
const histories = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.json'),
);

let workflowBundle: WorkflowBundle;
let traced: WorkflowBundle;
beforeAll(async () => {
  const logger = new DefaultLogger('ERROR', () => {});
  Runtime.install({ logger });
  workflowBundle = await bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger });
  const workflowInterceptorModules = [WITH_TRACES];
  traced = await bundleWorkflowCode({ workflowsPath: WORKFLOWS, workflowInterceptorModules, logger });
});

test('there are histories to replay', () => {
  expect(histories.length).toBeGreaterThan(20);
});

test.each(histories)('%s is replayed', async (file) => {
  await replay(join(FOLDER, file), { workflowBundle });
});

test.each(histories)('%s is replayed by a worker that was given traces in between', async (file) => {
  await replay(join(FOLDER, file), { workflowBundle: traced });
});
