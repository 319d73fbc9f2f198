import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type ReplayWorkerOptions, Worker } from '@temporalio/worker';

interface Recorded {
  events: { workflowExecutionStartedEventAttributes?: { workflowId?: string } }[];
}

/** The workflow code of `src/`, and the interceptor with which it is bundled for traces. */
export const WORKFLOWS = fileURLToPath(new URL('../../src/workflows/index.ts', import.meta.url));
export const WITH_TRACES = fileURLToPath(new URL('../../src/workflows/tracing.ts', import.meta.url));

/**
 * Runs workflow code on a recorded history (a file as `temporal workflow show --output json` and the Web UI write it),
 * with no server and no activity. Rejects where the code does something else than the history says.
 */
export async function replay(file: string, options: ReplayWorkerOptions): Promise<void> {
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as Recorded;
  // The run names its batches after itself.
  const { workflowId } = recorded.events[0]?.workflowExecutionStartedEventAttributes ?? {};
  await Worker.runReplayHistory(options, historyOf(recorded), workflowId);
}

/**
 * The SDK's own reader refuses a history in JSON where npm installs several copies of protobufjs: the message types
 * must come from the copy that reads.
 */
function historyOf(recorded: Recorded): unknown {
  const ofWorker = createRequire(createRequire(import.meta.url).resolve('@temporalio/worker'));
  const ofProto = createRequire(ofWorker.resolve('@temporalio/proto'));
  const { temporal } = ofWorker('@temporalio/proto') as {
    temporal: { api: { history: { v1: { History: unknown } } } };
  };
  const { fromJson } = ofProto('protobufjs/ext/protojson') as {
    fromJson(type: unknown, json: unknown, options: { ignoreUnknownFields: boolean }): unknown;
  };
  return fromJson(temporal.api.history.v1.History, recorded, { ignoreUnknownFields: true });
}
