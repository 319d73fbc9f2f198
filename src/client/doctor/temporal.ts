import { Connection } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { Config } from '../../config.ts';
import { modelQueueOf, SEARCH_ATTRIBUTES } from '../../shared/names.ts';
import { plural } from '../../shared/phrases.ts';
import { attach } from '../engine/attach.ts';
import { engineConfig } from '../engine/launch.ts';
import { type Check, type Finding, ok, skipped, warn, wrong } from './check.ts';
import { connectionInWords, endpointOf, speaksTls, tcpProblem } from './network.ts';

/** Parts of one check's time. */
const TCP_MS = 3_000;
const CONNECT_MS = 4_000;
const TLS_MS = 2_000;
const CALL_MS = 8_000;

/** TaskQueueType of the Temporal API. */
const WORKFLOW = 1;
const ACTIVITY = 2;

/** IndexedValueType of the Temporal API, for the types that our attributes have. */
const VALUE_TYPES: Record<string, number> = { Keyword: 2, Bool: 5 };

/** gRPC's status codes. */
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;
const UNAUTHENTICATED = 16;

/**
 * A poll without work lasts a minute, and the server keeps one that has ended in its list for five: whoever was not
 * noted for so long is gone, or held back by its limiter (`src/worker/queue-pace.ts`).
 */
const GONE_AFTER_MS = 75_000;

/** The links at the Temporal server, and how to let go of it once the checks have ended. */
export interface TemporalChecks {
  checks: Check[];
  close(): Promise<void>;
}

/** Checks of the server, from its address to the workers that poll it. They start nothing and change nothing. */
export function temporalChecks(
  config: Config,
  { calledAs, now }: { calledAs: string; now: () => number },
): TemporalChecks {
  const embedded = config.address === null;
  const { namespace, taskQueue } = embedded ? engineConfig(config) : config;
  const modelQueue = modelQueueOf(taskQueue, config.account);
  let address = config.address ?? '';
  let connection: Connection | null = null;

  /** For the checks that need the server, which are not run without a connection. */
  const call = <T>(ask: (to: Connection) => Promise<T>): Promise<T> => {
    const to = connection;
    if (to === null) return Promise.reject(new Error('There is no connection to the Temporal server.'));
    return to.withDeadline(Date.now() + CALL_MS, () => ask(to));
  };
  const temporal = (rest: string): string => `\`temporal ${rest} --address ${address}\``;

  async function connect(): Promise<Finding> {
    try {
      const made = await Connection.connect({ address, connectTimeout: CONNECT_MS });
      connection = made;
      const { serverVersion } = await call((to) => to.workflowService.getSystemInfo({}));
      const whose = embedded ? 'The embedded server' : 'A Temporal server';
      return ok(`${whose} answers at ${address}, version ${serverVersion ?? 'unknown'}.`);
    } catch (error) {
      return connectProblem(error);
    }
  }

  async function connectProblem(error: unknown): Promise<Finding> {
    if ([PERMISSION_DENIED, UNAUTHENTICATED].includes(grpcCode(error))) {
      return wrong(
        `The server at ${address} refuses this program: ${messageOfGrpc(error)}.`,
        'Name a server that takes connections without credentials, for example TEMPORAL_ADDRESS=localhost:7233, ' +
          'or a proxy that adds them.',
      );
    }
    if (await speaksTls(endpointOf(address), TLS_MS)) {
      return wrong(
        `The server at ${address} speaks TLS, and this program connects to it without.`,
        'Name an address that is served without TLS, for example TEMPORAL_ADDRESS=localhost:7233, or a proxy ' +
          'beside this program that adds it.',
      );
    }
    return wrong(
      `What answers at ${address} is no Temporal server.`,
      'Name the address of its frontend, which is not that of its Web UI (8080 or 8233), for example ' +
        'TEMPORAL_ADDRESS=localhost:7233.',
    );
  }

  async function lookAtServer(): Promise<Finding> {
    if (!embedded) {
      const code = await tcpProblem(endpointOf(address), TCP_MS);
      if (code === null) return connect();
      return wrong(
        `No Temporal server answers at ${address}: ${connectionInWords(code)}.`,
        'Start it, correct TEMPORAL_ADDRESS or --address (for example localhost:7233), or leave both out to use ' +
          'the embedded server.',
      );
    }
    const attachment = await attach(config.dataDir, { worker: false });
    await attachment?.leave();
    const status = attachment?.status() ?? null;
    if (status === null) {
      return skipped(
        `The embedded engine of ${config.dataDir} does not run, which is no fault: ${calledAs} run starts it.`,
        `To have its links looked at too, leave a run to it: \`${calledAs} run ./pictures --detach\`.`,
      );
    }
    if (status.state === 'failed') {
      return wrong(
        `The embedded engine has failed: ${status.message ?? 'it does not say why'}`,
        `Mend that; the next command starts it again. Its logs are in ${config.dataDir}.`,
      );
    }
    if (status.state !== 'ready')
      return skipped(`The embedded engine is ${status.state}: ask again in a moment.`);
    if (status.trouble !== null) {
      return wrong(`The embedded engine stands still: ${status.trouble}`, 'Mend that; it goes on by itself.');
    }
    address = status.address;
    return connect();
  }

  async function lookAtNamespace(): Promise<Finding> {
    try {
      const { config: kept } = await call((to) => to.workflowService.describeNamespace({ namespace }));
      const days = (optionalTsToMs(kept?.workflowExecutionRetentionTtl) ?? 0) / 86_400_000;
      return ok(`${namespace} is there; it keeps ended runs for ${plural(Math.round(days), 'day')}.`);
    } catch (error) {
      if (grpcCode(error) !== NOT_FOUND) throw error;
      return wrong(
        `The server has no namespace ${JSON.stringify(namespace)}.`,
        'Correct TEMPORAL_NAMESPACE, or make it: ' +
          `${temporal(`operator namespace create --namespace ${namespace} --retention 30d`)}.`,
      );
    }
  }

  async function lookAtAttributes(): Promise<Finding> {
    const wanted = Object.entries(SEARCH_ATTRIBUTES);
    let there: Record<string, unknown>;
    try {
      there = (await call((to) => to.operatorService.listSearchAttributes({ namespace }))).customAttributes;
    } catch (error) {
      if (![PERMISSION_DENIED, UNIMPLEMENTED].includes(grpcCode(error))) throw error;
      return warn(
        `The server does not tell which search attributes it has: ${messageOfGrpc(error)}.`,
        `Look there for ${wanted.map(([name, type]) => `${name} (${type})`).join(', ')}.`,
      );
    }
    const missing = wanted.filter(([name]) => !(name in there));
    const odd = wanted.filter(([name, type]) => name in there && Number(there[name]) !== VALUE_TYPES[type]);
    const create = (some: typeof wanted): string =>
      temporal(
        `operator search-attribute create --namespace ${namespace} ` +
          some.map(([name, type]) => `--name ${name} --type ${type}`).join(' '),
      );
    const names = (some: typeof wanted): string => some.map(([name]) => name).join(', ');
    if (odd.length > 0) {
      return wrong(
        `Of another type than this program needs: ${names(odd)}.`,
        `Remove them (\`temporal operator search-attribute remove\`), then: ${create([...odd, ...missing])}.`,
      );
    }
    if (missing.length > 0) {
      return wrong(
        `The namespace lacks search attributes, by which runs are found: ${names(missing)}.`,
        `${create(missing)}.`,
      );
    }
    return ok(`${names(wanted)} are there.`);
  }

  /** Whether the server has a rate for a queue to set. What is sent is refused by whoever has: a rate below 0. */
  async function rateProblem(): Promise<string | null> {
    try {
      await call((to) =>
        to.workflowService.updateTaskQueueConfig({
          namespace,
          taskQueue: modelQueue,
          taskQueueType: WORKFLOW,
          updateQueueRateLimit: { rateLimit: { requestsPerSecond: -1 }, reason: 'image-analysis doctor' },
        }),
      );
      return null;
    } catch (error) {
      return [PERMISSION_DENIED, UNIMPLEMENTED].includes(grpcCode(error)) ? messageOfGrpc(error) : null;
    }
  }

  async function lookAtModelQueue(): Promise<Finding> {
    const [{ activityTaskQueuePartitions }, unsettable] = await Promise.all([
      call((to) =>
        to.workflowService.listTaskQueuePartitions({ namespace, taskQueue: { name: modelQueue } }),
      ),
      rateProblem(),
    ]);
    const partitions = activityTaskQueuePartitions?.length ?? 1;
    if (partitions > 1) {
      return warn(
        `${modelQueue} has ${partitions} partitions, where its rate is not exact: each worker takes its part of the ` +
          'limits instead, also while the others have nothing to do.',
        "Set in the server's dynamic configuration matching.numTaskqueueReadPartitions=1 and " +
          'matching.numTaskqueueWritePartitions=1 (deploy/temporal-dynamicconfig.yaml).',
      );
    }
    if (unsettable !== null) {
      return warn(
        `The server sets no rate for ${modelQueue}: ${unsettable}. Each worker takes its part of the limits instead.`,
        'Use a newer server (1.32 has it), and let the workers call UpdateTaskQueueConfig.',
      );
    }
    return ok(
      `${modelQueue} has one partition and takes a rate, by which all workers share the limits. Whether equal runs ` +
        'take turns (matching.enableFairness) no server tells.',
    );
  }

  /** Who has polled a queue, and how long ago, in milliseconds. */
  async function pollersOf(name: string, taskQueueType: number): Promise<{ name: string; ageMs: number }[]> {
    const { pollers } = await call((to) =>
      to.workflowService.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType }),
    );
    return (pollers ?? []).map(({ identity, lastAccessTime }) => ({
      name: identity ?? '',
      ageMs: now() - (optionalTsToMs(lastAccessTime) ?? 0),
    }));
  }

  async function lookAtWorkers(): Promise<Finding> {
    const [workflows, activities, calls] = await Promise.all([
      pollersOf(taskQueue, WORKFLOW),
      pollersOf(taskQueue, ACTIVITY),
      pollersOf(modelQueue, ACTIVITY),
    ]);
    const all = [workflows, activities, calls];
    if (all.every((pollers) => pollers.length === 0)) {
      if (embedded) return skipped(`The engine has no worker now: it starts one with \`${calledAs} run\`.`);
      return wrong(
        `No worker polls ${taskQueue}.`,
        `Start one with the same TASK_QUEUE: \`TEMPORAL_ADDRESS=${address} ${calledAs} worker\`.`,
      );
    }
    if (workflows.length === 0 || activities.length === 0) {
      return wrong(
        `Workers poll ${modelQueue}, and none polls ${taskQueue}.`,
        `Start one that does both: \`TEMPORAL_ADDRESS=${address} ${calledAs} worker\`.`,
      );
    }
    if (calls.length === 0) {
      return wrong(
        `Workers poll ${taskQueue}, and none polls ${modelQueue}: they are of another account.`,
        'Give workers and commands the same ACCOUNT and OPENAI_BASE_URL, for example ACCOUNT=default ' +
          'OPENAI_BASE_URL=https://api.openai.com/v1.',
      );
    }
    const youngest = Math.max(...all.map((pollers) => Math.min(...pollers.map(({ ageMs }) => ageMs))));
    if (youngest > GONE_AFTER_MS) {
      return warn(
        `No worker was seen at one of its two queues for ${Math.round(youngest / 1_000)} s: it has ended, hangs, or ` +
          'waits for the limit of a day.',
        `Look at the worker's log; start one with \`TEMPORAL_ADDRESS=${address} ${calledAs} worker\`.`,
      );
    }
    const fresh = new Set(calls.filter(({ ageMs }) => ageMs <= GONE_AFTER_MS).map(({ name }) => name));
    return ok(
      `${plural(fresh.size, 'worker')} polled ${taskQueue} and ${modelQueue} within the last minute or so.`,
    );
  }

  const unsaid = `Look at the server at ${config.address ?? config.dataDir}, its load and its log, and ask again.`;
  const check = (
    name: string,
    title: string,
    needs: readonly string[],
    look: () => Promise<Finding>,
  ): Check => ({ name, title, needs, remedy: unsaid, look });
  return {
    checks: [
      check('temporal', 'Temporal server', [], lookAtServer),
      check('namespace', 'Namespace', ['temporal'], lookAtNamespace),
      check('search-attributes', 'Search attributes', ['namespace'], lookAtAttributes),
      check('model-queue', 'Model queue', ['namespace'], lookAtModelQueue),
      check('workers', 'Workers', ['namespace'], lookAtWorkers),
    ],
    close: async () => connection?.close(),
  };
}

const isGrpc = (error: unknown): error is Error & { code: number; details?: unknown } =>
  error instanceof Error && 'code' in error && typeof error.code === 'number';

/** −1 for any other error. `Connection.connect` wraps the one that it got. */
function grpcCode(error: unknown): number {
  for (let at = error; at instanceof Error; at = at.cause) if (isGrpc(at)) return at.code;
  return -1;
}

const messageOfGrpc = (error: unknown): string => {
  const text =
    isGrpc(error) && typeof error.details === 'string' && error.details !== ''
      ? error.details
      : String(error);
  return text.replace(/\.$/, '');
};
