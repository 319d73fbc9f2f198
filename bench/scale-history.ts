/** An event of a history as the client gives it: its kind is the name of the attributes that it has. */
export type HistoryEvent = Record<string, unknown>;

/** What a history holds, by what caused it: an activity's name, `child`, `timer`, `signal`, `workflow`. */
export interface Use {
  events: Record<string, number>;
  /** The server's size of the whole history, shared out by the length of the events as JSON. */
  bytes: Record<string, number>;
  /** Events by kind, such as `timerStarted`; each activity by its name too, its retries as `activityRetry`. */
  counts: Record<string, number>;
}

export const emptyUse = (): Use => ({ events: {}, bytes: {}, counts: {} });

interface Attributes {
  activityType?: { name?: string };
  scheduledEventId?: unknown;
  startedEventId?: unknown;
  attempt?: number;
}

/**
 * Sums a history up. A workflow task belongs to what woke the workflow: the event before it. Where several things
 * wake it at once, to the last of them.
 */
export function useOf(events: readonly HistoryEvent[], bytes: number): Use {
  const use = emptyUse();
  const activities = new Map<string, string>();
  const lengths = events.map((event) => JSON.stringify(event).length);
  const length = lengths.reduce((sum, n) => sum + n, 0);
  let cause = 'workflow';
  for (const [n, event] of events.entries()) {
    const kind = kindOf(event);
    const attributes = (event[`${kind}EventAttributes`] ?? {}) as Attributes;
    count(use.counts, kind);
    if (kind === 'activityTaskStarted') count(use.counts, 'activityRetry', (attributes.attempt ?? 1) - 1);
    if (!kind.startsWith('workflowTask')) {
      if (kind === 'activityTaskScheduled') {
        activities.set(String(event['eventId']), attributes.activityType?.name ?? 'activity');
        cause = attributes.activityType?.name ?? 'activity';
        count(use.counts, cause);
      } else if (kind.startsWith('activityTask')) {
        cause = activities.get(String(attributes.scheduledEventId)) ?? 'activity';
      } else if (/child/i.test(kind)) cause = 'child';
      else if (kind.startsWith('timer')) cause = 'timer';
      else if (/signal/i.test(kind)) cause = 'signal';
      else cause = 'workflow';
    }
    count(use.events, cause);
    count(use.bytes, cause, (bytes * (lengths[n] ?? 0)) / length);
  }
  return use;
}

const kindOf = (event: HistoryEvent): string =>
  Object.keys(event)
    .find((key) => key.endsWith('EventAttributes') && event[key] != null)
    ?.slice(0, -'EventAttributes'.length) ?? 'unknown';

function count(into: Record<string, number>, name: string, by = 1): void {
  into[name] = (into[name] ?? 0) + by;
}
