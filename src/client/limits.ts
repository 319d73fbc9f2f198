import { WorkflowNotFoundError } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { limitSettings, wholeNumber, type Config } from '../config.ts';
import { cutToBytes, SUMMARY_BYTES } from '../shared/cut.ts';
import { limitsInWords, limitsStoredIn, SAID, sameLimits } from '../shared/limits.ts';
import { ACCOUNT_LIMITS, limitsWorkflowIdOf, modelQueueOf, workflowIdOf } from '../shared/names.ts';
import type { AccountLimitsInput, LimitSettings, Progress } from '../shared/types.ts';
import type { Server } from './connection.ts';
import { UsageError } from './deps.ts';
import { workersPoll } from './observe.ts';

/** How a command line tells limits: both at once, or one alone. */
export interface LimitFlags {
  /** `auto`, or `480/28000`. */
  limits?: string;
  rpm?: string;
  tpm?: string;
}

/** What was stored at the account (`null`: nothing) and what is now. */
export interface LimitsChange {
  before: LimitSettings | null;
  after: LimitSettings;
  /** A worker goes by what was stored before, for a moment: it looks every two seconds. */
  workerIsBehind: boolean;
}

/** The workers' look, and the answer on its way. */
const WORKERS_LOOK_MS = 2_500;
/** A worker that polls takes a signal up within a second; one that hangs, or has gone, is not waited for. */
const SIGNAL_MS = 3_000;
const DESCRIBE_MS = 5_000;
const QUERY_MS = 2_000;

/**
 * The limits that a command line tells; `null` when it tells none. `name` is what a person wrote both at once with.
 * Throws a `SettingError`, or a {@link UsageError} for two that contradict each other.
 */
export function limitsAsked(flags: LimitFlags, name = '--limits'): Partial<LimitSettings> | null {
  const { limits, rpm, tpm } = flags;
  if (limits !== undefined && (rpm !== undefined || tpm !== undefined)) {
    throw new UsageError(`Give ${name} ${limits}, or --rpm and --tpm, not both.`);
  }
  if (limits !== undefined) return limitSettings(name, limits);
  if (rpm === undefined && tpm === undefined) return null;
  return {
    ...(rpm === undefined ? {} : { requestsPerMinute: wholeNumber('--rpm', rpm) }),
    ...(tpm === undefined ? {} : { tokensPerMinute: wholeNumber('--tpm', tpm) }),
  };
}

/** An answer's cap alone is reserved against the limit. Throws a {@link UsageError} when no call ever fits. */
export function refuseTooFew(asked: Partial<LimitSettings>, config: Config): void {
  const { tokensPerMinute = 'auto' } = asked;
  if (tokensPerMinute === 'auto' || tokensPerMinute > config.maxOutputTokens) return;
  throw new UsageError(
    `${String(tokensPerMinute)} tokens a minute are too few for one call, which reserves ${config.maxOutputTokens} ` +
      'for its answer alone (MAX_OUTPUT_TOKENS). Give --tpm the limit of your account.',
  );
}

/** What is stored at the account of a configuration; `null`: nothing. Needs no worker. */
export async function storedLimits(
  { client, taskQueue }: Pick<Server, 'client' | 'taskQueue'>,
  config: Config,
): Promise<LimitSettings | null> {
  const handle = client.workflow.getHandle(limitsWorkflowIdOf(modelQueueOf(taskQueue, config.account)));
  try {
    return limitsStoredIn(await client.withDeadline(Date.now() + DESCRIBE_MS, () => handle.describe()));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/**
 * Stores limits at the account, for every worker of it and every run. What is not asked stays as it was stored, or
 * else as this configuration has it. Done when `describe` shows it, whether or not a worker runs.
 */
export async function changeLimits(
  server: Pick<Server, 'client' | 'namespace' | 'taskQueue'>,
  config: Config,
  asked: Partial<LimitSettings>,
): Promise<LimitsChange> {
  const before = await storedLimits(server, config);
  const after = { ...(before ?? config.limits), ...asked };
  refuseTooFew(after, config);
  if (before !== null && sameLimits(before, after)) return { before, after, workerIsBehind: false };

  const { client, namespace, taskQueue } = server;
  const modelQueue = modelQueueOf(taskQueue, config.account);
  const workflow = {
    taskQueue,
    workflowId: limitsWorkflowIdOf(modelQueue),
    args: [{ modelQueue, limits: after }] as [AccountLimitsInput],
    memo: { limits: after },
    staticSummary: cutToBytes(
      `limits of the account ${config.account.label} at ${config.account.endpoint}`,
      SUMMARY_BYTES,
    ),
  };
  await client.workflow.signalWithStart<(input: AccountLimitsInput) => Promise<void>, [LimitSettings]>(
    ACCOUNT_LIMITS,
    { ...workflow, signal: 'setLimits', signalArgs: [after] },
  );
  const polled = (await workersPoll(client, namespace, taskQueue)) !== false;
  const shown = async (): Promise<boolean> => {
    const stored = await storedLimits(server, config);
    return stored !== null && sameLimits(stored, after);
  };
  const end = Date.now() + (polled ? SIGNAL_MS : 0);
  while (!(await shown())) {
    if (Date.now() < end) {
      await sleep(100);
      continue;
    }
    // Nobody takes the signal up: a new workflow says at once what holds, so that a worker begins with it.
    await client.workflow.start(ACCOUNT_LIMITS, {
      ...workflow,
      workflowIdConflictPolicy: 'TERMINATE_EXISTING',
    });
    break;
  }
  return { before, after, workerIsBehind: polled };
}

/**
 * What a run goes by at this moment, in words: under `auto` what the provider's headers said last. `null` when no
 * worker answers for it.
 */
export async function inForce({ client }: Pick<Server, 'client'>, run: string): Promise<string | null> {
  // A run that was started by hand may have an ID of its own.
  for (const workflowId of [workflowIdOf(run), run]) {
    try {
      const { limits } = await client.withDeadline(Date.now() + QUERY_MS, () =>
        client.workflow.getHandle(workflowId).query<Progress>('progress'),
      );
      return `${limitsInWords(limits)}, ${SAID[limits.from]}`;
    } catch {
      continue;
    }
  }
  return null;
}

/** Waits until every worker has looked at what was changed. */
export async function untilFelt({ workerIsBehind }: LimitsChange): Promise<void> {
  if (workerIsBehind) await sleep(WORKERS_LOOK_MS);
}

/** `auto → 480 requests and 28,000 tokens a minute`. */
export function changeInWords({ before, after }: LimitsChange, own: LimitSettings): string {
  if (before !== null && sameLimits(before, after)) return `${limitsInWords(after)}, as before`;
  const was =
    before === null ? `nothing stored (a worker's own: ${limitsInWords(own)})` : limitsInWords(before);
  return `${was} → ${limitsInWords(after)}`;
}
