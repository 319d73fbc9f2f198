import { files } from '../shared/names.ts';
import { isEnd } from '../shared/run-state.ts';
import type {
  Account,
  ImagePage,
  Plan,
  PlanSummary,
  Progress,
  ResumeInput,
  ServerIdentity,
} from '../shared/types.ts';
import { checkModel, summaryOf } from './plan-parts.ts';
import type { PlanDeps } from './plan-run.ts';
import { invalidInput } from './run-failure.ts';
import { parsed, planHash } from './run-files.ts';

/**
 * The plan of a run that had ended and goes on: what `run.json` says, whoever started the run and whatever the worker's
 * own settings are by now. Fails with `InvalidInput` where this worker cannot go on with it.
 */
export async function resumePlan(
  deps: PlanDeps,
  input: ResumeInput,
  workflowId: string,
): Promise<PlanSummary> {
  const root = (input.results ?? deps.defaults.results).replace(/\/+$/, '');
  const results = `${root}/${input.resumeOf}`;
  const store = deps.files.store(results);
  const text = await store.read(files.run);
  if (text === null) {
    throw invalidInput(
      `resumeOf: ${results} holds no run. Name the run as \`image-analysis list\` shows it, and its place in results`,
    );
  }
  const plan = parsed<Plan>(text, `${results}/${files.run}`);
  if (plan.workflowId !== workflowId) {
    throw invalidInput(
      `resumeOf: run ${plan.run} goes on under its own workflow ID only, so that it never runs twice at once: ` +
        `start it with --workflow-id ${plan.workflowId}`,
    );
  }
  checkAccount(plan, deps.account);
  const record = await store.read(files.progress);
  const progress = record === null ? null : parsed<Partial<Progress>>(record, `${results}/${files.progress}`);
  if (input.serverIsGone !== true) checkServer(plan, progress, deps.server);
  // A run whose folder was moved goes on where it is now.
  const here: Plan = { ...plan, results };
  await checkOnly(input.only ?? [], here, (page) => store.read(files.page(page)));
  await checkModel(deps.model, plan.model);
  const { startedAt = plan.createdAt, activeMs = 0 } = progress ?? {};
  return summaryOf(deps, {
    plan: here,
    hash: planHash(text),
    limits: deps.limits(),
    earlier: { startedAt, activeMs },
    warning: null,
  });
}

function checkAccount({ run, account }: Plan, own: Account): void {
  const named = ({ label, endpoint, simulated }: Account): string =>
    `account ${label} at ${endpoint}${simulated ? ' (simulated)' : ''}`;
  if (named(account) === named(own)) return;
  throw invalidInput(
    `resumeOf: run ${run} was asked of ${named(account)}, but this worker serves ${named(own)}. ` +
      'Start a worker with the same ACCOUNT and OPENAI_BASE_URL',
  );
}

/** Two servers that work at one run would pay twice for the same answers: the one that has not ended it has it. */
function checkServer({ run }: Plan, progress: Partial<Progress> | null, own: ServerIdentity): void {
  const { server, state } = progress ?? {};
  if (server === undefined || server.id === own.id || (state !== undefined && isEnd(state))) return;
  throw invalidInput(
    `resumeOf: run ${run} belongs to another server, which has not ended it: ${server.label}. This one is ` +
      `${own.label}. Go on with it there; if that server or its data is gone for good, add "serverIsGone": true`,
  );
}

/**
 * Refuses names of pictures that the run does not have: nothing would be asked, and nobody would know why. One that
 * ended before everything was listed may still find them.
 */
async function checkOnly(
  only: readonly string[],
  plan: Plan,
  pageText: (page: number) => Promise<string | null>,
): Promise<void> {
  const unknown = new Set(only);
  let listed = false;
  for (let number = 0; unknown.size > 0 && !listed; number += 1) {
    const text = await pageText(number);
    if (text === null) return;
    const page = parsed<ImagePage>(text, `${plan.results}/${files.page(number)}`);
    for (const { name, identity } of page.images) {
      unknown.delete(name);
      unknown.delete(identity);
    }
    listed = page.next === null;
  }
  const [first] = unknown;
  if (first !== undefined)
    throw invalidInput(
      `only: run ${plan.run} has no picture ${JSON.stringify(first)}; name it as results.json does`,
    );
}
