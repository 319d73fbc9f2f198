import { createHash, createHmac } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { log } from '@temporalio/activity';
import { redact } from '../shared/redact.ts';
import type { Counts } from '../shared/types.ts';
import { statedWaitMs } from './durations.ts';
import { closedAddress, type Lookup } from './receiver-address.ts';

export type NotifyEvent = 'complete' | 'incomplete' | 'cancelled' | 'failed' | 'blocked';

export interface NotifyInput {
  /** Whom to tell. */
  to: string;
  run: string;
  /** The run's own folder. */
  results: string;
  simulated: boolean;
  event: NotifyEvent;
  /** When it happened, ISO 8601, UTC. With the event and the place it makes one notification of several deliveries. */
  at: string;
  /** Why it failed or blocked, and what a person can do. */
  reason?: string;
  remedy?: string;
  counts: Pick<Counts, 'images' | 'imagesComplete' | 'answered' | 'failed'>;
}

export interface NotifyDeps {
  /** `NOTIFY_SECRET`; `null`: what is sent is not signed, and the log warns of it. */
  secret: string | null;
  fetch?: typeof globalThis.fetch;
  lookup?: Lookup;
  now?: () => number;
  /** Longest time for one delivery. */
  timeoutMs?: number;
}

/** What is sent, as JSON. */
export interface Notification {
  /** The same in every delivery of one event, and in the header {@link ID_HEADER}. */
  id: string;
  event: NotifyEvent;
  at: string;
  run: string;
  /** Results place of the run. */
  results: string;
  simulated: boolean;
  images: number;
  imagesComplete: number;
  answered: number;
  failed: number;
  reason: string | null;
  remedy: string | null;
}

const ID_HEADER = 'X-Image-Analysis-Id';
const TIMESTAMP_HEADER = 'X-Image-Analysis-Timestamp';
const SIGNATURE_HEADER = 'X-Image-Analysis-Signature';

/** A receiver that asks for longer is told again after so long all the same: the run tries for some minutes only. */
const LONGEST_WAIT_MS = 60_000;

/**
 * Tells a URL by POST that a run has ended, failed or blocked. A receiver that is not there, is busy or fails is told
 * again by Temporal (failure `NotNotified`); one that refuses is not. Redirects are not followed, since they would lead
 * away from whom the person named, and nothing is sent to where credentials of the machine are had (see
 * {@link closedAddress}); no more is read of a reply than its status. The URL's path, which is a secret with some
 * receivers, is in no message.
 */
export function createNotify(deps: NotifyDeps) {
  const { secret, fetch = globalThis.fetch, now = Date.now, timeoutMs = 10_000 } = deps;
  return async function notify(input: NotifyInput): Promise<void> {
    const { to } = input;
    const receiver = new URL(to);
    const { host } = receiver;
    if (secret === null) log.warn('a notification goes out unsigned: set NOTIFY_SECRET', { host });
    const notification = notificationOf(input);
    const body = JSON.stringify(notification);
    const timestamp = String(Math.floor(now() / 1000));
    const headers = {
      'Content-Type': 'application/json; charset=utf-8',
      'User-Agent': 'image-analysis',
      [ID_HEADER]: notification.id,
      [TIMESTAMP_HEADER]: timestamp,
      ...(secret === null ? {} : { [SIGNATURE_HEADER]: signatureOf(secret, timestamp, body) }),
    };
    let response: Response;
    try {
      const closed = await closedAddress(receiver, deps.lookup);
      if (closed !== null) {
        const why = `${closed} is a link-local or reserved address`;
        throw notNotified(`${host} is no receiver: ${why}`, { retry: false });
      }
      const signal = AbortSignal.timeout(timeoutMs);
      response = await fetch(to, { method: 'POST', body, headers, redirect: 'manual', signal });
    } catch (error) {
      if (error instanceof ApplicationFailure) throw error;
      throw notNotified(`${host} cannot be told: ${networkProblem(error, timeoutMs)}`, { retry: true });
    }
    await response.body?.cancel().catch(() => undefined);
    if (response.ok) return;
    const { status } = response;
    throw notNotified(
      `${host} answered ${status}${status >= 300 && status < 400 ? ', which is not followed' : ''}`,
      {
        retry: status >= 500 || status === 429 || status === 408,
        afterMs: statedWaitMs(Object.fromEntries(response.headers), '', now()),
      },
    );
  };
}

/** `sha256=` and the HMAC, in hexadecimal digits, of the timestamp's header, a dot and the body as it was received. */
const signatureOf = (secret: string, timestamp: string, body: string): string =>
  `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;

function notificationOf({ event, at, run, results, simulated, counts, ...input }: NotifyInput): Notification {
  const { images, imagesComplete, answered, failed } = counts;
  const words = (text: string | undefined): string | null => (text === undefined ? null : redact(text));
  return {
    id: createHash('sha256').update(`${results}\n${event}\n${at}`).digest('hex').slice(0, 32),
    event,
    at,
    run,
    results,
    simulated,
    images,
    imagesComplete,
    answered,
    failed,
    reason: words(input.reason),
    remedy: words(input.remedy),
  };
}

function notNotified(
  message: string,
  { retry, afterMs = null }: { retry: boolean; afterMs?: number | null },
): ApplicationFailure {
  return ApplicationFailure.create({
    message: redact(message),
    type: 'NotNotified',
    nonRetryable: !retry,
    ...(retry && afterMs !== null ? { nextRetryDelay: Math.min(afterMs, LONGEST_WAIT_MS) } : {}),
  });
}

/** What `fetch` says of it is "fetch failed"; the system's code is in its cause. */
function networkProblem(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  const { cause } = error;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return cause instanceof Error ? cause.message : error.message;
}
