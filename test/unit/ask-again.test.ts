import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { expect, test } from 'vitest';
import { nearest, retryOf } from '../../src/client/ask-again.ts';
import { goOn } from '../../src/client/go-on.ts';
import type { Server } from '../../src/client/connection.ts';
import { planOf } from './client-data.ts';

const names = ['north/camera-001.jpg', 'north/camera-002.jpg', 'market.JPG', '日本.jpg'];

test.each([
  ['camera-001.jpg', 'north/camera-001.jpg'],
  ['Market.jpg', 'market.JPG'],
  ['north/camera-01.jpg', 'north/camera-001.jpg'],
  ['mraket.jpg', 'market.JPG'],
  ['本.jpg', '日本.jpg'],
  ['nothing like it.png', null],
])('nearest to %s is %s', (wanted, near) => {
  expect(nearest(wanted, names)).toBe(near);
});

test.each([
  [{}, {}],
  [{ refused: true }, { refused: true }],
  [{ only: ['a.jpg', 'b.jpg'] }, { only: ['a.jpg', 'b.jpg'] }],
])('flags %j ask for %j', (flags, retry) => {
  expect(retryOf(flags)).toEqual(retry);
});

test('more pictures than an input takes are refused by name of the flag', () => {
  const only = Array.from({ length: 1001 }, (_, n) => `${String(n)}.jpg`);
  expect(() => retryOf({ only })).toThrow(/^--only is .* 1000 at most\.$/);
});

/** A server on which a run is closed when it is looked at, and under way when it is to be started. */
const justStarted = {
  taskQueue: 'image-analysis',
  client: {
    workflow: {
      getHandle: () => ({ describe: () => Promise.resolve({ status: { name: 'COMPLETED' }, raw: {} }) }),
      start: () => Promise.reject(new WorkflowExecutionAlreadyStartedError('', 'run', 'analyzeImages')),
    },
  },
} as unknown as Server;

test.each([
  [{}, null],
  [{ refused: true }, /^Another command has just started .* ended: resume --refused$/],
  [{ refused: true, only: ['a b.jpg'] }, / ended: resume --refused --only 'a b.jpg'$/],
])(
  'flags %j are not dropped in silence when somebody else starts the run at the same time',
  async (retry, said) => {
    const recorded = { run: 'run', root: '/', place: '/run', plan: planOf(), progress: null };
    const went = await goOn(justStarted, recorded, {
      retry,
      asksAgain: true,
      serverIsGone: false,
      mayStart: () => Promise.resolve(),
      line: (command, flags = '') => command + flags,
    });
    if (said === null) expect(went.said).toBeNull();
    else expect(went.said).toMatch(said);
  },
);
