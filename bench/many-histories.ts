import type { Client } from '@temporalio/client';

/** One closed execution of a workflow. */
export interface ClosedHistory {
  workflowId: string;
  runId: string;
  events: number;
  bytes: number;
}

/** The largest of a kind of payload. */
export interface LargestPayload {
  bytes: number;
  /** Whose: kind of event, and the activity's name where it has one. */
  of: string;
}

export interface Histories {
  /** The parent's executions, in the order of time. */
  parent: ClosedHistory[];
  children: number;
  largestChild: ClosedHistory;
  /** Of the parent's executions and of the largest children. */
  payloads: LargestPayload[];
}

/** So many of the largest children are read event by event; all parents are. */
const CHILDREN_READ = 100;

/** Looks at what a run left in the server. `batches`: children that must have ended. */
export async function historiesOf(client: Client, workflowId: string, batches: number): Promise<Histories> {
  const ended = "WorkflowType = 'analyzeBatch' AND ExecutionStatus != 'Running'";
  // The server lists an execution some moments after it has closed.
  for (let tries = 0; (await client.workflow.count(ended)).count < batches && tries < 60; tries += 1) {
    await new Promise((done) => setTimeout(done, 500));
  }
  const parent = (await closed(client, `WorkflowId = '${workflowId}'`)).reverse();
  const children = (await closed(client, ended)).sort((a, b) => b.bytes - a.bytes);
  const [largestChild] = children;
  if (largestChild === undefined) throw new Error('the run has no batches');
  const largest = new Map<string, number>();
  for (const history of [...parent, ...children.slice(0, CHILDREN_READ)]) {
    const handle = client.workflow.getHandle(history.workflowId, history.runId);
    const { events } = await handle.fetchHistory();
    const names = new Map<string, string>();
    for (const event of events ?? []) {
      const kind = Object.keys(event).find((key) => key.endsWith('EventAttributes')) ?? 'event';
      const attributes = (event as Record<string, unknown>)[kind] as Attributes | undefined;
      const name = attributes?.activityType?.name ?? attributes?.workflowType?.name ?? attributes?.signalName;
      if (name !== undefined) names.set(String(event.eventId), name);
      const whose = name ?? names.get(String(attributes?.scheduledEventId)) ?? '';
      const of = `${kind.slice(0, -'EventAttributes'.length)} ${whose}`.trim();
      largest.set(of, Math.max(largest.get(of) ?? 0, largestPayload(attributes)));
    }
  }
  const payloads = [...largest].map(([of, bytes]) => ({ of, bytes })).sort((a, b) => b.bytes - a.bytes);
  return { parent, children: children.length, largestChild, payloads };
}

interface Attributes {
  activityType?: { name?: string } | null;
  workflowType?: { name?: string } | null;
  signalName?: string;
  scheduledEventId?: unknown;
}

async function closed(client: Client, query: string): Promise<ClosedHistory[]> {
  const found: ClosedHistory[] = [];
  for await (const { workflowId, runId, historyLength, historySize } of client.workflow.list({ query })) {
    found.push({ workflowId, runId, events: historyLength, bytes: historySize ?? 0 });
  }
  return found;
}

/** Length of the largest piece of data anywhere below an event. */
function largestPayload(value: unknown): number {
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((most, inner) => Math.max(most, largestPayload(inner)), 0);
}
