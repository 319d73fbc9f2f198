import type { Client, WorkflowHandle } from '@temporalio/client';
import { WorkflowFailedError } from '@temporalio/client';
import temporalProto from '@temporalio/proto';

const { History, HistoryEvent } = temporalProto.temporal.api.history.v1;
const { EventType } = temporalProto.temporal.api.enums.v1;

/** One event of a history, its payloads as text. */
export interface DecodedEvent {
  /** As the API names it: `EVENT_TYPE_TIMER_STARTED`. */
  type: string;
  /** Name of the activity that was scheduled; empty for other events. */
  activityType: string;
  /** The activity's input as JSON text. */
  input: string;
  /** The whole event as the server gave it: its texts, and its payloads' too, can be found in it. */
  all: string;
}

/** A workflow's history with every payload decoded, so that it can be searched for what must not be in it. */
export async function decodedHistory(client: Client, workflowId: string): Promise<DecodedEvent[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).map((event) => {
    const scheduled = event.activityTaskScheduledEventAttributes;
    return {
      type: EventType[event.eventType ?? 0] ?? '',
      activityType: scheduled?.activityType?.name ?? '',
      input: scheduled?.input?.payloads?.map((payload) => textOf(payload.data)).join('\n') ?? '',
      // Not as JSON, in which the payloads' bytes are base64.
      all: textOf(HistoryEvent.encode(event).finish()),
    };
  });
}

const textOf = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('utf8');

/** A history as it is kept, on the wire: JSON would show its payloads in base64, in which nobody finds a word. */
export async function keptHistory(client: Client, workflowId: string): Promise<string> {
  const history = await client.workflow.getHandle(workflowId).fetchHistory();
  return Buffer.from(History.encode(history).finish()).toString('latin1');
}

/** The message with which a workflow failed, over its whole chain of causes. */
export async function failureOf(handle: WorkflowHandle): Promise<string> {
  try {
    await handle.result();
  } catch (err) {
    const messages: string[] = [];
    for (let cause: unknown = err; cause instanceof Error; cause = cause.cause) messages.push(cause.message);
    if (err instanceof WorkflowFailedError) return messages.join('\n');
    throw err;
  }
  throw new Error('the workflow did not fail');
}
