import { expect, test } from 'vitest';
import { files, modelQueueOf, runNameOf, workflowIdOf } from '../../src/shared/names.ts';
import type { Account } from '../../src/shared/types.ts';

const account: Account = {
  label: 'default',
  provider: 'openai',
  endpoint: 'api.openai.com',
  simulated: false,
};

test.each([
  ['2025-11-26T02:53:12.999Z', '20251126_025312'],
  ['2026-01-02T23:59:59.000+05:30', '20260102_182959'],
])('a run of %s', (start, name) => {
  expect(runNameOf(new Date(start))).toBe(name);
});

test('a run is found by its name', () => {
  expect(workflowIdOf('20251126_025312')).toBe('image-analysis-20251126_025312');
});

test('two accounts, queues or kinds never share a model queue', () => {
  const queues = [
    modelQueueOf('image-analysis', account),
    modelQueueOf('image-analysis-demo', account),
    modelQueueOf('image-analysis', { ...account, simulated: true }),
    modelQueueOf('image-analysis', { ...account, label: 'second' }),
    modelQueueOf('image-analysis', { ...account, endpoint: '127.0.0.1:8080' }),
  ];
  expect(queues[0]).toBe('image-analysis-model-real-default-api.openai.com');
  expect(new Set(queues).size).toBe(queues.length);
});

test('the files of a run sort by number as text', () => {
  expect(files.shard(33)).toBe('shards/000033.json');
  expect(files.page(0)).toBe('images/000000.json');
  expect(files.segment(99)).toBe('index/000099.json');
  const numbers = [0, 9, 10, 999_999];
  expect(numbers.map(files.shard).sort()).toEqual(numbers.map(files.shard));
});
