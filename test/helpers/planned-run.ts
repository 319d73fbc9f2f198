import { MockActivityEnvironment } from '@temporalio/testing';
import { createListImages } from '../../src/activities/list-images.ts';
import { createPlanRun } from '../../src/activities/plan-run.ts';
import type { Config } from '../../src/config.ts';
import { startLimits } from '../../src/shared/limits.ts';
import type { PlanSummary, RunInput } from '../../src/shared/types.ts';
import type { Parts } from '../../src/worker/parts.ts';
import { loadPrompts } from '../../src/worker/prompts-file.ts';

/** Writes a run's plan and its first page, as the workflow's first two activities do, and says where they are. */
export async function plannedRun(
  config: Config,
  parts: Parts,
  input: RunInput,
): Promise<{ results: string; plan: string }> {
  const environment = new MockActivityEnvironment();
  const planRun = createPlanRun({
    ...parts,
    account: config.account,
    taskQueue: 'test',
    loadPrompts: () => loadPrompts(config.promptsFile),
    limits: () => startLimits(config.limits),
    defaults: { model: config.model, detail: config.detail, results: config.results },
    api: config.api,
    route: config.route,
    maxOutputTokens: config.maxOutputTokens,
    server: { id: 'test', label: 'a test' },
    pageUrl: null,
    blindWorkers: () => Promise.resolve([]),
    searchAttributes: () => Promise.resolve([]),
  });
  const start = {
    input,
    workflowId: 'w',
    startedAt: '2026-11-24T00:00:00.000Z',
    run: '20261124_000000',
  };
  const plan = await environment.run<[typeof start], PlanSummary, typeof planRun>(planRun, start);
  const place = { results: plan.results, plan: plan.plan };
  await environment.run(createListImages(parts), { ...place, page: 0, cursor: null, max: 10, found: 0 });
  return place;
}
