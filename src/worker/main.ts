import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Context } from '@temporalio/activity';
import { Client, isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { type TunerHolder, Worker, type WorkerOptions } from '@temporalio/worker';
import type { WorkflowBundleOption } from '@temporalio/worker';
import { createModelActivities, createRunActivities } from '../activities/index.ts';
import { createTellLimits } from '../activities/tell-limits.ts';
import { createTextTokens } from '../activities/text-tokens.ts';
import { createUrlHealth } from '../activities/url-health.ts';
import { createDataConverter } from '../codec/data-converter.ts';
import { type Config, program } from '../config.ts';
import { searchAttributesThere } from '../connection/search-attributes.ts';
import type { Logger } from '../logger.ts';
import { modelQueueOf } from '../shared/names.ts';
import { serverIdentity } from '../shared/server-identity.ts';
import type { AccountLimits, ImageResult } from '../shared/types.ts';
import { createAllowance, heed } from './allowance.ts';
import { graceOf } from './grace.ts';
import { systemClock } from './limiter/clock.ts';
import { openNativeConnection } from './native-connection.ts';
import { createParts } from './parts.ts';
import { loadPrompts } from './prompts-file.ts';
import { createInFlightGuard } from './limiter/in-flight.ts';
import { createRateLimiter } from './limiter/rate-limiter.ts';
import { paceQueue } from './queue-pace.ts';
import { installRuntime } from './runtime.ts';
import { blindWorkers, identityWith, placesMark } from './shared-places.ts';
import { createLimitedSlots, type LimitedSlots } from './slot-supplier.ts';
import { followStoredLimits } from './stored-limits.ts';
import { createWatch, type Watch } from './watch.ts';
import { workflowBundle } from './workflow-bundle.ts';

/** The mission's mean; the limiter learns its own from the first calls. */
const TOKENS_PER_CALL = 1_500;

/** The limits decide how many calls are in flight; this only bounds memory when a provider hangs. */
const MAX_CALLS_IN_FLIGHT = 500;

/** What a workflow or the server is asked waits at most so long: there is a next time. */
const QUERY_MS = 5_000;

/** A batch that is begun again and again has its answers in the store by then. */
const EARLIER_ASKED = 5;

/**
 * One worker process: workflows and ordinary activities on the task queue, and the model's calls on the account's own
 * queue behind the limiter. Runs until the process is told to end, then lets open calls end.
 * Throws when the server cannot be reached.
 */
export async function runWorker(config: Config, options: { logger: Logger }): Promise<void> {
  installRuntime(options.logger, config.metricsAddress);
  await (
    await startWorkers(config, options)
  ).ended;
}

/** Workers that run in this process. */
export interface RunningWorkers {
  /** Settles when they have ended. */
  ended: Promise<void>;
  /** Takes no new task, lets open calls end. */
  shutdown(): void;
}

/**
 * As {@link runWorker}, for a process that has its own runtime. `workflows`: the code of another build in place of this
 * one's, as the tests of deploys need it.
 */
export async function startWorkers(config: Config, options: StartOptions): Promise<RunningWorkers> {
  const watch = await createWatch(config, options.logger);
  try {
    return await startWatched(config, options, watch);
  } catch (err) {
    await watch.stop();
    throw err;
  }
}

interface StartOptions {
  logger: Logger;
  workflows?: WorkflowBundleOption | undefined;
}

async function startWatched(
  config: Config,
  { logger, workflows }: StartOptions,
  watch: Watch,
): Promise<RunningWorkers> {
  if (config.address === null)
    throw new Error('a worker needs the address of a Temporal server: TEMPORAL_ADDRESS');
  const dataConverter = createDataConverter(config);
  const parts = createParts(config, watch);
  const limiter = createRateLimiter({
    limits: config.limits,
    tokensPerCall: TOKENS_PER_CALL,
    clock: systemClock,
  });
  const guard = createInFlightGuard({ max: MAX_CALLS_IN_FLIGHT, clock: systemClock });
  const slots = createLimitedSlots(limiter, guard.limit);
  guard.onChange(slots.roomChanged);
  const connection = await openNativeConnection(config, config.address);
  const modelQueue = modelQueueOf(config.taskQueue, config.account);
  const grace = graceOf(config);
  const mark = await placesMark(config, parts.files.store);
  const common: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    namespace: config.namespace,
    dataConverter,
    // Workers are counted by it, and the process of every container may be number 1.
    identity: identityWith(`${process.pid}@${hostname()}-${randomBytes(3).toString('hex')}`, mark),
    shutdownGraceTime: grace.calls,
    shutdownForceTime: grace.all,
    // A cancel and a tries' record reach the other side with the next heartbeat.
    maxHeartbeatThrottleInterval: '2 seconds',
    defaultHeartbeatThrottleInterval: '2 seconds',
    ...deploymentOf(config),
    ...watch.options,
  };
  const runWorker = await Worker.create({
    ...common,
    workflowBundle:
      workflows ??
      (await workflowBundle(logger, {
        hidden: config.codecKeysFile !== null,
        traced: config.tracesEndpoint !== null,
      })),
    taskQueue: config.taskQueue,
    // A run whose worker was killed is not to wait ten seconds, deaf to a cancel, for another one.
    stickyQueueScheduleToStartTimeout: '2 seconds',
    activities: createRunActivities({
      ...parts,
      account: config.account,
      taskQueue: config.taskQueue,
      loadPrompts: () => loadPrompts(config.promptsFile),
      limits: () => limiter.snapshot().limits,
      defaults: { model: config.model, detail: config.detail, results: config.results },
      api: config.api,
      route: config.route,
      maxOutputTokens: config.maxOutputTokens,
      blindWorkers: () =>
        blindWorkers(connection, { namespace: config.namespace, taskQueue: config.taskQueue, mark }),
      searchAttributes: async () => (await searchAttributesThere(connection, config.namespace)).known,
      answersOf,
      earlierAnswers,
      isRunning,
      notifySecret: config.notifySecret,
      pageUrl: config.pageUrl,
      server: await serverIdentity(
        connection.workflowService,
        config.namespace,
        `Temporal at ${config.address}, namespace ${config.namespace}`,
      ),
    }),
  });
  const modelWorker = await Worker.create({
    ...common,
    taskQueue: modelQueue,
    activities: createModelActivities({
      ...parts,
      allowance: watch.allowance(
        createAllowance(limiter, slots, guard, (refusal) => {
          pace.tell(refusal);
        }),
      ),
      urlHealth: createUrlHealth(() => performance.now()),
      textTokens: createTextTokens(),
      pictureTokens: createTextTokens(),
      workflowIsOpen: isRunning,
      tellLimits: createTellLimits({ now: () => limiter.snapshot().limits, tell: tellRun }),
      now: Date.now,
      random: Math.random,
    }),
    tuner: limitedTuner(slots),
    // One poller: only then does the slot that the limiter gave belong to the next task.
    maxConcurrentActivityTaskPolls: 1,
  });
  // Both before anything is polled: the first call goes by the right limits, and at the pace of all workers together.
  const unfollow = await followStoredLimits({
    client: new Client({ connection, namespace: config.namespace, dataConverter }),
    modelQueue,
    own: config.limits,
    change(settings, storedAt) {
      limiter.setLimits(settings);
      logger.info({ ...settings, storedAt }, 'limits of the account');
    },
  });
  const pace = await paceQueue({
    connection,
    namespace: config.namespace,
    modelQueue,
    identity: modelWorker.options.identity,
    read() {
      const { limits, tokensPerCall, guessed } = limiter.snapshot();
      const { requestsPerMinute: requests, tokensPerMinute: tokens } = limits;
      return { perMinute: { requests, tokens }, tokensPerCall, guessed };
    },
    share: limiter.shareWith,
    count: limiter.usedBy,
    hear(refusal) {
      logger.warn({ modelQueue, ...refusal }, 'the provider refused another worker a call');
      heed(limiter, refusal);
    },
    logger,
  });
  const workers = [runWorker, modelWorker];
  watch.begin({
    connection,
    workers,
    queues: [config.taskQueue, modelQueue],
    limits: () => limiter.snapshot().limits,
  });
  const shutdown = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  logger.info(
    { address: config.address, taskQueue: config.taskQueue, modelQueue, ...limiter.snapshot().limits },
    'worker is ready',
  );
  return {
    ended: allEnded(workers, shutdown).finally(async () => {
      unfollow();
      await pace.stop();
      await watch.stop();
      await connection.close();
    }),
    shutdown,
  };
}

/** Runs the workers until all have ended; when one fails the others end too, and its failure is the outcome. */
async function allEnded(workers: readonly Worker[], shutdown: () => void): Promise<void> {
  const outcomes = await Promise.allSettled(workers.map((worker) => worker.run().finally(shutdown)));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Worker Versioning, where it is wished for: runs move to the version that is current (docs/deploys.md). */
function deploymentOf({ workerDeployment }: Config): Pick<WorkerOptions, 'workerDeploymentOptions'> {
  if (workerDeployment === null) return {};
  return {
    workerDeploymentOptions: {
      version: { deploymentName: workerDeployment, buildId: program().version },
      useWorkerVersioning: true,
      defaultVersioningBehavior: 'AUTO_UPGRADE',
    },
  };
}

function limitedTuner(slots: LimitedSlots): TunerHolder {
  return {
    workflowTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
    activityTaskSlotSupplier: slots.supplier,
    localActivityTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
    nexusTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
  };
}

async function tellRun(workflowId: string, limits: AccountLimits): Promise<void> {
  await Context.current().client.workflow.getHandle(workflowId).signal('limits', limits);
}

/**
 * Answers of a batch that is under way, or that ended without its shard. None where the server does not know it any
 * more, or closed it before it had begun. Rejects when nobody answers the query.
 */
async function answersOf(workflowId: string, runId?: string): Promise<ImageResult[]> {
  const { client } = Context.current();
  try {
    return await client.withDeadline(Date.now() + QUERY_MS, () =>
      client.workflow.getHandle(workflowId, runId).query<ImageResult[]>('answers'),
    );
  } catch (err) {
    if (err instanceof WorkflowNotFoundError || hadNotBegun(err)) return [];
    throw err;
  }
}

/** Answers of the earlier executions of the workflow that calls, the newest first. */
async function earlierAnswers(): Promise<ImageResult[]> {
  const { client, info } = Context.current();
  const { workflowId, runId: own } = info.workflowExecution ?? {};
  if (workflowId === undefined) return [];
  const found: ImageResult[] = [];
  let asked = 0;
  for await (const { runId } of client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) {
    if (runId === own) continue;
    found.push(...(await answersOf(workflowId, runId)));
    asked += 1;
    if (asked === EARLIER_ASKED) break;
  }
  return found;
}

/** gRPC's FAILED_PRECONDITION: "Workflow execution closed before WorkflowTaskStarted event". */
const FAILED_PRECONDITION: number = 9;
const hadNotBegun = (err: unknown): boolean =>
  err instanceof Error &&
  isGrpcServiceError(err.cause) &&
  Number(err.cause.code) === FAILED_PRECONDITION &&
  err.cause.details.includes('before WorkflowTaskStarted');

/** Whether the workflow, or that run of it, is open. Rejects when the server does not say. */
async function isRunning(workflowId: string, runId?: string): Promise<boolean> {
  const { client } = Context.current();
  try {
    const { status } = await client.withDeadline(Date.now() + QUERY_MS, () =>
      client.workflow.getHandle(workflowId, runId).describe(),
    );
    return status.name === 'RUNNING';
  } catch (err) {
    if (err instanceof WorkflowNotFoundError) return false;
    throw err;
  }
}
