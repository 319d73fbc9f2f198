import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { RecordedAnswer } from '../shared/rebuilt.ts';
import type { AskResult } from '../shared/types.ts';
import { decoded } from './decode.ts';

/** The activity that asks one question about one picture, and the part of its input that says which. */
const ASK = 'askModel';
interface Asked {
  page: number;
  image: number;
  prompt: string;
}

/**
 * The answers that a batch's histories hold, over all executions under its ID that the server still keeps. Needs no
 * worker. Of answers that never became an event it knows nothing; empty where the server has no such workflow.
 */
export async function recordedAnswers(client: Client, workflowId: string): Promise<RecordedAnswer[]> {
  const found: RecordedAnswer[] = [];
  try {
    for await (const { runId } of client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) {
      const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      const asked = new Map<string, Asked>();
      for (const event of events ?? []) {
        const scheduled = event.activityTaskScheduledEventAttributes;
        if (scheduled?.activityType?.name === ASK)
          asked.set(String(event.eventId), await decoded<Asked>(client, scheduled.input?.payloads));
        const completed = event.activityTaskCompletedEventAttributes;
        const question = completed && asked.get(String(completed.scheduledEventId));
        if (!question) continue;
        const { page, image, prompt } = question;
        const result = await decoded<AskResult>(client, completed.result?.payloads);
        const at = new Date(Number(event.eventTime?.seconds ?? 0) * 1000).toISOString();
        found.push({ page, index: image, prompt, result, at });
      }
    }
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  return found;
}
