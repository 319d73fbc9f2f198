import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { GRPC, grpcCode } from '../../connection/grpc.ts';
import { createAtMost } from '../../shared/at-most.ts';
import { ANALYZE_IMAGES } from '../../shared/names.ts';
import type { Server } from '../connection.ts';

/** One execution of a workflow. */
export interface Execution {
  workflowId: string;
  runId: string;
}

/** Workflow type of a run's batches. */
const ANALYZE_BATCH = 'analyzeBatch';

/** Requests to the server that are open at once. */
const AT_ONCE = 16;

/** A server deletes in the background: what has just closed only when it has taken care of all that the close brings. */
const DELETED_WITHIN_MS = 120_000;

/** Who waits longer is told why. */
const PATIENCE_MS = 3_000;

const literal = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** Every execution under a workflow ID that the server still has. */
export async function executionsOf(client: Client, workflowId: string): Promise<Execution[]> {
  const runIds = new Set<string>();
  for await (const { runId } of client.workflow.list({ query: `WorkflowId = ${literal(workflowId)}` }))
    runIds.add(runId);
  // Lists are a moment old: the newest one may not be in it yet.
  try {
    runIds.add((await client.workflow.getHandle(workflowId).describe()).runId);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  const found: Execution[] = [];
  for (const runId of runIds)
    if (await isThere(client, { workflowId, runId })) found.push({ workflowId, runId });
  return found;
}

/** Whether a batch of the run is under way, though the run itself is not. */
export async function hasOpenBatch(client: Client, workflowId: string): Promise<boolean> {
  const query =
    `WorkflowType = '${ANALYZE_BATCH}' AND ExecutionStatus = 'Running' ` +
    `AND WorkflowId STARTS_WITH ${literal(`${workflowId}-batch-`)}`;
  for await (const { workflowId: id } of client.workflow.list({ query }))
    if (/^\d+$/.test(id.slice(`${workflowId}-batch-`.length))) return true;
  return false;
}

/**
 * Executions of runs and batches on our task queue that closed before a time, but for those of runs that are under way:
 * earlier executions of such a run, and its batches.
 */
export async function endedBefore(server: Server, time: Date): Promise<Execution[]> {
  const { client, taskQueue } = server;
  const live = new Set<string>();
  const open = `WorkflowType = '${ANALYZE_IMAGES}' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of client.workflow.list({ query: open })) live.add(workflowId);
  const closed =
    `WorkflowType IN ('${ANALYZE_IMAGES}', '${ANALYZE_BATCH}') AND ExecutionStatus != 'Running' ` +
    `AND CloseTime < '${time.toISOString()}'`;
  const found: Execution[] = [];
  for await (const info of client.workflow.list({ query: closed })) {
    const { workflowId, runId, parentExecution } = info;
    const isLive = live.has(workflowId) || live.has(parentExecution?.workflowId ?? '');
    // Another task queue is another team's, or another account's.
    if (info.taskQueue === taskQueue && !isLive) found.push({ workflowId, runId });
  }
  return found;
}

/**
 * Has the server delete closed executions, with their histories, and waits until it has; `say` is told when that takes a
 * while. Throws an Error where some are still there after two minutes: the server goes on with them by itself.
 */
export async function deleteExecutions(
  { client, namespace }: Pick<Server, 'client' | 'namespace'>,
  executions: readonly Execution[],
  say: (line: string) => void,
): Promise<void> {
  const atMost = createAtMost(AT_ONCE);
  const remove = async (workflowExecution: Execution): Promise<void> => {
    try {
      await client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution });
    } catch (error) {
      if (grpcCode(error) !== GRPC.notFound) throw error;
    }
  };
  await Promise.all(executions.map((execution) => atMost(() => remove(execution))));
  const began = Date.now();
  let told = false;
  for (let left = executions; left.length > 0; await sleep(200)) {
    const there = await Promise.all(left.map((execution) => atMost(() => isThere(client, execution))));
    left = left.filter((_, n) => there[n]);
    const waited = Date.now() - began;
    if (left.length > 0 && waited > DELETED_WITHIN_MS)
      throw new Error(
        `the server has taken it up, and has not deleted ${left.length} of ${executions.length} yet`,
      );
    if (left.length === 0 || told || waited < PATIENCE_MS) continue;
    say('Waiting for the Temporal server, which deletes what has just ended after a minute or so.');
    told = true;
  }
}

async function isThere(client: Client, { workflowId, runId }: Execution): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId, runId).describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Whether a workflow's histories, over all its executions that the server still has, hold one of the names. */
export async function historiesName(
  client: Client,
  workflowId: string,
  names: readonly string[],
): Promise<boolean> {
  const { payloadCodecs } = client.options.loadedDataConverter;
  for (const { runId } of await executionsOf(client, workflowId)) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    let payloads = payloadsIn(events ?? []);
    for (const codec of payloadCodecs.toReversed()) payloads = await codec.decode(payloads);
    const texts = payloads.map(({ data }) => Buffer.from(data ?? []).toString('utf8'));
    if (texts.some((text) => names.some((name) => holdsName(text, name)))) return true;
  }
  return false;
}

/** The name as JSON or a sentence has it, and not the end of a longer one. */
export function holdsName(text: string, name: string): boolean {
  for (const spelt of new Set([name, JSON.stringify(name).slice(1, -1)])) {
    for (let at = text.indexOf(spelt); at >= 0; at = text.indexOf(spelt, at + 1))
      if (!/[\w.-]/.test(text[at - 1] ?? ' ') && !/\w/.test(text[at + spelt.length] ?? ' ')) return true;
  }
  return false;
}

/** Every payload below a value, wherever the API has put it. */
function payloadsIn(value: unknown): Payload[] {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return [];
  if ('metadata' in value && 'data' in value && value.data instanceof Uint8Array) return [value as Payload];
  return Object.values(value).flatMap(payloadsIn);
}
