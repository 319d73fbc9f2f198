import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { expect, test } from 'vitest';
import type { Server } from '../../src/client/connection.ts';
import { startRun } from '../../src/client/start-run.ts';

/** A server that knows a run of any name. */
const taken = {
  taskQueue: 'image-analysis',
  client: {
    workflow: {
      start: () => Promise.reject(new WorkflowExecutionAlreadyStartedError('', 'run', 'analyzeImages')),
    },
  },
} as unknown as Server;

test('a name that is taken is told with the line that goes on with its run', async () => {
  const input = { source: '/pictures', results: '/results', name: 'night' };
  const options = { simulated: false, priority: null, now: 0, calledAs: 'npm start --' };
  await expect(startRun(taken, input, options)).rejects.toThrow(
    'A run named night exists already on this server: choose another --name, or go on with it by ' +
      '`npm start -- resume night`.',
  );
});
