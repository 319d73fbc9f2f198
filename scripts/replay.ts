// `npx tsx scripts/replay.ts history.json`: runs the workflow code of src/ on a recorded history, with no server and no
// activity. Fails where the code does something else than the history says.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';

interface Recorded {
  events: { workflowExecutionStartedEventAttributes?: { workflowId?: string } }[];
}

/**
 * Reads a history as `temporal workflow show --output json` and the Web UI write it. The SDK's own reader refuses it
 * where npm installs several copies of protobufjs: the message types must come from the copy that reads.
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

const [file] = argv.slice(2);
if (file === undefined) throw new Error('name a history: npx tsx scripts/replay.ts history.json');
const recorded = JSON.parse(readFileSync(file, 'utf8')) as Recorded;

Runtime.install({ logger: new DefaultLogger('WARN') });
await Worker.runReplayHistory(
  { workflowsPath: fileURLToPath(new URL('../src/workflows/index.ts', import.meta.url)) },
  historyOf(recorded),
  // The run names its batches after itself.
  recorded.events[0]?.workflowExecutionStartedEventAttributes?.workflowId,
);
console.log(`${file}: the code does what the history says`);
