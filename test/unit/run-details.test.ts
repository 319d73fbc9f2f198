import { expect, test } from 'vitest';
import { noCounts } from '../../src/shared/counts.ts';
import type { PlanSummary, Progress, RunState } from '../../src/shared/types.ts';
import { runDetails } from '../../src/workflows/run-details.ts';

const plan: PlanSummary = {
  run: '20251126_025312',
  results: '/data/a|b/20251126_025312',
  plan: '0'.repeat(32),
  source: 'gs://city-cameras/2025-11-25/',
  modelQueue: 'q',
  simulated: false,
  model: 'gpt-4o',
  prompts: [{ id: 'pothole-detection', name: 'Pothole Detection' }],
  batchSize: 4,
  concurrency: null,
  limits: { requestsPerMinute: 480, tokensPerMinute: 28_000, from: 'told', spareTokens: 0 },
  tokensPerCall: 1_500,
  searchAttributes: [],
  notify: null,
  earlier: null,
  warnings: ['URLs cannot be signed.'],
};

const progress = (state: RunState, more: Partial<Progress> = {}): Progress => ({
  run: plan.run,
  workflowId: 'w',
  state,
  source: plan.source,
  simulated: plan.simulated,
  model: plan.model,
  limits: plan.limits,
  startedAt: '2025-11-26T02:53:12.000Z',
  updatedAt: '2025-11-26T03:00:01.000Z',
  images: 339,
  listed: true,
  skipped: 0,
  batches: 85,
  batchesDone: 32,
  begun: 34,
  promptsPerImage: 1,
  prompts: plan.prompts,
  tokensPerCall: 1_500,
  counts: { ...noCounts(), images: 130, answered: 130, matches: { 'pothole-detection': 6 } },
  ended: noCounts(),
  running: [],
  block: null,
  warnings: plan.warnings,
  recentFailures: [],
  activeMs: 1,
  remainingMs: 4_290_000,
  minutes: [],
  ...more,
});

test.each<[RunState, RegExp]>([
  ['running', /^\*\*Running\*\*, 71\.5 minutes left at 03:00:01 UTC$/m],
  ['paused', /^\*\*Paused\.\*\* `resume` goes on\.$/m],
  ['complete', /^\*\*Complete\*\*: every question is answered\.$/m],
  ['incomplete', /^\*\*Finished with 0 answers missing\.\*\*$/m],
  ['cancelled', /^\*\*Cancelled\.\*\*/m],
  ['failed', /^\*\*Failed\.\*\*/m],
])('a run that is %s says so', (state, headline) => {
  expect(runDetails(plan, progress(state))).toMatch(headline);
});

test('a blocked run says why, what to do and when a call is tried', () => {
  const block = {
    reason: 'You exceeded your current quota.',
    remedy: 'Add credit.',
    since: '2025-11-26T02:59:00.000Z',
    nextProbeAt: '2025-11-26T03:00:30.000Z',
  };
  const details = runDetails(plan, progress('blocked', { block }));
  expect(details).toMatch(/^\*\*Blocked\.\*\*/m);
  expect(details).toContain('Why: You exceeded your current quota. What to do: Add credit.');
  expect(details).toContain('2025-11-26T03:00:30.000Z');
  expect(details).not.toContain('Running');
});

test('numbers stand in a table that a path cannot break, matches by question below it', () => {
  const details = runDetails({ ...plan, simulated: true }, progress('running'));
  expect(details).toContain('| Pictures | 130 of 339 |');
  expect(details).toContain('| Batches | 32 of 85 |');
  expect(details).toContain('| Results | /data/a\\|b/20251126_025312 |');
  expect(details).toContain('- Pothole Detection: 6 matched');
  expect(details).toContain('SIMULATED');
  expect(details).toContain('URLs cannot be signed.');
});

test('they lead to the page where there is one', () => {
  const page = 'https://pictures.example.org/runs/20251126_025312';
  expect(runDetails({ ...plan, page }, progress('running'))).toContain(`[Pictures and answers](${page})`);
  expect(runDetails(plan, progress('running'))).not.toContain('Pictures and answers');
});
