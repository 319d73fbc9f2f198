import { admissionTokens, imageTokens } from '../shared/image-tokens.ts';
import { files, modelQueueOf } from '../shared/names.ts';
import { redact } from '../shared/redact.ts';
import { MAX_QUESTIONS_IN_BATCH } from '../shared/run-input.ts';
import type {
  AccountLimits,
  Account,
  Detail,
  Limits,
  Plan,
  PlanSummary,
  PromptSet,
  ResumeInput,
  Route,
  RunInput,
  ServerIdentity,
} from '../shared/types.ts';
import { SCHEMA_CHARS } from './answer.ts';
import { withHeartbeat } from './heartbeat.ts';
import { inspectPicture, MAX_PICTURE_BYTES } from './picture.ts';
import type { ImageSource, Model, OpenSource } from './ports.ts';
import { invalidInput, runFailure } from './run-failure.ts';
import { checkModel, summaryOf } from './plan-parts.ts';
import { resumePlan } from './resume-plan.ts';
import { planHash, type RunFiles } from './run-files.ts';

export interface PlanInput {
  input: RunInput | ResumeInput;
  workflowId: string;
  /** ISO 8601, UTC. */
  startedAt: string;
  /** Name by time, for a run that was given none. */
  run: string;
}

export interface PlanDeps {
  files: RunFiles;
  openSource: OpenSource;
  model: Model;
  account: Account;
  taskQueue: string;
  /** The worker's own questions. Throws an error that names file and line. */
  loadPrompts: () => Promise<PromptSet>;
  limits: () => AccountLimits;
  /** The worker's settings, where the person gave none. */
  defaults: { model: string; detail: Detail; results: string };
  api: 'responses' | 'chat';
  route: Route;
  maxOutputTokens: number;
  /** The server that this worker works for. */
  server: ServerIdentity;
  /** Where people reach the page; `null`: nobody said. */
  pageUrl: string | null;
  /** Workers of the task queue that have other places for results or answers than this one, by their identities. */
  blindWorkers: () => Promise<string[]>;
  /** Search attributes that the namespace has. */
  searchAttributes: () => Promise<string[]>;
  /** Name and version of this program. */
  program: string;
}

const BATCH_SIZE = 4;

/** A batch's workflow is named by its run's, the server takes 1,000 bytes, and the run tells of 1,000 batches at once. */
const LONGEST_WORKFLOW_ID = 200;

/** Assumed where the first picture cannot be looked at. */
const USUAL_PICTURE = { width: 1920, height: 1080 };

/** An `askModel` input names the results place, and must stay within 512 bytes. */
const LONGEST_PLACE = 300;

/** Runs of the same second get `_2`, `_3` … */
const NAMES_TRIED = 20;

/**
 * Finds out, before anything is paid for, whether the run can work: source, pictures, model and key, results place,
 * limits. Then freezes the plan as `run.json`. What a person must mend fails with type `InvalidInput` (or the model's
 * own kind), not retryable; what the network does is retried.
 */
export function createPlanRun(deps: PlanDeps) {
  return async function planRun(given: PlanInput): Promise<PlanSummary> {
    try {
      return await withHeartbeat(() => makePlan(deps, given));
    } catch (err) {
      throw runFailure(err, true);
    }
  };
}

async function makePlan(deps: PlanDeps, { input, ...start }: PlanInput): Promise<PlanSummary> {
  await checkSeenByAll(deps);
  return 'resumeOf' in input ? resumePlan(deps, input, start.workflowId) : newPlan(deps, input, start);
}

/**
 * Any worker may be given any part of a run, so the workers' results and answers must be one place for all. That holds
 * for a run that names a place of its own too: of the answers there is one store, and this worker may be the odd one.
 */
async function checkSeenByAll({ defaults, taskQueue, blindWorkers }: PlanDeps): Promise<void> {
  const blind = await blindWorkers();
  if (blind.length === 0) return;
  const others = blind.length === 1 ? 'another worker' : `${blind.length} other workers`;
  throw invalidInput(
    `results: ${others} of the task queue ${taskQueue} (${blind.slice(0, 3).join(', ')}) would write to another place ` +
      `than ${defaults.results} here, or recall answers from another one: give all of them the same RESULTS and ` +
      'ANSWERS, on one volume or in a bucket, and restart them. A worker that is gone is forgotten after a minute.',
  );
}

async function newPlan(
  deps: PlanDeps,
  input: RunInput,
  { workflowId, startedAt, run }: Omit<PlanInput, 'input'>,
): Promise<PlanSummary> {
  const { instructions, prompts } = input.prompts ?? (await ownPrompts(deps));
  const model = input.model ?? deps.defaults.model;
  const detail = input.detail ?? deps.defaults.detail;
  const mostAtOnce = Math.max(1, Math.floor(MAX_QUESTIONS_IN_BATCH / prompts.length));
  const batchSize = input.batchSize ?? Math.min(BATCH_SIZE, mostAtOnce);
  const limits = deps.limits();
  if (!/^[^\p{Cc}\p{Cs}]+$/u.test(workflowId) || Buffer.byteLength(workflowId) > LONGEST_WORKFLOW_ID) {
    throw invalidInput(
      `workflow ID: ${workflowId} must have ${LONGEST_WORKFLOW_ID} bytes at most and no control character`,
    );
  }
  if (batchSize > mostAtOnce) {
    throw invalidInput(
      `batchSize: ${batchSize} pictures of ${prompts.length} questions are too many for one batch; ` +
        `use ${mostAtOnce} or fewer`,
    );
  }
  const filter = { include: input.include ?? [], exclude: input.exclude ?? [] };
  const source = deps.openSource(input.source, filter);
  const picture = await firstPicture(source);
  await checkModel(deps.model, model);
  const route = await routeFor(deps.route, source);
  const pictureTokens = imageTokens(model, detail, picture.width, picture.height);
  const textChars = instructions.length + Math.max(...prompts.map((p) => p.text.length)) + SCHEMA_CHARS;
  const tokensPerCall = admissionTokens({
    textChars,
    imageTokens: pictureTokens,
    maxOutputTokens: deps.maxOutputTokens,
  });
  // What the provider allows is not known before it has answered; what can never fit is then recorded as such.
  if (limits.from !== 'start') checkCost({ tokensPerCall, limits, model, detail, picture, pictureTokens });

  const frozen: Omit<Plan, 'schemaVersion' | 'run' | 'results'> = {
    workflowId,
    createdAt: startedAt,
    source: input.source,
    ...filter,
    limit: input.limit ?? null,
    account: deps.account,
    modelQueue: modelQueueOf(deps.taskQueue, deps.account),
    model,
    api: deps.api,
    detail,
    route: route.route,
    routeReason: route.reason,
    maxOutputTokens: deps.maxOutputTokens,
    instructions,
    prompts,
    batchSize,
    concurrency: input.concurrency ?? null,
    fresh: input.fresh ?? false,
    notify: input.notify ?? null,
    limits: { requestsPerMinute: limits.requestsPerMinute, tokensPerMinute: limits.tokensPerMinute },
    imageTokens: pictureTokens,
    tokensPerCall,
    program: deps.program,
  };
  const root = (input.results ?? deps.defaults.results).replace(/\/+$/, '');
  const { plan, hash } = await freeze(deps.files, frozen, root, input.name ?? null, run);
  return summaryOf(deps, { plan, hash, limits, earlier: null, warning: route.warning });
}

async function ownPrompts(deps: PlanDeps): Promise<PromptSet> {
  try {
    return await deps.loadPrompts();
  } catch (err) {
    throw invalidInput(err instanceof Error ? err.message : String(err));
  }
}

/** Size of the first picture. Throws when the source has none. */
async function firstPicture(source: ImageSource): Promise<{ width: number; height: number }> {
  let cursor: string | null = null;
  let skipped = 0;
  do {
    const page = await source.list(cursor, 1);
    skipped += page.skipped.length;
    const first = page.images[0];
    if (first !== undefined) {
      if (first.bytes > MAX_PICTURE_BYTES) return USUAL_PICTURE;
      const picture = inspectPicture(await source.read(first));
      return picture.ok ? picture : USUAL_PICTURE;
    }
    cursor = page.next;
  } while (cursor !== null);
  const passed =
    skipped > 0 ? ` ${skipped} objects there are no JPEG, PNG or WebP pictures, or are filtered out.` : '';
  throw invalidInput(
    `source: ${source.uri} holds no pictures.${passed} Name the folder or prefix that has them, or change --include/--exclude.`,
  );
}

async function routeFor(
  setting: Route,
  source: ImageSource,
): Promise<{ route: Route; reason: string | null; warning: string | null }> {
  if (setting === 'base64') return { route: 'base64', reason: 'IMAGE_ROUTE is base64', warning: null };
  if (source.signedUrl === null)
    return { route: 'base64', reason: 'the pictures are in a folder', warning: null };
  const problem = await source.signingProblem();
  if (problem === null) return { route: 'url', reason: null, warning: null };
  return {
    route: 'base64',
    reason: problem,
    warning: `URLs cannot be signed (${redact(problem)}): every picture is downloaded and sent as base64. Use a service account to send URLs.`,
  };
}

/** Refuses a run whose calls can never fit into a minute, and says what would. */
function checkCost(call: {
  tokensPerCall: number;
  limits: Limits;
  model: string;
  detail: Detail;
  picture: { width: number; height: number };
  pictureTokens: number;
}): void {
  const { tokensPerCall, limits, picture } = call;
  if (tokensPerCall <= limits.tokensPerMinute) return;
  const low =
    tokensPerCall - call.pictureTokens + imageTokens(call.model, 'low', picture.width, picture.height);
  const advice =
    call.detail !== 'low' && low <= limits.tokensPerMinute
      ? `With detail low a call costs about ${low} tokens and fits.`
      : `Shorten the questions, use smaller pictures or another model, or raise the limit to ${tokensPerCall} or more (image-analysis limits --tpm ${tokensPerCall}).`;
  throw invalidInput(
    `LIMITS: one call costs about ${tokensPerCall} tokens (a picture of ${picture.width}×${picture.height} at detail ` +
      `${call.detail}), more than the ${limits.tokensPerMinute} a whole minute allows. ${advice}`,
  );
}

/**
 * Writes `run.json` under the run's name; the same workflow finds its own plan again on a retry. One that only has the
 * same ID is another one: its server may have forgotten the run that had it.
 */
async function freeze(
  runFiles: RunFiles,
  frozen: Omit<Plan, 'schemaVersion' | 'run' | 'results'>,
  root: string,
  name: string | null,
  byTime: string,
): Promise<{ plan: Plan; hash: string }> {
  for (let n = 1; n <= NAMES_TRIED; n += 1) {
    const run = name ?? (n === 1 ? byTime : `${byTime}_${n}`);
    const results = `${root}/${run}`;
    if (Buffer.byteLength(results) > LONGEST_PLACE) {
      throw invalidInput(`results: ${results} is longer than ${LONGEST_PLACE} bytes; choose a shorter place`);
    }
    const store = runFiles.store(results);
    const plan: Plan = { schemaVersion: 1, run, results, ...frozen };
    const text = `${JSON.stringify(plan, null, 2)}\n`;
    if (await store.create(files.run, text)) return { plan, hash: planHash(text) };
    const there = await store.read(files.run);
    const earlier = there === null ? null : (JSON.parse(there) as Plan);
    if (there !== null && earlier?.workflowId === frozen.workflowId && earlier.createdAt === frozen.createdAt)
      return { plan: earlier, hash: planHash(there) };
    if (name !== null) {
      const of = earlier === null ? '' : `, of ${earlier.source} (${earlier.createdAt})`;
      throw invalidInput(
        `name: ${results} holds another run already${of}: go on with that one by \`image-analysis resume ${run}\`, ` +
          'or choose another name',
      );
    }
  }
  throw invalidInput(`results: ${root} has ${NAMES_TRIED} runs of this second; try again`);
}
