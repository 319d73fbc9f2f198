import { isGrpcServiceError } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { GRPC } from '../connection/grpc.ts';
import type { Logger } from '../logger.ts';
import { QUEUE_OF } from '../shared/names.ts';
import {
  type AccountPace,
  callsPerSecond,
  createAges,
  decide,
  type QueueView,
  type Refusal,
  refusalIn,
  refusalInWords,
} from './queue-decision.ts';

const REFUSED: readonly number[] = [GRPC.permissionDenied, GRPC.unimplemented];

/**
 * The server notes a poll at its start and at its end (measured), and a poll without work lasts a minute: a worker that
 * it has not noted for so long is gone. Without the dynamic configuration `frontend.enableCancelWorkerPollsOnShutdown`
 * it keeps even one that said goodbye in its list, for five minutes.
 */
const GONE_AFTER_MS = 75_000;

/** Node's timers take no longer time; what opens later opens at a look. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A call that gets no answer for so long counts as failed. */
const LOOK_MS = 5_000;

/** After so many failures in a row the rate counts as one that cannot be set. */
const LASTING = 5;

/** A reason that a person reads in `temporal task-queue config get`. */
const ALONE = 'image-analysis: one worker, which paces itself';
const INEXACT = 'image-analysis: with several partitions each worker takes its part of the limits';
const together = ({ perMinute: { requests, tokens }, tokensPerCall }: AccountPace, workers: number): string =>
  `image-analysis: ${Math.round(requests)} requests and ${Math.round(tokens)} tokens a minute, ` +
  `${Math.round(tokensPerCall)} tokens a call, for all workers together (${workers})`;

/**
 * Lets the workers of one account share its limits, with the engine as coordinator: two workers or more have the server
 * pace their model queue, which holds for all of them together; one alone removes that rate, since its own limiter
 * paces in tokens, call by call. Every worker does the same, so that any of them may come, end or be killed. When the
 * provider refuses one of them a call, it closes the queue for all, and the others' own gates with it.
 *
 * Resolves after the first look, and only then may the worker poll; stop it when the worker stops polling. Where the
 * server cannot pace, it says so once and gives each worker its part. It never rejects: what fails is tried again at
 * the next look. A rate that a person sets on the queue is overwritten: a person sets the account's limits.
 */
export async function paceQueue(options: {
  /** May be the one that the worker uses. */
  connection: Pick<NativeConnection, 'workflowService' | 'withDeadline'>;
  namespace: string;
  modelQueue: string;
  /** Of the worker that polls the queue. Two with the same identity would count as one. */
  identity: string;
  /** Read at every look. */
  read: () => AccountPace;
  /** Told whenever it changes: by its own limiter this worker takes one n-th of the limits. 1 where the server paces. */
  share(workers: number): void;
  /** Told whenever it changes: so many workers poll the queue. */
  count(workers: number): void;
  /** Told once: the provider refused another worker a call. */
  hear(refusal: Refusal): void;
  logger: Logger;
  /** Time between two looks, in milliseconds. */
  everyMs?: number;
  /** A clock that does not jump, in milliseconds. */
  now?: () => number;
}): Promise<{ tell(refusal: Refusal): void; stop(): Promise<void> }> {
  const { connection, namespace, modelQueue, identity, logger, everyMs = 2_000 } = options;
  const { workflowService } = connection;
  const now = options.now ?? (() => performance.now());
  const agesOfPollers = createAges(now);
  const ageOfRate = createAges(now);
  let stopped = false;
  let settable = true;
  let hasPolled = false;
  let hasWarned = false;
  let failures = 0;
  let workers: number | null = null;
  let share: number | null = null;
  let refused: Refusal | null = null;
  let closedUntil = -Infinity;
  let heard = '';

  const look = async (account: AccountPace): Promise<QueueView> => {
    const taskQueue = { name: modelQueue };
    const [{ pollers, config }, { activityTaskQueuePartitions }] = await Promise.all([
      workflowService.describeTaskQueue({
        namespace,
        taskQueue,
        taskQueueType: QUEUE_OF.activities,
        reportConfig: true,
      }),
      workflowService.listTaskQueuePartitions({ namespace, taskQueue }),
    ]);
    const ages = agesOfPollers(
      (pollers ?? []).map((poller) => [poller.identity ?? '', text(poller.lastAccessTime)]),
    );
    const live = new Set([...ages].filter(([, age]) => age < GONE_AFTER_MS).map(([name]) => name));
    const polls = live.has(identity);
    hasPolled ||= polls;
    const { rateLimit, metadata } = config?.queueRateLimit ?? {};
    const setBy = metadata?.updateIdentity ?? '';
    const setAt = text(metadata?.updateTime);
    const ageMs = ageOfRate([[setBy, setAt]]).get(setBy) ?? 0;
    const byOther = setBy !== identity && live.has(setBy);
    const refusal = refusalIn(metadata?.reason ?? '');
    if (refusal !== null && byOther && heard !== setAt) {
      heard = setAt;
      options.hear(refusal);
    }
    const othersMs = refusal === null || !byOther ? 0 : refusal.closeMs - ageMs;
    return {
      partitions: activityTaskQueuePartitions?.length ?? 1,
      settable,
      workers: live.size + (polls ? 0 : 1),
      self: polls ? 'polling' : hasPolled ? 'silent' : 'starting',
      rate: rateLimit
        ? {
            perSecond: rateLimit.requestsPerSecond ?? 0,
            byOther,
            ageMs,
            closedForMs: Math.max(0, othersMs, closedUntil - now()),
          }
        : null,
      wanted: callsPerSecond(account),
      guessed: account.guessed ?? false,
    };
  };

  /** `null` removes the limit. */
  const setRate = async (requestsPerSecond: number | null, reason: string): Promise<void> => {
    await workflowService.updateTaskQueueConfig({
      namespace,
      identity,
      taskQueue: modelQueue,
      taskQueueType: QUEUE_OF.activities,
      updateQueueRateLimit: { rateLimit: requestsPerSecond === null ? null : { requestsPerSecond }, reason },
    });
  };

  const warnOnce = (why: string): void => {
    if (hasWarned) return;
    hasWarned = true;
    logger.warn({ modelQueue }, `the server cannot pace the workers of this account together: ${why}`);
  };

  const act = async (view: QueueView, account: AccountPace): Promise<void> => {
    const decision = decide(view);
    if (decision.share !== share) options.share((share = decision.share));
    if (view.workers !== workers) {
      workers = view.workers;
      options.count(workers);
      logger.info({ modelQueue, workers }, 'workers that share the account');
    }
    if (view.partitions > 1)
      warnOnce(
        `${modelQueue} has ${view.partitions} partitions, where its rate is not exact. Set the server's dynamic ` +
          'configuration matching.numTaskqueueReadPartitions=1 and matching.numTaskqueueWritePartitions=1. ' +
          'Until then each worker takes its part of the limits',
      );
    const closing = refused;
    refused = null;
    if (closing !== null && isShared(view)) {
      if (closing.closeMs <= (view.rate?.closedForMs ?? 0) && !closing.slowDown) return;
      closedUntil = now() + closing.closeMs;
      await setRate(0, refusalInWords(closing));
      return;
    }
    if (decision.rate === 'set') await setRate(view.wanted, together(account, view.workers));
    if (decision.rate === 'remove') await setRate(null, view.partitions > 1 ? INEXACT : ALONE);
  };

  const lookAndAct = async (): Promise<void> => {
    const account = options.read();
    let view: QueueView | null = null;
    try {
      view = await look(account);
      await act(view, account);
      failures = 0;
    } catch (error) {
      failures += 1;
      if (!isRefused(error) && (view === null || failures < LASTING)) {
        logger.debug({ modelQueue, error: String(error) }, 'the model queue was not looked at');
        return;
      }
      settable = false;
      const why = isRefused(error) ? error.details : String(error);
      warnOnce(
        view === null
          ? `${why}. Nor does it tell how many there are: each follows the provider's headers`
          : `${why}. Each worker takes its part of the limits`,
      );
      if (view !== null) await act({ ...view, settable }, account);
    }
  };

  let current = Promise.resolve();
  const within = (): Promise<void> => {
    current = current.then(() => connection.withDeadline(Date.now() + LOOK_MS, lookAndAct));
    return current;
  };
  await within();
  const timers = new Set<NodeJS.Timeout>();
  const after = (ms: number, act: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, ms);
    timers.add(timer);
  };
  const next = (): void => {
    if (!stopped) after(everyMs, () => void within().finally(next));
  };
  next();
  return {
    tell({ closeMs, slowDown }) {
      if (stopped || workers === 1) return;
      // A queue that stays closed until the others have looked tells each of them to slow down.
      refused = { closeMs: slowDown ? Math.max(closeMs, 1.5 * everyMs) : closeMs, slowDown };
      void within();
      // It opens in time, and not at the next look.
      if (refused.closeMs < LONGEST_TIMER_MS) after(refused.closeMs, () => void within());
    },
    async stop() {
      stopped = true;
      for (const timer of timers) clearTimeout(timer);
      await current;
    },
  };
}

/** Several workers are paced by the queue. */
const isShared = ({ workers, partitions, settable }: QueueView): boolean =>
  workers > 1 && partitions === 1 && settable;

/** A time of the server, to be compared only. */
const text = (time: { seconds?: unknown; nanos?: number | null } | null | undefined): string =>
  `${String(time?.seconds)}.${time?.nanos ?? 0}`;

const isRefused = (error: unknown): error is Error & { details: string } =>
  isGrpcServiceError(error) && REFUSED.includes(error.code);
